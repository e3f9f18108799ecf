"""Pairs to tune a model with: which ones, with which words, and for whom."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from generation.curating import pairs
from generation.curating.models import Approval
from generation.models import Answer, Citation, Conversation, Feedback, Source
from generation.prompting import messages_of, prompt_version
from generation.selectors import sources_of
from ingestion.models import Collection, Document, Role
from rag_site.models import AuditEvent
from tests.factories import alice, asker, bob, charlie, make_collection
from tests.factories import make_ready_document as make_document

pytestmark = pytest.mark.django_db

QUESTION = "How many litres does the pump hold?"
TEXT = "The pump holds 40 litres."


@pytest.fixture
def collection() -> Collection:
    made = make_collection(shared_with=bob(), role=Role.WRITER, name="Pumps")
    make_document(made, "pump.txt", [TEXT])
    return made


def make_answer(
    collection: Collection, *documents: Document, verdict: str = "supported"
) -> Answer:
    """Charlie's, over ``documents`` or the collection's first one."""
    conversation = Conversation.objects.create(user=charlie())
    answer = Answer.objects.create(
        conversation=conversation,
        question=f"{QUESTION} file:pump",
        text="It holds 40 litres [1].",
        state=Answer.State.DONE,
        outcome="answered",
        model_digest="a" * 64,
        asked_of=[str(collection.pk)],
    )
    for n, document in enumerate(documents or collection.documents.all()[:1], 1):
        Source.objects.create(
            answer=answer,
            n=n,
            version=document.current_version,
            start=0,
            end=len(TEXT),
            page=1,
            score=0.5,
            is_cited=True,
        )
    Citation.objects.create(
        answer=answer, start=0, end=23, sources=[1], verdict=verdict
    )
    return answer


def approve(answer: Answer, collection: Collection) -> None:
    Approval.objects.create(answer=answer, collection=collection)


def like(answer: Answer) -> None:
    Feedback.objects.create(answer=answer, rating="up")


def exported(collection: Collection, user: Any = None) -> list[dict[str, Any]]:
    return list(pairs.exported(asker(user or alice()), collection))


def test_a_pair_is_what_the_site_would_send_and_the_answer(
    collection: Collection,
) -> None:
    answer = make_answer(collection)
    approve(answer, collection)
    (pair,) = exported(collection)
    system, user, assistant = pair["messages"]
    assert [m["role"] for m in pair["messages"]] == ["system", "user", "assistant"]
    sent = messages_of(QUESTION, sources_of(answer, asker(alice())))
    assert [system["content"], user["content"]] == [m.content for m in sent]
    assert TEXT in user["content"]
    assert "file:" not in user["content"]
    assert assistant["content"] == "It holds 40 litres [1]."
    told = pair["metadata"]
    assert (told["answer_id"], told["approved"]) == (str(answer.pk), "by a curator")
    assert told["prompt_version"] == prompt_version()
    assert told["model_digest"] == "a" * 64
    assert (told["passages"][0]["start"], told["passages"][0]["end"]) == (0, len(TEXT))
    assert "charlie" not in json.dumps(pair)
    record = AuditEvent.objects.get(action="pairs.exported")
    assert record.object_id == str(collection.pk)


def test_helpful_answers_are_pairs_only_if_every_sentence_is_borne(
    collection: Collection,
) -> None:
    make_answer(collection)
    assert exported(collection) == []
    like(make_answer(collection, verdict="partly"))
    bare = make_answer(collection)
    bare.citations.all().delete()
    like(bare)
    assert exported(collection) == []
    mixed = make_answer(collection)
    Citation.objects.create(
        answer=mixed, start=0, end=5, sources=[], verdict="unsupported"
    )
    like(mixed)
    assert exported(collection) == []
    good = make_answer(collection)
    like(good)
    (pair,) = exported(collection)
    assert pair["metadata"]["answer_id"] == str(good.pk)
    assert pair["metadata"]["approved"] == "as helpful"


def test_a_question_that_completes_the_turn_before_does_not_leave(
    collection: Collection,
) -> None:
    answer = make_answer(collection)
    approve(answer, collection)
    answer.standalone_question = QUESTION
    answer.save()
    assert len(exported(collection)) == 1
    answer.question = "And how many litres does it hold?"
    answer.save()
    assert exported(collection) == []


def test_a_pair_without_all_its_passages_does_not_leave(
    collection: Collection,
) -> None:
    other = make_collection(charlie(), "Theirs")
    foreign = make_document(other, "x.txt", [TEXT])
    own = collection.documents.get()
    elsewhere = make_document(make_collection(name="Mine too"), "y.txt", [TEXT])
    approve(make_answer(collection, own, foreign), collection)
    approve(make_answer(collection, own, elsewhere), collection)
    gone = make_answer(collection, make_document(collection, "z.txt", [TEXT]))
    approve(gone, collection)
    assert len(exported(collection)) == 1
    Document.objects.filter(name="z.txt").delete()
    assert exported(collection) == []


def test_pairs_are_those_of_the_collection_and_of_chats_that_are_there(
    collection: Collection,
) -> None:
    answer = make_answer(collection)
    like(answer)
    other = make_collection(name="Other")
    assert exported(other) == []
    answer.parameters = {"schema": {}}
    answer.save()
    assert exported(collection) == []
    answer.parameters = {}
    answer.save()
    assert len(exported(collection)) == 1
    answer.conversation.deleted_at = answer.created_at
    answer.conversation.save()
    assert exported(collection) == []


def test_passages_are_masked_as_answers_are(collection: Collection) -> None:
    mail = "Write to ada.berg@example.com now."
    document = make_document(collection, "mail.txt", [mail])
    answer = make_answer(collection, document)
    answer.sources.update(end=len(mail))
    approve(answer, collection)
    assert "ada.berg@example.com" in str(exported(collection))
    # Written before the collection masked.
    answer.text = "Write to ada.berg@example.com now [1]."
    answer.save()
    collection.masking = "answers"
    collection.save()
    (pair,) = exported(collection)
    assert "ada.berg@example.com" not in str(pair)
    assert pair["messages"][2]["content"].startswith("Write to [")


def test_a_list_from_several_prompts_is_no_pair(collection: Collection) -> None:
    answer = make_answer(collection)
    approve(answer, collection)
    answer.receipt = {"asked_for": "answer"}
    answer.save()
    assert len(exported(collection)) == 1
    answer.receipt = {"asked_for": "gather", "groups": [1]}
    answer.save()
    assert exported(collection) == []


def test_the_command_writes_no_line_where_there_is_no_pair(
    collection: Collection, tmp_path: Path
) -> None:
    command = ("export_pairs", "--collection", "Pumps", "--user", "bob")
    out = StringIO()
    call_command(*command, stdout=out, stderr=StringIO())
    assert out.getvalue() == ""
    for wrong in (("--limit", "-1"), ("--output", str(tmp_path / "no" / "file"))):
        with pytest.raises(CommandError):
            call_command(*command, *wrong, stderr=StringIO())


def test_without_pairs_the_command_writes_no_line(collection: Collection) -> None:
    out = StringIO()
    command = ("export_pairs", "--collection", "Pumps", "--user", "alice")
    call_command(*command, stdout=out, stderr=StringIO())
    assert out.getvalue() == ""


def test_the_command_writes_lines(collection: Collection, tmp_path: Path) -> None:
    for _ in range(2):
        approve(make_answer(collection), collection)
    command = ("export_pairs", "--collection", "Pumps", "--user")
    out, err = StringIO(), StringIO()
    call_command(*command, "bob", "--limit", "1", stdout=out, stderr=err)
    assert json.loads(out.getvalue())["messages"][2]["role"] == "assistant"
    assert err.getvalue() == "1 pairs\n"
    path = tmp_path / "pairs.jsonl"
    call_command(*command, "alice", "--output", str(path), stderr=err)
    assert len(path.read_text().splitlines()) == 2
    with pytest.raises(CommandError, match="no/pairs cannot be written: No such file"):
        call_command(*command, "alice", "--output", str(tmp_path / "no" / "pairs"))
    with pytest.raises(CommandError, match="--limit") as caught:
        call_command(*command, "alice", "--limit", "-1")
    assert caught.value.returncode == 2
    charlie()
    with pytest.raises(CommandError) as caught:
        call_command(*command, "charlie", stderr=err)
    assert caught.value.returncode == 2
