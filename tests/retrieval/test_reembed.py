"""Another embedding model beside the live one: filled, checked, live, taken back."""

from __future__ import annotations

import hashlib
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from generation.server.questions import QuestionEmbedder
from ingestion import reembedding
from ingestion.embedding import Embedder
from ingestion.errors import EmbedderChanged, ReembedRefused, SpaceBusy, SpaceChanged
from ingestion.models import Chunk, Embedding, EmbeddingSpace
from ingestion.reembedding import Watch
from ingestion.spaces import Model, ensure_live_space, hold_live, live_space
from ingestion.visibility import Visible
from retrieval import golden, space_checks
from retrieval.search import search
from retrieval.types import RetrievalConfig
from tests.factories import (
    alice,
    asker,
    make_collection,
    make_ready_document,
    make_user,
)
from tests.fakes import HashEmbedder, word_tokenizer

pytestmark = pytest.mark.django_db(transaction=True)

SUBJECTS = ("pump", "valve", "boiler", "turbine", "sensor", "gasket", "filter", "rotor")
PAGES = [
    f"The {name} of hall {number} was checked by the engineer on duty.\n\n"
    f"Its {name} number {number} must be greased every {number + 2} months."
    for number, name in enumerate(SUBJECTS)
]
State, Step = EmbeddingSpace.State, EmbeddingSpace.Step


class Wide(HashEmbedder):
    name = "wide"
    digest = hashlib.sha256(b"wide").hexdigest()
    dimension = 512


class Blind(Wide):
    """Tells no text from another."""

    def embed_question(self, text: str):  # type: ignore[no-untyped-def]
        return super().embed_question("same")


EMBEDDERS: dict[str, Embedder] = {"hash-embedder": HashEmbedder(), "wide": Wide()}


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    def described(name: str) -> tuple[Model, int]:
        found = EMBEDDERS[name]
        return Model(name, found.digest, found.dimension), found.max_tokens

    monkeypatch.setattr(reembedding, "_described", described)
    monkeypatch.setattr(reembedding, "tokenizer_for", lambda name: word_tokenizer())
    monkeypatch.setattr(reembedding, "_STRIDE", 4)
    monkeypatch.setattr(
        "retrieval.search.get_embedder", lambda name=None: EMBEDDERS[name or "wide"]
    )
    make_ready_document(make_collection(alice()), pages=PAGES)


def work(watch: Watch | None = None, **embedders: Embedder) -> bool:
    known = EMBEDDERS | embedders
    return reembedding.work(space_checks.recall, watch, load=lambda name: known[name])


def states() -> dict[str, str]:
    return dict(EmbeddingSpace.objects.values_list("model_name", "state"))


def count(name: str) -> int:
    return Embedding.objects.filter(space__model_name=name).count()


def found() -> list[str]:
    visible = Visible(user_id=alice().pk)
    config = RetrievalConfig(k=3, method="dense")
    result = search("grease the turbine", visible, config)
    return [hit.text for hit in result.hits]


def test_the_new_model_goes_live_and_the_old_one_comes_back_and_goes() -> None:
    before = found()
    assert "turbine" in before[0]
    reembedding.start("wide")
    assert states() == {"hash-embedder": "live", "wide": "building"}
    assert found() == before
    told: list[str] = []
    assert work(Watch(progress=lambda space: told.append(space.step)))
    assert states() == {"hash-embedder": "retired", "wide": "live"}
    assert list(dict.fromkeys(told)) == ["embedding", "indexing", "checking"]
    space = live_space()
    assert space is not None
    assert (space.recall, space.recall_of_live) == (1.0, 1.0)
    assert count("wide") == Chunk.objects.count() == 16
    assert "turbine" in found()[0]

    # Uploaded since: the way back must not lose it.
    late = make_collection(alice(), "Late")
    make_ready_document(late, "late.txt", ["A crane."], embedder=Wide())
    reembedding.roll_back()
    assert work()
    assert states() == {"hash-embedder": "live", "wide": "retired"}
    assert count("hash-embedder") == Chunk.objects.count() == 17
    assert found() == before

    with pytest.raises(ReembedRefused, match="a minute ago"):
        reembedding.drop_retired()
    EmbeddingSpace.objects.filter(state=State.RETIRED).update(
        changed_at="2026-01-01 00:00Z"
    )
    assert reembedding.drop_retired() == ["wide"]
    assert states() == {"hash-embedder": "live"}
    with pytest.raises(ReembedRefused, match="no earlier model"):
        reembedding.roll_back()


def test_a_run_that_ends_early_is_gone_on_with() -> None:
    reembedding.start("wide")
    steps = iter([False, False, True])
    assert not work(Watch(is_over=lambda: next(steps)))
    kept = set(Embedding.objects.filter(space__model_name="wide").values_list("chunk"))
    assert 0 < len(kept) < 16
    assert states()["wide"] == "building"
    embedded: list[str] = []

    class Counting(Wide):
        def embed_passages(self, texts):  # type: ignore[no-untyped-def]
            embedded.extend(texts)
            return super().embed_passages(texts)

    reembedding.start("wide")  # asked for again: the same space
    assert work(wide=Counting())
    assert len(embedded) == 16 - len(kept)
    assert states()["wide"] == "live"


def test_what_is_uploaded_meanwhile_is_there_at_the_flip() -> None:
    reembedding.start("wide")
    uploaded = iter(["indexing", "checking"])
    wanted = next(uploaded)

    def upload(space: EmbeddingSpace) -> None:
        nonlocal wanted
        if space.step == wanted:
            wanted = next(uploaded, "")
            made = make_collection(alice(), space.step)
            make_ready_document(made, "new.txt", ["A hoist.\n\nA winch."])

    assert work(Watch(progress=upload))
    assert count("wide") == Chunk.objects.count() == 20


def test_a_worse_model_does_not_go_live_by_itself() -> None:
    reembedding.start("wide")
    with pytest.raises(ReembedRefused, match="--accept"):
        work(wide=Blind())
    space = reembedding.building_space()
    assert space is not None
    assert (space.step, space.recall_of_live) == ("stopped", 1.0)
    assert space.recall is not None
    assert space.recall < 0.8
    assert "--accept" in space.problem
    assert not work(wide=Blind())
    reembedding.start("wide", is_forced=True)
    assert work(wide=Blind())
    assert states()["wide"] == "live"


@pytest.mark.parametrize(
    ("name", "max_tokens", "words"),
    [
        ("hash-embedder", 256, "live model already"),
        ("wide", 10, "window of wide is 10"),
    ],
)
def test_a_model_that_makes_no_sense_is_refused(
    name: str, max_tokens: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HashEmbedder, "max_tokens", max_tokens)
    with pytest.raises(ReembedRefused, match=words):
        reembedding.start(name)
    assert states() == {"hash-embedder": "live"}


def test_only_one_process_works_and_a_cancelled_space_is_left() -> None:
    reembedding.start("wide")
    with reembedding._alone(), pytest.raises(SpaceBusy):
        work()

    def cancel(space: EmbeddingSpace) -> None:
        if space.done:
            reembedding.cancel()

    assert not work(Watch(progress=cancel))
    assert states() == {"hash-embedder": "live", "wide": "retired"}
    assert reembedding.building_space() is None


def test_the_way_back_does_not_lead_to_a_space_that_was_never_live() -> None:
    reembedding.start("wide", is_forced=True)
    reembedding.cancel()
    with pytest.raises(ReembedRefused, match="no earlier model"):
        reembedding.roll_back()
    assert not reembedding.start("wide").is_forced


def test_a_late_writer_is_told_to_embed_again() -> None:
    old = live_space()
    assert old is not None
    reembedding.start("wide")
    work()
    with pytest.raises(SpaceChanged):
        hold_live(old)
    with pytest.raises(SpaceChanged):
        ensure_live_space(HashEmbedder())
    EmbeddingSpace.objects.filter(pk=old.pk).delete()
    with pytest.raises(EmbedderChanged):
        ensure_live_space(HashEmbedder())


@pytest.fixture
def staff(client: Client, settings: Any) -> Client:
    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": plain}}
    client.force_login(make_user("dora", is_staff=True))
    return client


def test_the_command_and_the_page_tell_how_far_it_is(
    staff: Client,
) -> None:
    out = StringIO()
    call_command("reembed", "--model", "wide", "--json", stdout=out)
    rows = {row["model"]: row for row in json.loads(out.getvalue())["spaces"]}
    assert (rows["wide"]["state"], rows["wide"]["step"]) == ("building", "waiting")
    EmbeddingSpace.objects.filter(model_name="wide").update(
        step=Step.EMBEDDING, done=4, total=16
    )
    page = staff.get(reverse("health")).content.decode()
    assert "Embedding the passages" in page
    assert 'value="25"' in page
    out = StringIO()
    call_command("reembed", stdout=out)
    assert "embedding the passages, 25 %" in out.getvalue()
    call_command("reembed", "--cancel", stdout=out)
    with pytest.raises(CommandError, match="Nothing is being built"):
        call_command("reembed", "--accept", stdout=out)
    EmbeddingSpace.objects.filter(model_name="wide").update(
        step=Step.STOPPED, problem="Finds less."
    )
    with pytest.raises(SystemExit):
        call_command("reembed", stdout=out)
    assert "Finds less." in out.getvalue()


async def test_the_model_server_embeds_with_the_model_that_is_named() -> None:
    digests = {name: embedder.digest for name, embedder in EMBEDDERS.items()}
    server = QuestionEmbedder(
        lambda name: EMBEDDERS[name], name="hash-embedder", digests=digests
    )
    wide = await server.embed(["a pump"], as_question=True, model="wide")
    assert (wide.model, wide.digest, len(wide.vectors[0])) == ("wide", Wide.digest, 512)
    # A client of OpenAI's protocol may name a model of theirs.
    for name in ("", "text-embedding-3-small"):
        usual = await server.embed(["a pump"], as_question=False, model=name)
        assert (usual.model, len(usual.vectors[0])) == ("hash-embedder", 384)


def test_golden_questions_are_asked_first_and_of_their_collection_alone() -> None:
    text = "Quokkas eat rye bread at noon when nobody looks."
    for name in ("One", "Other"):
        make_ready_document(make_collection(alice(), name), pages=[text])
    chunk = Chunk.objects.filter(text=text).earliest("pk")
    golden.save(
        asker(alice()),
        chunk.version.document.collection,
        question="Who eats rye bread? file:manual",
        chunk_id=chunk.pk,
    )
    asked = space_checks.golden_questions()
    assert [(q.text, q.right) for q in asked] == [
        ("Who eats rye bread?", frozenset([chunk.pk]))
    ]
    live = live_space()
    assert live is not None
    assert space_checks.recall(live, HashEmbedder()) == 1.0


def test_a_model_that_misses_the_golden_questions_does_not_go_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(space_checks, "QUESTIONS", 0)
    monkeypatch.setattr(space_checks, "_AMONG", 1)
    for chunk in Chunk.objects.filter(text__contains="greased"):
        golden.save(
            asker(alice()),
            chunk.version.document.collection,
            question=chunk.text,
            chunk_id=chunk.pk,
        )
    reembedding.start("wide")
    with pytest.raises(ReembedRefused, match="finds the passages of"):
        work(wide=Blind())
    space = EmbeddingSpace.objects.get(model_name="wide")
    assert (space.state, space.recall_of_live) == (State.BUILDING, 1.0)
    assert space.recall is not None
    assert space.recall <= 0.2
