"""Answer quality and the inbox: who may, what they say, what they keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from generation import services
from generation.curating import golden_runs
from generation.curating.models import AnswerRun, Approval, InboxMark, RunAnswer
from generation.models import Answer, Conversation, Feedback
from ingestion.models import Collection, Document, Role
from rag_site.models import AuditEvent, User
from retrieval.models import GoldenAnswer
from tests.factories import (
    alice,
    asker,
    bob,
    charlie,
    make_collection,
    make_ready_document,
    make_user,
)

pytestmark = pytest.mark.django_db

# What an answer has that tells something.
ANSWERED = {"is_refused": False, "outcome": "answered", "text": "40 litres [1]."}

ClientOf = Callable[[User], Client]
QUESTION = "How many litres does the pump hold?"


@pytest.fixture
def shared() -> Collection:
    """Alice's; Bob writes, Charlie reads, Dora is a stranger."""
    collection = make_collection(shared_with=bob(), role=Role.WRITER, name="Pumps")
    collection.memberships.create(user=charlie(), role=Role.READER)
    make_ready_document(collection, "pump.txt", ["The pump holds 40 litres."])
    return collection


@pytest.fixture
def golden(shared: Collection) -> GoldenAnswer:
    return GoldenAnswer.objects.create(
        collection=shared, question=QUESTION, accepted=["40 litres"]
    )


def make_run(collection: Collection, *texts: str, **config: object) -> AnswerRun:
    """A finished run of one question each, answered with ``texts``."""
    document = collection.documents.first()
    assert document
    run = AnswerRun.objects.create(
        collection=collection,
        state=AnswerRun.State.RUNNING,
        config={"model": "tiny", "answer: refusal_threshold": 0.15, **config},
        attempt=1,
    )
    for ordinal, text in enumerate(texts, 1):
        RunAnswer.objects.create(
            run=run,
            ordinal=ordinal,
            question=f"{QUESTION} {ordinal}",
            accepted=["40 litres"],
            answered_at=timezone.now(),
            text=text,
            is_refused=not text,
            f1=1.0 if text == "40 litres" else 0.0,
            verdicts=["supported"] if text else [],
            seconds=1.5,
            confidence=0.8 if text else 0.1,
            sources=[_source(document)] if text else [],
        )
    golden_runs.finish(golden_runs.Claim(run=run, attempt=1))
    run.refresh_from_db()
    return run


def _source(document: Document) -> dict[str, Any]:
    return {
        "n": 1,
        "page": 1,
        "start": 0,
        "end": 25,
        "is_cited": True,
        "document": str(document.pk),
        "version": str(document.current_version_id),
    }


def make_answer(
    user: User, collection: Collection, question: str, **fields: Any
) -> Answer:
    conversation = Conversation.objects.create(user=user)
    values = {
        "text": "Not in your documents.",
        "is_refused": True,
        "outcome": Answer.Outcome.NOT_IN_DOCUMENTS,
        "state": Answer.State.DONE,
        "asked_of": [str(collection.pk)],
    }
    return Answer.objects.create(
        conversation=conversation, question=question, **{**values, **fields}
    )


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


# --- who may -------------------------------------------------------------------------


def _doors(collection: Collection) -> dict[str, tuple[str, str]]:
    """Every address of these pages for ``collection``, with its method."""
    run = make_run(collection, "40 litres")
    row = GoldenAnswer.objects.create(collection=collection, question="q")
    key = "0" * 64
    named = {
        "answer_quality": ("get", []),
        "export_golden": ("get", []),
        "answer_run": ("get", [run.pk]),
        "run_state": ("get", [run.pk]),
        "inbox": ("get", []),
        "save_golden_answer": ("post", []),
        "import_golden": ("post", []),
        "remove_golden_answer": ("post", [row.pk]),
        "export_pairs": ("post", []),
        "start_run": ("post", []),
        "stop_run": ("post", [run.pk]),
        "inbox_done": ("post", [key]),
        "inbox_open": ("post", [key]),
    }
    return {
        name: (method, reverse(name, args=[collection.pk, *args]))
        for name, (method, args) in named.items()
    }


def test_readers_and_strangers_do_not_learn_that_they_exist(
    shared: Collection, client_of: ClientOf
) -> None:
    doors = _doors(shared)
    for person in (charlie(), make_user("dora"), make_user("root", is_superuser=True)):
        client = client_of(person)
        for name, (method, address) in doors.items():
            assert getattr(client, method)(address).status_code == 404, name
    assert GoldenAnswer.objects.count() == 1
    assert AnswerRun.objects.count() == 1


def test_writers_and_managers_come_in(shared: Collection, client_of: ClientOf) -> None:
    doors = _doors(shared)
    for person in (alice(), bob()):
        for name in ("answer_quality", "export_golden", "answer_run", "inbox"):
            assert client_of(person).get(doors[name][1]).status_code == 200, name


def test_what_belongs_to_another_collection_is_not_reached_through_ones_own(
    shared: Collection, golden: GoldenAnswer, client_of: ClientOf
) -> None:
    dora = make_user("dora")
    own = make_collection(dora, "Own")
    run = make_run(shared, "40 litres")
    client = client_of(dora)
    for name, args in (
        ("remove_golden_answer", [golden.pk]),
        ("stop_run", [run.pk]),
    ):
        assert client.post(reverse(name, args=[own.pk, *args])).status_code == 404
    for name in ("answer_run", "run_state"):
        address = reverse(name, args=[own.pk, run.pk])
        assert client.get(address).status_code == 404
    assert GoldenAnswer.objects.filter(pk=golden.pk).exists()


def test_the_threshold_is_for_staff(client_of: ClientOf) -> None:
    assert client_of(alice()).get("/health/threshold").status_code == 404
    page = client_of(make_user("sam", is_staff=True)).get("/health/threshold")
    text = page.content.decode()
    assert "in force" in text
    assert "SQuAD 2" in text


# --- golden answers ------------------------------------------------------------------


def post(client: Client, name: str, *args: Any, **data: Any) -> Any:
    return client.post(reverse(name, args=args), data)


def test_a_golden_answer_is_saved_changed_and_removed(
    shared: Collection, client_of: ClientOf
) -> None:
    client = client_of(bob())
    save = ("save_golden_answer", shared.pk)
    post(client, *save, question=f" {QUESTION} ", accepted="40 litres\n\nforty\n")
    row = GoldenAnswer.objects.get()
    assert (row.question, row.accepted) == (QUESTION, ["40 litres", "forty"])
    assert row.added_by == bob()
    post(client, *save, question=QUESTION, is_unanswerable="on")
    row.refresh_from_db()
    assert row.accepted == []
    page = client.get(reverse("answer_quality", args=[shared.pk]))
    assert "Not in the documents" in page.content.decode()
    post(client, "remove_golden_answer", shared.pk, row.pk)
    assert not GoldenAnswer.objects.exists()


@pytest.mark.parametrize(
    "data",
    [
        {"question": QUESTION},
        {"question": QUESTION, "accepted": " \n "},
        {"question": QUESTION, "accepted": "40", "is_unanswerable": "on"},
        {"question": "", "accepted": "40"},
        {"question": "type:pdf", "accepted": "40"},
    ],
)
def test_what_cannot_be_golden_is_said_with_the_words_kept(
    shared: Collection, client_of: ClientOf, data: dict[str, str]
) -> None:
    page = post(client_of(bob()), "save_golden_answer", shared.pk, **data)
    assert page.status_code == 422
    assert page.context["form"].errors
    assert not GoldenAnswer.objects.exists()


def test_the_set_travels_as_json_lines(
    shared: Collection, golden: GoldenAnswer, client_of: ClientOf
) -> None:
    client = client_of(bob())
    file = client.get(reverse("export_golden", args=[shared.pk]))
    assert "attachment" in file["Content-Disposition"]
    assert json.loads(file.content) == {"question": QUESTION, "answers": ["40 litres"]}
    Collection.objects.update(name="Pumps\r\nSet-Cookie: a")
    named = client.get(reverse("export_golden", args=[shared.pk]))
    assert 'filename="golden Pumps Set-Cookie: a.jsonl"' in str(named.headers)
    golden.delete()

    def send(content: bytes) -> str:
        sent = SimpleUploadedFile("golden.jsonl", content)
        return said(post(client, "import_golden", shared.pk, lines=sent))[-1]

    assert send(file.content) == "1 imported, 0 known before."
    assert send(file.content) == "0 imported, 1 known before."
    passage = {"question": "q", "document": "pump.txt", "passage": "The pump"}
    both = json.dumps({**passage, "answers": []})
    assert send(both.encode()) == "2 imported, 0 known before."
    assert GoldenAnswer.objects.get(question="q").accepted == []
    half = rb'{"question": "z", "answers": ["\ud800"]}'
    for broken in (b"{", b"[" * 100_000, half):
        assert send(broken) == "Line 1 is not JSON."
    for answers in ('"x"', "[1]", '[""]'):
        line = f'{{"question": "z", "answers": {answers}}}'
        assert send(line.encode()).startswith("Line 1 has ")
    assert not GoldenAnswer.objects.filter(question="z").exists()


# --- runs ----------------------------------------------------------------------------


def test_a_run_is_begun_followed_and_stopped(
    shared: Collection, golden: GoldenAnswer, client_of: ClientOf
) -> None:
    client = client_of(bob())
    post(client, "start_run", shared.pk)
    run = AnswerRun.objects.get()
    assert (run.state, run.run_by) == (AnswerRun.State.QUEUED, bob())
    again = post(client, "start_run", shared.pk)
    assert said(again) == [
        "The golden answers of this collection are being asked already."
    ]
    page = client.get(reverse("answer_quality", args=[shared.pk])).content.decode()
    assert "0 of 1 questions answered" in page
    state = client.get(reverse("run_state", args=[shared.pk, run.pk]))
    assert "HX-Refresh" not in state
    post(client, "stop_run", shared.pk, run.pk)
    state = client.get(reverse("run_state", args=[shared.pk, run.pk]))
    assert state["HX-Refresh"] == "true"
    run.refresh_from_db()
    assert run.state == AnswerRun.State.STOPPED


def test_an_empty_set_is_not_run(shared: Collection, client_of: ClientOf) -> None:
    refused = post(client_of(bob()), "start_run", shared.pk)
    assert said(refused) == [
        "This collection has no golden answers yet. Save one first."
    ]


def run_page(client: Client, run: AnswerRun, **query: Any) -> Any:
    return client.get(reverse("answer_run", args=[run.collection_id, run.pk]), query)


def test_two_runs_stand_side_by_side(shared: Collection, client_of: ClientOf) -> None:
    first = make_run(shared, "40 litres", "40 litres", "", model="old")
    second = make_run(shared, "40 litres", "Blue.", "40 litres", "40 litres")
    client = client_of(bob())
    page = run_page(client, second)
    compared = page.context["compared"]
    counts = (compared.better, compared.worse, compared.same, compared.new)
    assert counts == (1, 1, 1, 1)
    assert compared.config == [("model", "old", "tiny")]
    text = page.content.decode()
    assert "1 better, 1 worse, 1 the same, 1 not in the other run." in text
    document = shared.documents.get()
    link = f"/documents/{document.pk}?page=1&amp;start=0&amp;end=25&amp;version="
    assert text.count(link) == 5 + 1
    lines = {line.measure.name: line for line in page.context["lines"]}
    assert lines["f1"].first.mean == pytest.approx(0.6667)
    assert lines["f1"].second.mean == 0.75
    assert (lines["f1"].difference.n, lines["f1"].difference.mean) == (3, 0.0)
    assert lines["refusal_recall"].second.mean is None
    changed = run_page(client, second, changed="on", against=str(first.pk))
    names = [item.pair.second.ordinal for item in changed.context["shown"]]
    assert names == [2, 3, 4]
    alone = run_page(client, first)
    assert alone.context["first"] is None
    for wrong in (uuid4(), second.pk, "x"):
        assert run_page(client, second, against=str(wrong)).status_code == 404


def test_a_clear_difference_is_told_by_its_direction(
    shared: Collection, client_of: ClientOf
) -> None:
    make_run(shared, *["Blue."] * 8)
    better = make_run(shared, *["40 litres"] * 8)
    RunAnswer.objects.filter(run=better).update(seconds=9)
    page = run_page(client_of(bob()), better)
    verdicts = {line.measure.name: line.verdict for line in page.context["lines"]}
    assert (verdicts["f1"], verdicts["seconds"]) == ("better", "worse")
    assert verdicts["support_rate"] == ""


def test_sources_that_are_gone_are_not_named(
    shared: Collection, client_of: ClientOf
) -> None:
    run = make_run(shared, "40 litres")
    client = client_of(bob())
    assert "pump.txt" in run_page(client, run).content.decode()
    shared.documents.all().delete()
    assert "pump.txt" not in run_page(client, run).content.decode()


def test_the_curve_is_that_of_the_last_run_that_told_confidences(
    shared: Collection, client_of: ClientOf, settings: LazySettings
) -> None:
    settings.REFUSAL_THRESHOLD = 0.15
    client = client_of(bob())
    address = reverse("answer_quality", args=[shared.pk])
    assert client.get(address).context["threshold"].run is None
    run = make_run(shared, "40 litres", "")
    RunAnswer.objects.filter(run=make_run(shared, "Blue.")).update(confidence=None)
    found = client.get(address).context["threshold"]
    assert found.run == run
    points = {point.threshold: point for point in found.points}
    assert points[0.15].is_in_force
    assert (points[0.15].answered, points[0.15].f1) == (0.5, 0.5)
    assert points[0.9].answered == 0.0
    # At 0.1 the second question would have been answered; nobody knows how.
    assert (points[0.1].answered, points[0.1].f1) == (1.0, None)


def test_the_pages_take_few_queries(shared: Collection, client_of: ClientOf) -> None:
    client = client_of(bob())

    def counted(address: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    def all_pages(run: AnswerRun) -> list[int]:
        return [
            counted(reverse("answer_quality", args=[shared.pk])),
            counted(reverse("answer_run", args=[shared.pk, run.pk])),
            counted(reverse("inbox", args=[shared.pk])),
        ]

    make_run(shared, "40 litres")
    before = all_pages(make_run(shared, "40 litres"))
    for number in range(5):
        make_answer(charlie(), shared, f"Colour of part {number}?")
    after = all_pages(make_run(shared, *["40 litres"] * 10))
    assert after == before
    assert max(after) <= 25


# --- inbox ---------------------------------------------------------------------------


def groups(client: Client, collection: Collection, **query: str) -> list[Any]:
    page = client.get(reverse("inbox", args=[collection.pk]), query)
    assert page.status_code == 200
    return list(page.context["page"])


def test_questions_that_ask_the_same_are_one(
    shared: Collection, client_of: ClientOf
) -> None:
    make_answer(charlie(), shared, "What does the pump of 1987 cost?")
    partly = {
        "is_refused": False,
        "outcome": "partly",
        "missing": ["1987"],
        "text": "It costs 5.",
    }
    make_answer(charlie(), shared, "Does the pump of 1987 cost what?", **partly)
    liked = {"is_refused": False, "outcome": "answered", "text": "Red."}
    down = make_answer(alice(), shared, "Is it red?", **liked)
    Feedback.objects.create(
        answer=down, rating="down", reason="wrong", comment="It is blue."
    )
    make_answer(charlie(), shared, "Is it fine?", **liked)
    make_answer(charlie(), shared, "Being written?", state=Answer.State.WRITING)
    first, second = groups(client_of(bob()), shared)
    assert (first.question, first.disliked, first.count) == ("Is it red?", 1, 1)
    assert first.reasons == (("It is wrong", 1),)
    assert first.comments == ("It is blue.",)
    assert (second.count, second.refused, second.partly) == (2, 1, 1)
    assert second.missing == ("1987",)
    by_count = groups(client_of(bob()), shared, order="frequent")
    assert [group.count for group in by_count] == [2, 1]


def test_a_question_is_shown_as_it_was_asked_and_grouped_as_it_was_searched(
    shared: Collection, client_of: ClientOf
) -> None:
    for asked in ("Why was she dismissed?", "Why was Ada Holm dismissed?"):
        completed = "Why was Ada Holm dismissed?"
        make_answer(charlie(), shared, asked, standalone_question=completed)
    completed, missing = "Why did Max go in 1987?", ["Max", "1987"]
    make_answer(
        charlie(),
        shared,
        "Why did he go in 1987?",
        standalone_question=completed,
        missing=missing,
    )
    client = client_of(bob())
    other, both = groups(client, shared)
    assert (other.question, other.count) == ("Why did he go in 1987?", 1)
    assert (other.missing, both.count) == (("1987",), 2)
    assert "Max" not in client.get(reverse("inbox", args=[shared.pk])).content.decode()
    post(client, "inbox_done", shared.pk, both.key)
    assert [group.key for group in groups(client, shared)] == [other.key]


def test_who_asked_is_for_staff_and_answers_are_for_who_asked(
    shared: Collection, client_of: ClientOf
) -> None:
    answer = make_answer(charlie(), shared, "What does the pump cost?")
    address = reverse("inbox", args=[shared.pk])
    page = client_of(bob()).get(address).content.decode()
    assert "charlie" not in page
    assert str(answer.pk) not in page
    assert str(answer.conversation_id) not in page
    staff = make_user("sam", is_staff=True)
    shared.memberships.create(user=staff, role=Role.READER)
    assert "Asked by charlie" in client_of(staff).get(address).content.decode()
    own = make_answer(bob(), shared, "What colour is the pump?")
    assert str(own.pk) in client_of(bob()).get(address).content.decode()


def test_a_question_is_shown_where_it_was_asked_and_while_its_chat_is_there(
    shared: Collection, client_of: ClientOf
) -> None:
    other = make_collection(name="Other")
    answer = make_answer(charlie(), shared, "What does the pump cost?")
    client = client_of(alice())
    assert len(groups(client, shared)) == 1
    assert groups(client, other) == []
    answer.conversation.deleted_at = timezone.now()
    answer.conversation.save()
    assert groups(client, shared) == []


def test_what_is_done_comes_back_when_it_is_asked_again(
    shared: Collection, client_of: ClientOf
) -> None:
    make_answer(charlie(), shared, "What does the pump cost?")
    client = client_of(bob())
    (group,) = groups(client, shared)
    post(client, "inbox_done", shared.pk, group.key)
    assert groups(client, shared) == []
    assert len(groups(client, shared, state="done")) == 1
    post(client, "inbox_open", shared.pk, group.key)
    assert len(groups(client, shared)) == 1
    post(client, "inbox_done", shared.pk, group.key)
    make_answer(charlie(), shared, "The pump's cost?")
    (again,) = groups(client, shared)
    assert again.count == 2
    assert set(AuditEvent.objects.values_list("action", flat=True)) == {
        "inbox.done",
        "inbox.reopened",
    }
    unknown = post(client, "inbox_done", shared.pk, "f" * 64)
    assert unknown.status_code == 404
    assert InboxMark.objects.count() == 1


def test_a_thumb_down_brings_a_question_back(
    shared: Collection, client_of: ClientOf
) -> None:
    answer = make_answer(charlie(), shared, "What does the pump cost?")
    services.give_feedback(asker(charlie()), answer.pk, "up")
    client = client_of(bob())
    (group,) = groups(client, shared)
    post(client, "inbox_done", shared.pk, group.key)
    assert groups(client, shared) == []
    services.give_feedback(asker(charlie()), answer.pk, "down")
    assert len(groups(client, shared)) == 1


# --- an answer as golden -------------------------------------------------------------


def test_a_curator_saves_their_own_answer_as_golden(
    shared: Collection, client_of: ClientOf
) -> None:
    fields = {"is_refused": False, "outcome": "answered", "text": "40 litres [1]."}
    answer = make_answer(bob(), shared, QUESTION, **fields)
    client = client_of(bob())
    address = reverse("approve_answer", args=[answer.pk])
    chat = reverse("chat", args=[answer.conversation_id])
    assert address in client.get(chat).content.decode()
    form = client.get(address)
    assert form.context["form"].initial["accepted"] == "40 litres."
    kept = {"collection": shared.pk, "question": QUESTION, "accepted": "40 litres"}
    saved = client.post(address, {**kept, "is_right": "on"})
    assert saved["Location"] == f"{chat}?from={answer.pk}#a-{answer.pk}"
    assert GoldenAnswer.objects.get().accepted == ["40 litres"]
    assert Approval.objects.get().approved_by == bob()
    client.post(address, kept)
    assert not Approval.objects.exists()
    assert AuditEvent.objects.filter(action="answer.approved").count() == 2


def test_only_curators_save_and_only_into_what_was_asked(
    shared: Collection, client_of: ClientOf
) -> None:
    reader = make_answer(charlie(), shared, QUESTION)
    own = make_collection(charlie(), "Own")
    address = reverse("approve_answer", args=[reader.pk])
    client = client_of(charlie())
    chat = client.get(reverse("chat", args=[reader.conversation_id]))
    assert address not in chat.content.decode()
    kept = {"question": QUESTION, "is_unanswerable": "on", "collection": own.pk}
    assert client.get(address).status_code == 404
    assert client.post(address, kept).status_code == 404
    # A curator sees the question in the inbox, and still not the answer.
    assert client_of(bob()).get(address).status_code == 404
    reader.asked_of = [str(shared.pk), str(own.pk)]
    reader.save()
    wrong = client.post(address, {**kept, "collection": shared.pk})
    assert wrong.status_code == 404
    assert client.post(address, kept).status_code == 302
    assert GoldenAnswer.objects.get().collection == own


def test_a_form_is_no_golden_answer(shared: Collection, client_of: ClientOf) -> None:
    fields = {"parameters": {"schema": {"type": "object"}}, "is_refused": False}
    answer = make_answer(bob(), shared, QUESTION, **fields, outcome="answered")
    Answer.objects.update(text='{"a": 1}')
    kept = {"collection": shared.pk, "question": QUESTION, "accepted": "40"}
    address = reverse("approve_answer", args=[answer.pk])
    refused = client_of(bob()).post(address, kept)
    assert refused.status_code == 422
    assert b"Only a finished answer in words" in refused.content


def test_a_question_knows_the_collections_it_was_asked_of(shared: Collection) -> None:
    other = make_collection(charlie(), "Own")
    who = asker(charlie())
    named = services.ask(who, question="a?", collections=[shared.pk], via="web")
    everything = services.ask(who, question="b?", via="web")
    assert named.asked_of == [str(shared.pk)]
    assert set(everything.asked_of) == {str(shared.pk), str(other.pk)}
    assert everything.collections == []


def test_answers_from_before_know_the_collections_that_were_named(
    shared: Collection,
) -> None:
    named = make_answer(bob(), shared, "a?", asked_of=[], collections=["x", "y"])
    everything = make_answer(bob(), shared, "b?", asked_of=[])
    import_module("generation.migrations.0004_asked_of").fill(apps, None)
    named.refresh_from_db()
    everything.refresh_from_db()
    assert (named.asked_of, everything.asked_of) == (["x", "y"], [])


def test_a_lapsed_run_is_not_called_finished(
    shared: Collection, golden: GoldenAnswer, client_of: ClientOf
) -> None:
    golden_runs.start(asker(bob()), shared)
    assert golden_runs.claim_next()
    AnswerRun.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    page = client_of(bob()).get(reverse("answer_quality", args=[shared.pk]))
    assert page.context["active"].state == AnswerRun.State.RUNNING
    assert "0 of 1 questions answered" in page.content.decode()
