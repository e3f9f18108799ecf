"""Questions, answers and conversations over REST and server-sent events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja import Query, Router, Status

from generation import api_shapes as shapes
from generation import replaying, running, selectors, services
from generation.errors import NothingToSearch
from generation.models import Answer, Conversation, Feedback
from generation.receipts import shown_of
from generation.structured import checked_schema
from ingestion.visibility import collections_visible_to
from rag_site.access import asker_of, needs
from rag_site.asking import Asker
from rag_site.credentials import count_question
from rag_site.errors import InvalidInput, NotFound
from rag_site.event_stream import event_stream
from rag_site.paging import Cursor, Limit, slice_of
from rag_site.repeating import once
from rag_site.schemas import sends
from rag_site.sending import release_database
from retrieval.api_shapes import filters_of

router = Router(tags=["Answers"])

_ORDER = ("-updated_at", "id")
_ANSWERS_SHOWN = 100
_STREAM_DOC = sends("text/event-stream", "The answer, or with `stream` its events.")
_EVENTS_DOC = {
    "parameters": [
        {
            "name": "Last-Event-ID",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "`id` of the last event that came.",
        }
    ],
    "responses": {
        **sends("text/event-stream", "The events.")["responses"],
        204: {"description": "The last event has come already."},
    },
}


class BadEventId(InvalidInput):
    """Last-Event-ID must be the number of an event of this answer."""

    code = "bad_event_id"


@router.post(
    "/ask",
    auth=needs("ask"),
    response=shapes.AnswerOut,
    openapi_extra=_STREAM_DOC,
)
async def ask(
    request: HttpRequest, body: shapes.AskIn
) -> HttpResponseBase | dict[str, Any]:
    """Ask a question and wait for the answer, or read it as it is written.

    The answer is saved in either case: closing the connection loses nothing.
    """
    asker, answer_id = await sync_to_async(_accepted)(request, body)
    running.start(answer_id, asker)
    accepts = request.headers.get("Accept", "")
    if body.stream or accepts.startswith("text/event-stream"):
        return event_stream(running.events(answer_id, asker))
    await running.run_to_end(answer_id, asker)
    return await sync_to_async(_answer)(asker, answer_id)


@router.get("/answers/{id:pk}", auth=needs("ask"), response=shapes.AnswerOut)
def get_answer(request: HttpRequest, pk: UUID) -> dict[str, Any]:
    """Return an answer as far as it has come."""
    return _answer(asker_of(request), pk)


@router.get("/answers/{id:pk}/events", auth=needs("ask"), openapi_extra=_EVENTS_DOC)
async def answer_events(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Send the events of an answer, those after `Last-Event-ID` if that is given.

    After the last one the reply is 204, and there is nothing to come back for.
    """
    asker = await sync_to_async(_check_answer)(request, pk)
    after = _last_event(request)
    if after and await sync_to_async(_is_over)(pk, after):
        return HttpResponse(status=204)
    return event_stream(running.events(pk, asker, after=after))


@router.post("/answers/{id:pk}/stop", auth=needs("ask"), response=shapes.AnswerOut)
def stop_answer(request: HttpRequest, pk: UUID) -> dict[str, Any]:
    """End an answer; what was written is kept."""
    asker = _check_answer(request, pk)
    services.stop(asker, pk)
    return _answer(asker, pk)


@router.post(
    "/answers/{id:pk}/feedback",
    auth=needs("ask"),
    response={201: shapes.FeedbackOut},
)
def give_feedback(
    request: HttpRequest, pk: UUID, body: shapes.FeedbackIn
) -> Status[dict[str, Any]]:
    """Say whether an answer helped; a second time replaces the first."""
    asker = _check_answer(request, pk)
    services.give_feedback(asker, pk, body.rating, body.reason, body.comment)
    return Status(201, body.dict())


@router.get("/conversations", auth=needs("ask"), response=shapes.ConversationList)
def list_conversations(
    request: HttpRequest,
    limit: Limit,
    cursor: Cursor,
    q: Annotated[str, Query("", max_length=200)],
) -> dict[str, Any]:
    """List your conversations, the latest first."""
    asker = asker_of(request)
    query = q.replace("\x00", "")
    rows = selectors.conversations_of(asker, query).prefetch_related("collections")
    if asker.key_collections is not None:
        rows = rows.filter(pk__in=_within_key(asker))
    found = slice_of(rows, order=_ORDER, limit=limit, cursor=cursor)
    return {
        "items": [_conversation(row) for row in found.items],
        "next_cursor": found.next_cursor,
    }


@router.post(
    "/conversations", auth=needs("ask"), response={201: shapes.ConversationOut}
)
def create_conversation(
    request: HttpRequest, body: shapes.ConversationIn
) -> Status[dict[str, Any]]:
    """Begin a conversation over some collections, or over all that you may read."""
    asker = asker_of(request)
    wanted = _reach(asker, body.collections)

    def make() -> dict[str, Any]:
        made = services.start_conversation(asker, collections=wanted or ())
        return {"id": str(made.pk)}

    made = once(request, asker, body.dict(), make)
    return Status(201, _conversation(_get_conversation(asker, UUID(made["id"]))))


@router.get(
    "/conversations/{id:pk}",
    auth=needs("ask"),
    response=shapes.ConversationWithAnswers,
)
def get_conversation(request: HttpRequest, pk: UUID) -> dict[str, Any]:
    """Return a conversation with its answers."""
    asker = asker_of(request)
    row = _get_conversation(asker, pk)
    latest = list(row.answers.order_by("-created_at", "-id")[:_ANSWERS_SHOWN])
    answers = [_shown(answer, asker) for answer in reversed(latest)]
    return {**_conversation(row), "answers": answers}


@router.delete("/conversations/{id:pk}", auth=needs("ask"), response={204: None})
def delete_conversation(request: HttpRequest, pk: UUID) -> Status[None]:
    """Delete a conversation with its answers."""
    asker = asker_of(request)
    services.delete_conversation(asker, _get_conversation(asker, pk).pk)
    return Status(204, None)


def _accepted(request: HttpRequest, body: shapes.AskIn) -> tuple[Asker, UUID]:
    """Store the question; return the id of the answer to come."""
    asker = asker_of(request)
    count_question(request, asker)
    if body.conversation is not None:
        _get_conversation(asker, body.conversation)
        wanted = body.collections
    else:
        wanted = _reach(asker, body.collections)

    filters = filters_of(asker, body.filters)
    schema = None if body.form is None else checked_schema(body.form)

    def make() -> dict[str, Any]:
        # Together: without its schema it would be answered in prose.
        with transaction.atomic():
            answer = services.ask(
                asker,
                question=body.question,
                conversation_id=body.conversation,
                collections=wanted,
                filters=filters,
                via=asker.via,
            )
            services.hold_to(answer, schema)
        return {"id": str(answer.pk)}

    payload = body.dict(exclude={"stream"})
    made = once(request, asker, payload, make, stands=_is_worth_keeping)
    release_database()
    return asker, UUID(made["id"])


def _is_worth_keeping(made: dict[str, Any]) -> bool:
    """Whether the answer to a repeated request is not one that failed."""
    failed = Answer.objects.filter(pk=made["id"], state__in=Answer.BROKEN)
    return not failed.exists()


def _reach(asker: Asker, wanted: list[UUID] | None) -> list[UUID] | None:
    """Return the collections of a new conversation; a limited key always names them.

    Without names it would be over all that its person may read, and could not
    be told from one that this key may see.
    """
    if wanted or asker.key_collections is None:
        return wanted or None
    allowed = list(collections_visible_to(asker).values_list("pk", flat=True))
    if not allowed:
        raise NothingToSearch
    return allowed


def _within_key(asker: Asker) -> list[UUID]:
    """Return the conversations that lie wholly within the limit of a key."""
    allowed = asker.key_collections or frozenset()
    inside = Conversation.objects.filter(
        user_id=asker.user_id, collections__in=allowed
    ).exclude(pk__in=_reaching_out(allowed))
    return list(inside.values_list("pk", flat=True).distinct())


def _reaching_out(allowed: frozenset[UUID]) -> Any:
    beyond = Conversation.collections.through.objects.exclude(collection_id__in=allowed)
    return beyond.values("conversation_id")


def _get_conversation(asker: Asker, pk: UUID) -> Conversation:
    row = selectors.get_conversation_for(asker, pk)
    if asker.key_collections is not None:
        asked = row.answers.values_list("collections", flat=True)
        is_inside = pk in _within_key(asker)
        if not (is_inside and all(_is_within(asker, names) for names in asked)):
            raise NotFound
    return row


def _is_within(asker: Asker, names: Sequence[str]) -> bool:
    """Whether an answer over these collections lies within the limit of the key."""
    if asker.key_collections is None:
        return True
    asked = {UUID(name) for name in names}
    return bool(asked) and asked <= asker.key_collections


def _check_answer(request: HttpRequest, pk: UUID) -> Asker:
    """Return the asker if the answer is theirs, and let go of the database."""
    asker = asker_of(request)
    selectors.get_answer_for(asker, pk)
    release_database()
    return asker


def _is_over(pk: UUID, after: int) -> bool:
    found = replaying.is_over(pk, after)
    release_database()
    return found


def _last_event(request: HttpRequest) -> int:
    raw = request.headers.get("Last-Event-ID") or "0"
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 9):
        raise BadEventId
    return int(raw)


def _conversation(row: Conversation) -> dict[str, Any]:
    return {
        "id": row.pk,
        "title": row.title,
        "collections": [collection.pk for collection in row.collections.all()],
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _answer(asker: Asker, pk: UUID) -> dict[str, Any]:
    return _shown(selectors.get_answer_for(asker, pk), asker)


def _shown(answer: Answer, asker: Asker) -> dict[str, Any]:
    feedback = Feedback.objects.filter(answer=answer).first()
    sources = selectors.sources_of(answer, asker)
    return {
        "id": answer.pk,
        "conversation": answer.conversation_id,
        "question": answer.question,
        "standalone_question": answer.standalone_question,
        "text": answer.text,
        "data": selectors.form_of(answer),
        "state": answer.state,
        "refused": answer.is_refused,
        "outcome": answer.outcome or None,
        "missing": answer.missing,
        "sources": sources,
        "citations": [c.data() for c in selectors.citations_of(answer, sources)],
        "conflict": selectors.conflict_of(answer, sources),
        "notices": answer.notices,
        "error": _failure(answer),
        "feedback": feedback,
        "model": answer.model_name,
        "model_digest": answer.model_digest,
        "embedder_digest": answer.embedder_digest,
        "prompt_version": answer.prompt_version,
        "parameters": answer.parameters,
        "timings": answer.timings,
        "receipt": shown_of(answer.receipt),
        "created_at": answer.created_at,
        "finished_at": answer.finished_at,
    }


def _failure(answer: Answer) -> dict[str, str] | None:
    if not answer.failure_code:
        return None
    return {
        "code": answer.failure_code,
        "message": answer.failure_message,
        "reference": answer.failure_reference,
    }
