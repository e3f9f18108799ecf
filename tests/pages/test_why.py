"""The page for curators: who may, what it says, and the golden set on it."""

from __future__ import annotations

import re
import shlex
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from ingestion.models import Chunk, Collection, Document, Role
from rag_site.models import User
from retrieval import search as searching
from retrieval.golden import GoldenTooSlow
from retrieval.models import GoldenQuestion, GoldenRun
from tests.factories import (
    alice,
    bob,
    charlie,
    make_collection,
    make_ready_document,
    make_user,
)
from tests.fakes import HashEmbedder

pytestmark = pytest.mark.django_db

QUESTION = "How many litres does the pump hold?"


@pytest.fixture(autouse=True)
def fake_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "get_embedder", HashEmbedder)


@pytest.fixture
def shared() -> Collection:
    collection = make_collection(shared_with=bob(), role=Role.WRITER)
    make_ready_document(
        collection, "pump.txt", ["The pump holds 40 litres.", "Valves are red."]
    )
    return collection


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(user: User, collection: Collection, **query: Any) -> Any:
    return signed_in(user).get(reverse("why", args=[collection.pk]), query)


def test_writers_and_managers_see_the_page(shared: Collection) -> None:
    for user in (alice(), bob()):
        assert page(user, shared).status_code == 200


@pytest.mark.parametrize("role", [Role.READER, None])
def test_readers_and_strangers_do_not_learn_that_it_exists(
    shared: Collection, role: Role | None
) -> None:
    if role:
        shared.memberships.create(user=charlie(), role=role)
    stranger = signed_in(charlie())
    golden = GoldenQuestion.objects.create(
        collection=shared, question="q", document=Document.objects.get(), passage="p"
    )
    assert stranger.get(reverse("why", args=[shared.pk])).status_code == 404
    for name, args in (
        ("save_golden", [shared.pk]),
        ("run_golden", [shared.pk]),
        ("remove_golden", [shared.pk, golden.pk]),
    ):
        assert stranger.post(reverse(name, args=args)).status_code == 404
    assert GoldenQuestion.objects.filter(pk=golden.pk).exists()


def test_the_set_runs_from_a_browser_in_any_language(shared: Collection) -> None:
    client = signed_in(alice())
    GoldenQuestion.objects.create(
        collection=shared,
        question=QUESTION,
        document=Document.objects.get(),
        passage="The pump holds 40 litres.",
    )
    address, german = reverse("why", args=[shared.pk]), {"Accept-Language": "de"}
    html = client.get(address, {"q": QUESTION}, headers=german).content.decode()
    form = html.split(reverse("run_golden", args=[shared.pk]))[1].split("</form>")[0]
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    assert fields["a-weight"] == "0.78"
    client.post(reverse("run_golden", args=[shared.pk]), fields, headers=german)
    assert GoldenRun.objects.get().config["weight"] == 0.78


def test_staff_see_it_where_they_may_read_and_nowhere_else(shared: Collection) -> None:
    staff = make_user("root", is_superuser=True)
    assert page(staff, shared).status_code == 404
    shared.memberships.create(user=staff, role=Role.READER)
    assert page(staff, shared).status_code == 200


def test_it_shows_ranks_scores_and_timings(shared: Collection) -> None:
    found = page(alice(), shared, q=QUESTION)
    ((_, side),) = found.context["sides"]
    assert (side.lines[0].hit.dense_rank, side.lines[0].hit.lexical_rank) == (1, 1)
    text = found.content.decode()
    assert "The pump holds 40 litres." in text
    assert "rank 1 · " in text
    assert "total" in text
    assert "Your rights left out nothing of this collection." in text


def test_two_configurations_stand_side_by_side(shared: Collection) -> None:
    found = page(
        alice(), shared, q=QUESTION, compare="on", **{"b-method": "lexical", "b-k": "1"}
    )
    (_, first), (_, second) = found.context["sides"]
    assert [len(first.lines), len(second.lines)] == [2, 1]
    assert [line.other_rank for line in first.lines] == [1, None]
    assert second.lines[0].hit.similarity is None
    assert "only here" in found.content.decode()


def test_what_cannot_be_asked_is_said_on_the_page(shared: Collection) -> None:
    for query in ({"q": "pump type:exe"}, {"q": "file:pump"}, {"q": "x", "a-k": "0"}):
        found = page(alice(), shared, **query)
        assert found.status_code == 422
    assert b"is greater than or equal to 1" in found.content


def test_filters_of_the_question_hold(shared: Collection) -> None:
    make_ready_document(shared, "tank.txt", ["The tank holds 50 litres."])
    found = page(alice(), shared, q="litres file:tank")
    ((_, side),) = found.context["sides"]
    assert {line.hit.document for line in side.lines} == {"tank.txt"}


def post(user: User, name: str, *args: Any, **data: Any) -> Any:
    return signed_in(user).post(reverse(name, args=args), data)


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_a_question_is_saved_run_and_removed(shared: Collection) -> None:
    chunk = Chunk.objects.get(text="The pump holds 40 litres.")
    back = f"q={QUESTION}&a-k=3"
    saved = post(bob(), "save_golden", shared.pk, q=QUESTION, chunk=chunk.pk, back=back)
    assert saved.status_code == 302
    assert "a-k=3" in saved["Location"]
    golden = GoldenQuestion.objects.get()
    assert (golden.passage, golden.document.name) == (chunk.text, "pump.txt")
    again = post(bob(), "save_golden", shared.pk, q=f" {QUESTION}", chunk=chunk.pk)
    assert said(again) == ["This passage is saved for this question already."]

    for method in ("lexical", "hybrid"):
        post(alice(), "run_golden", shared.pk, **{"a-method": method})
    last, before = GoldenRun.objects.all()
    assert (last.config["method"], before.config["method"]) == ("hybrid", "lexical")
    assert (last.recall_at_5, last.mrr, last.places) == (1, 1, {str(golden.pk): 1})
    shown = page(alice(), shared).content.decode()
    assert shown.count("1.000") == 4
    assert "Recall@5" in shown

    post(bob(), "remove_golden", shared.pk, golden.pk)
    assert not GoldenQuestion.objects.exists()
    gone = post(bob(), "remove_golden", shared.pk, golden.pk)
    assert gone.status_code == 404


def test_passages_of_other_collections_cannot_be_saved(shared: Collection) -> None:
    make_ready_document(make_collection(charlie(), "Theirs"), "x.txt", ["Hidden."])
    chunk = Chunk.objects.get(text="Hidden.")
    for wanted in (chunk.pk, 10**15, "x"):
        refused = post(alice(), "save_golden", shared.pk, q="x", chunk=wanted)
        assert refused.status_code == 404
    assert not GoldenQuestion.objects.exists()


def test_a_set_of_nothing_is_not_run(shared: Collection) -> None:
    refused = post(alice(), "run_golden", shared.pk)
    assert said(refused) == [
        "This collection has no golden questions yet. Save one first."
    ]
    assert post(alice(), "run_golden", uuid4()).status_code == 404


def test_a_name_in_a_command_to_paste_is_quoted_for_the_shell(
    shared: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object, **__: object) -> None:
        raise GoldenTooSlow

    monkeypatch.setattr("retrieval.golden.run", slow)
    Collection.objects.update(name="x'; rm -rf ~; '")
    (told,) = said(post(alice(), "run_golden", shared.pk))
    command = told.partition(" Run it with ")[2].removesuffix(".")
    assert shlex.split(command)[-1] == "x'; rm -rf ~; '"


def test_the_way_back_stays_on_the_page(shared: Collection) -> None:
    answered = post(
        alice(), "run_golden", shared.pk, back="//evil.example/?q=1#x\r\nSet-Cookie: a"
    )
    assert answered["Location"].startswith(reverse("why", args=[shared.pk]))
    assert "\n" not in answered["Location"]
