"""Golden questions: they survive a new reading, and travel as JSON lines."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from ingestion.models import Chunk, Collection, Document
from ingestion.visibility import visible_to
from rag_site.errors import NotFound, ValidationFailed
from retrieval import golden
from retrieval import search as searching
from retrieval.models import GoldenAnswer, GoldenQuestion, GoldenRun
from retrieval.types import RetrievalConfig
from tests.factories import alice, asker, charlie, make_collection, make_ready_document
from tests.fakes import HashEmbedder

pytestmark = pytest.mark.django_db

TEXT = "The pump holds 40 litres and must be filled before it is used."
QUESTION = "How many litres does the pump hold?"
CONFIG = RetrievalConfig(k=golden.DEPTH)


@pytest.fixture(autouse=True)
def fake_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "get_embedder", HashEmbedder)


@pytest.fixture
def collection() -> Collection:
    made = make_collection()
    pages = [TEXT, *[f"Part {n} is red and weighs {n} kg." for n in range(8)]]
    make_ready_document(made, "pump.txt", pages)
    return made


def save(collection: Collection, question: str = QUESTION, text: str = TEXT) -> None:
    chunk = Chunk.objects.get(text=text)
    golden.save(asker(alice()), collection, question=question, chunk_id=chunk.pk)


def run(collection: Collection, config: RetrievalConfig = CONFIG) -> GoldenRun:
    return golden.run(asker(alice()), collection, config)


def test_the_last_runs_are_kept(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden, "KEPT", 2)
    save(collection)
    made = [run(collection).pk for _ in range(3)]
    assert set(GoldenRun.objects.values_list("pk", flat=True)) == set(made[1:])


def test_a_run_measures_recall_and_rank(collection: Collection) -> None:
    save(collection)
    save(collection, "something else entirely", "Part 7 is red and weighs 7 kg.")
    made = run(collection, RetrievalConfig(k=1, method="lexical"))
    assert (made.questions, made.recall_at_5, made.mrr) == (2, 0.5, 0.5)
    assert sorted(made.places.values(), key=str) == [1, None]


def test_recall_is_the_share_of_the_right_passages_of_a_question(
    collection: Collection,
) -> None:
    for number in (1, 2):
        save(collection, "red parts", f"Part {number} is red and weighs {number} kg.")
    made = run(collection, RetrievalConfig(k=1, method="lexical"))
    assert made.questions == 1
    assert made.recall_at_5 in (0.0, 0.5)


@pytest.mark.parametrize(
    "pages",
    [
        [TEXT],
        [f"A new title. {TEXT} And a longer end of the same passage."],
        ["The pump holds 40 litres and must be filled before.", "It is used."],
    ],
)
def test_it_survives_a_new_reading(collection: Collection, pages: list[str]) -> None:
    """Chunks and spans change; the document and most of the words do not."""
    save(collection)
    old = Document.objects.get(name="pump.txt")
    new = make_ready_document(collection, "new", pages)
    new.versions.update(document=old, number=2)
    old.current_version = new.current_version
    old.save()
    assert run(collection).recall_at_5 == 1


def test_the_same_words_in_another_document_are_not_the_passage(
    collection: Collection,
) -> None:
    save(collection)
    GoldenQuestion.objects.update(
        document=make_ready_document(collection, "other.txt", ["Nothing."])
    )
    assert run(collection).recall_at_5 == 0


def test_a_run_sees_what_its_asker_sees(collection: Collection) -> None:
    save(collection)
    rows = GoldenQuestion.objects.all()
    score = golden.evaluate(rows, visible_to(asker(charlie())), CONFIG)
    assert score.recall_at_5 == 0


def test_a_deleted_document_takes_its_golden_questions_along(
    collection: Collection,
) -> None:
    save(collection)
    Document.objects.all().delete()
    with pytest.raises(golden.NoGolden):
        run(collection)


def test_a_run_that_takes_too_long_keeps_nothing(collection: Collection) -> None:
    save(collection)
    with pytest.raises(golden.GoldenTooSlow):
        golden.run(asker(alice()), collection, CONFIG, is_late=lambda: True)
    assert not GoldenRun.objects.exists()


def test_the_set_has_a_limit(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden, "MAX_QUESTIONS", 1)
    save(collection)
    with pytest.raises(golden.TooManyGolden):
        save(collection, "another")
    with pytest.raises(ValidationFailed):
        save(collection, "file:pump")
    with pytest.raises(NotFound):
        golden.save(asker(charlie()), collection, question="x", chunk_id=1)


def test_what_is_known_needs_no_room(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(collection)
    monkeypatch.setattr(golden, "MAX_QUESTIONS", 1)
    lines = golden.exported(collection)
    assert golden.imported(asker(alice()), collection, lines) == (0, 1)


def test_what_postgres_refuses_is_left_out(collection: Collection) -> None:
    half = "\ud83d"
    passage = {"document": "pump.txt", "passage": f"a{half}\x00b"}
    line = {"question": f"what{half}", "answers": [f"x{half}\x00"], **passage}
    assert golden.imported(asker(alice()), collection, [line]) == (2, 0)
    assert GoldenQuestion.objects.get().passage == "a?b"
    assert GoldenAnswer.objects.get().accepted == ["x?"]
    nothing = {**passage, "question": "q", "passage": "\x00"}
    with pytest.raises(ValidationFailed, match="Line 1 has no passage"):
        golden.imported(asker(alice()), collection, [nothing])


def test_a_question_that_could_not_be_asked_is_not_kept(
    collection: Collection, settings: Settings
) -> None:
    settings.MAX_QUESTION_CHARS = 100
    for extra in ({"answers": []}, {"document": "pump.txt", "passage": "p"}):
        line = {"question": "word " * 30, **extra}
        with pytest.raises(ValidationFailed, match="149 characters; the limit is 100"):
            golden.imported(asker(alice()), collection, [line])


# --- the command ---------------------------------------------------------------------


def evaluate(*args: str) -> dict[str, Any]:
    out = StringIO()
    call_command(
        *("evaluate", "golden", "--user", "alice", "--collection", "Manuals"),
        *args,
        stdout=out,
    )
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def test_the_command_runs_the_set_with_the_run_before_beside_it(
    collection: Collection,
) -> None:
    save(collection)
    first = evaluate("--json", "--method", "lexical")
    assert (first["questions"], first["recall@5"], first["mrr"]) == (1, 1.0, 1.0)
    assert first["previous"] is None
    assert first["places"] == [{"question": QUESTION, "place": 1}]
    second = evaluate("--json")
    assert second["previous"]["config"]["method"] == "lexical"
    assert second["config"]["method"] == "hybrid"
    assert GoldenRun.objects.count() == 2


def test_a_set_is_exported_and_imported(collection: Collection, tmp_path: Path) -> None:
    save(collection)
    path = tmp_path / "golden.jsonl"
    assert evaluate("--export", str(path))["exported"] == 1
    before = GoldenQuestion.objects.values_list("question", "passage", "document")[0]
    GoldenQuestion.objects.all().delete()
    assert evaluate("--import", str(path))["imported"] == 1
    assert evaluate("--import", str(path))["known_before"] == 1
    after = GoldenQuestion.objects.values_list("question", "passage", "document")[0]
    assert before == after
    with pytest.raises(CommandError, match="no/set cannot be written: No such file"):
        evaluate("--export", str(tmp_path / "no" / "set"))
    # As Notepad saves it.
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert evaluate("--import", str(path))["known_before"] == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"question": "q", "document": "no.txt", "passage": "p"}', "Line 2 names"),
        ('{"document": "pump.txt", "passage": "p"}', "Line 2 has no question"),
        ('{"question": "q", "document": "pump.txt"}', "Line 2 has no passage"),
        ("[1]", "Line 2 has no question"),
        ("{", "cannot be read"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_added(
    collection: Collection, tmp_path: Path, line: str, said: str
) -> None:
    good = '{"question": "q", "document": "pump.txt", "passage": "p"}'
    path = tmp_path / "golden.jsonl"
    path.write_text(f"{good}\n{line}\n")
    with pytest.raises(CommandError, match=said) as caught:
        evaluate("--import", str(path))
    assert caught.value.returncode == 1
    assert not GoldenQuestion.objects.exists()


@pytest.mark.parametrize(
    "args", [("--collection", "Nothing"), ("--import", "/no"), ("--user", "charlie")]
)
def test_bad_arguments_end_with_status_2(
    collection: Collection, args: tuple[str, ...]
) -> None:
    charlie()
    with pytest.raises(CommandError) as caught:
        evaluate(*args)
    assert caught.value.returncode in (1, 2)
