"""A library with a conversation over it, as the pages show it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from generation.curating.models import AnswerRun, RunAnswer
from generation.models import Answer, Citation, Conversation, Feedback, Source
from ingestion.models import Collection, Document, Role
from tests import factories

TEXT = "The pump holds 40 litres.\n\nIt weighs 12 kilograms.\n\nPaint it <b>blue</b> & dry it."
SAID = "It holds 40 litres [1]. It is very popular."


@dataclass(frozen=True)
class Scene:
    collection: Collection
    document: Document
    failed: Document
    waiting: Document
    conversation: Conversation
    answer: Answer
    refusal: Answer
    run: AnswerRun


def make_scene() -> Scene:
    """Alice's, shared with Bob as a reader; Charlie is a stranger."""
    collection = factories.make_collection(
        shared_with=factories.bob(), role=Role.READER
    )
    document = factories.make_ready_document(collection, "Pump manual.txt", (TEXT,))
    failed = factories.make_document(
        collection,
        "broken.pdf",
        b"%PDF broken",
        state=Document.State.FAILED,
        failure_code="corrupt",
        failure_message="The file is damaged. Add a good copy.",
        failure_reference="abcd1234",
    )
    waiting = factories.make_document(collection, "later.txt", b"soon")
    conversation = Conversation.objects.create(
        user=factories.alice(), title="How much does it hold?"
    )
    answer = _answered(conversation, document)
    return Scene(
        collection=collection,
        document=document,
        failed=failed,
        waiting=waiting,
        conversation=conversation,
        answer=answer,
        refusal=_refused(conversation, document),
        run=_run(collection, document),
    )


def _run(collection: Collection, document: Document) -> AnswerRun:
    """A finished run of one question."""
    run = AnswerRun.objects.create(
        collection=collection,
        state=AnswerRun.State.DONE,
        config={"model": "tiny", "answer: refusal_threshold": 0.15},
    )
    source = {
        "n": 1,
        "page": 1,
        "start": 0,
        "end": 25,
        "is_cited": True,
        "document": str(document.pk),
        "version": str(document.current_version_id),
    }
    RunAnswer.objects.create(
        run=run,
        ordinal=1,
        question="How much does it hold?",
        accepted=["40 litres"],
        text="40 litres [1].",
        f1=1.0,
        answered_at=run.created_at,
        sources=[source],
        confidence=0.9,
    )
    return run


def _answered(conversation: Conversation, document: Document) -> Answer:
    answer = Answer.objects.create(
        conversation=conversation,
        question="How much does it hold?",
        text=SAID,
        state=Answer.State.DONE,
        model_name="tiny",
        model_digest="a" * 64,
        prompt_version="answer-1",
        asked_of=[str(document.collection_id)],
        timings={"search_ms": 12.5, "total_ms": 2400.0},
    )
    _source(answer, document, n=1, start=0, end=25, is_cited=True)
    _source(answer, document, n=2, start=27, end=50)
    Citation.objects.create(
        answer=answer, start=0, end=23, sources=[1], verdict="supported"
    )
    Citation.objects.create(
        answer=answer, start=24, end=len(SAID), sources=[], verdict="unsupported"
    )
    Feedback.objects.create(answer=answer, rating="up")
    return answer


def _refused(conversation: Conversation, document: Document) -> Answer:
    answer = Answer.objects.create(
        conversation=conversation,
        question="What does it cost?",
        text="Not in your documents.",
        state=Answer.State.DONE,
        is_refused=True,
        asked_of=[str(document.collection_id)],
    )
    _source(answer, document, n=1, start=27, end=50, in_prompt=False)
    return answer


def _source(answer: Answer, document: Document, **fields: object) -> Source:
    return Source.objects.create(
        answer=answer, version=document.current_version, page=1, score=0.5, **fields
    )


async def settled(answer: Answer) -> None:
    """Wait until the answer has ended, 10 s at most."""
    for _ in range(200):
        await answer.arefresh_from_db()
        if answer.state in Answer.SETTLED:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"still {answer.state}")
