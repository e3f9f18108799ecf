"""What changes conversations and answers; every change of state is conditional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from generation import hub
from generation.errors import NothingToSearch
from generation.models import Answer, AnswerEvent, Conversation, Feedback
from generation.selectors import get_answer_for, get_conversation_for
from generation.structured import checked_schema
from ingestion.models import Collection, Document
from ingestion.visibility import (
    collections_visible_to,
    documents_visible_to,
    get_collection_for,
)
from rag_site import audit
from rag_site.asking import Asker
from rag_site.errors import Conflict, NotFound, ValidationFailed
from retrieval.filters import NO_FILTERS, Filters, as_json, from_json
from retrieval.questions import checked_question, without_controls

TITLE_CHARS = 80
# How long the writer of an answer may be silent before it counts as dead.
LEASE = timedelta(seconds=20)
# An answer that no process took up within this time will not be taken up.
START = timedelta(seconds=60)
# What a resuming reader needs is kept this long after the end.
EVENTS_KEPT = timedelta(hours=1)
# How long a deleted conversation can be brought back.
UNDO_KEPT = timedelta(days=1)
State = Answer.State


class StillWriting(Conflict):
    """This answer is still being written. Stop it first, or wait for its end."""

    code = "still_writing"


def start_conversation(
    asker: Asker, *, collections: Sequence[UUID] = ()
) -> Conversation:
    """Raises NotFound for a collection that the asker may not see."""
    rows = [get_collection_for(asker, pk) for pk in collections]
    with transaction.atomic():
        conversation = Conversation.objects.create(user_id=asker.user_id)
        conversation.collections.set(rows)
    return conversation


def ask(
    asker: Asker,
    *,
    question: str,
    conversation_id: UUID | None = None,
    collections: Sequence[UUID] | None = None,
    filters: Filters = NO_FILTERS,
    via: str,
) -> Answer:
    """Store a question; ``running.start`` answers it.

    ``filters`` come on top of those that stand in the question.

    Raises:
        EmptyQuestion, QuestionTooLong, FilterInvalid: the question itself.
        NotFound: a conversation or collection that is not the asker's to see.
        NothingToSearch: no document in reach.
    """
    question = checked_question(question)
    conversation = None
    if conversation_id is not None:
        conversation = get_conversation_for(asker, conversation_id)
    wanted = _reach(asker, conversation, collections)
    with transaction.atomic():
        if conversation is None:
            conversation = start_conversation(asker, collections=collections or ())
        if not conversation.title:
            conversation.title = title_of(question)
        conversation.save()
        return Answer.objects.create(
            conversation=conversation,
            question=question,
            collections=[str(pk) for pk in wanted],
            asked_of=[str(pk) for pk in wanted or _all_of(asker)],
            parameters={"filters": as_json(filters)} if filters else {},
            via=via,
        )


def filters_of(answer: Answer) -> Filters:
    """Return the filters that were given beside the question."""
    return from_json(answer.parameters.get("filters", {}))


def schema_of(answer: Answer) -> dict[str, Any] | None:
    """Return the schema that the answer keeps to, None for prose."""
    schema: dict[str, Any] | None = answer.parameters.get("schema")
    return schema


def hold_to(answer: Answer, schema: Mapping[str, Any] | None) -> Answer:
    """Make an answer that nobody has begun JSON of this schema, if there is one.

    Raises:
        SchemaInvalid: it is not of the part of JSON Schema that can be used.
    """
    if schema is not None:
        answer.parameters["schema"] = checked_schema(schema)
        answer.save(update_fields=["parameters"])
    return answer


def title_of(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1].rstrip() + "…"


def _reach(
    asker: Asker, conversation: Conversation | None, wanted: Sequence[UUID] | None
) -> list[UUID]:
    """Return the collections to ask, empty for all that the asker may see."""
    if wanted is not None:
        chosen = [get_collection_for(asker, pk).pk for pk in wanted]
    else:
        chosen = _of_conversation(asker, conversation)
    if asker.key_collections is not None and not chosen:
        # Named, so that the answer can be told from one over everything.
        chosen = list(collections_visible_to(asker).values_list("pk", flat=True))
        if not chosen:
            raise NothingToSearch
    documents = documents_visible_to(asker)
    if chosen:
        documents = documents.filter(collection__in=chosen)
    if not documents.exclude(state=Document.State.CANCELLED).exists():
        raise NothingToSearch
    return chosen


def _all_of(asker: Asker) -> list[UUID]:
    return list(collections_visible_to(asker).order_by().values_list("pk", flat=True))


def _of_conversation(asker: Asker, conversation: Conversation | None) -> list[UUID]:
    """Return the conversation's collections that are still the asker's to see."""
    if conversation is None:
        return []
    if not conversation.collections.exists():
        first = conversation.answers.order_by("created_at").first()
        began_with = first.collections if first is not None else []
        if began_with and not Collection.objects.filter(pk__in=began_with).exists():
            # They were deleted, and nobody asked for the rest.
            raise NothingToSearch
        return []
    mine = collections_visible_to(asker).values("pk")
    rows = conversation.collections.filter(pk__in=mine)
    found = list(rows.values_list("pk", flat=True))
    if not found:
        raise NothingToSearch
    return found


def stop(asker: Asker, answer_id: UUID) -> None:
    """Ask the process that writes the answer to end it; harmless afterwards."""
    answer = get_answer_for(asker, answer_id)
    running = Answer.objects.filter(pk=answer.pk).exclude(state__in=Answer.SETTLED)
    running.update(stop_requested=True)
    if hub.request_stop(answer.pk):
        return
    # Nobody has taken it up, so nobody would end it.
    running.filter(state=State.QUEUED, lease_until__isnull=True).update(
        state=State.STOPPED, finished_at=timezone.now()
    )


def retry_answer(asker: Asker, answer_id: UUID) -> Answer:
    """Ask the same question again in the same conversation.

    Raises:
        StillWriting: the first attempt has not ended.
    """
    answer = get_answer_for(asker, answer_id)
    if answer.state not in Answer.SETTLED:
        raise StillWriting
    # Together: without its schema it would be answered in prose.
    with transaction.atomic():
        again = ask(
            asker,
            question=answer.question,
            conversation_id=answer.conversation_id,
            # Empty means all, also in a conversation over some.
            collections=[UUID(pk) for pk in answer.collections],
            filters=filters_of(answer),
            via=answer.via,
        )
        return hold_to(again, schema_of(answer))


def rename_conversation(asker: Asker, pk: UUID, title: str) -> None:
    conversation = get_conversation_for(asker, pk)
    title = " ".join(without_controls(title).split())
    if not title or len(title) > 200:
        raise ValidationFailed("Give the chat a name of 1 to 200 characters.")
    conversation.title = title
    conversation.save(update_fields=["title"])


def delete_conversation(asker: Asker, pk: UUID) -> None:
    """Delete, with an undo; running answers of it are stopped."""
    conversation = get_conversation_for(asker, pk)
    for answer in conversation.answers.exclude(state__in=Answer.SETTLED):
        stop(asker, answer.pk)
    with transaction.atomic():
        conversation.deleted_at = timezone.now()
        conversation.save(update_fields=["deleted_at"])
        audit.record(
            "conversation.deleted",
            asker=asker,
            object_kind="conversation",
            object_id=conversation.pk,
        )


def undelete_conversation(asker: Asker, pk: UUID) -> None:
    mine = Conversation.objects.filter(pk=pk, user_id=asker.user_id)
    if not mine.update(deleted_at=None):
        raise NotFound


def give_feedback(
    asker: Asker, answer_id: UUID, rating: str, reason: str = "", comment: str = ""
) -> Feedback:
    """Say whether an answer helped; a second time replaces the first."""
    answer = get_answer_for(asker, answer_id)
    if rating not in Feedback.Rating.values:
        raise ValidationFailed("Choose up or down.")
    given = {"rating": rating, "reason": reason[:40], "comment": comment[:2000]}
    cleaned = {name: without_controls(value) for name, value in given.items()}
    row, _ = Feedback.objects.update_or_create(
        answer=answer, defaults={**cleaned, "created_at": timezone.now()}
    )
    return row


def interrupt_lapsed(answer_id: UUID | None = None) -> int:
    """Mark answers whose writer is dead; what they wrote is kept. Return how many."""
    now = timezone.now()
    lapsed = Answer.objects.exclude(state__in=Answer.SETTLED).filter(
        Q(lease_until__lt=now) | Q(lease_until__isnull=True, created_at__lt=now - START)
    )
    if answer_id is not None:
        lapsed = lapsed.filter(pk=answer_id)
    return sum(_interrupt(answer) for answer in lapsed)


def _interrupt(answer: Answer) -> int:
    rows = Answer.objects.filter(pk=answer.pk, lease_until=answer.lease_until).exclude(
        state__in=Answer.SETTLED
    )
    return rows.update(
        state=State.INTERRUPTED,
        text=text_so_far(answer.pk),
        finished_at=timezone.now(),
        failure_code="interrupted",
        failure_message="The site stopped while it wrote this. Ask again for the rest.",
    )


def text_so_far(answer_id: UUID) -> str:
    rows = AnswerEvent.objects.filter(answer=answer_id, kind="token")
    pieces = rows.order_by("sequence").values_list("data", flat=True)
    return "".join("".join(data["pieces"]) for data in pieces)


def purge() -> None:
    """Remove what nobody can need any more: old events, deleted conversations."""
    now = timezone.now()
    AnswerEvent.objects.filter(answer__finished_at__lt=now - EVENTS_KEPT).delete()
    Conversation.objects.filter(deleted_at__lt=now - UNDO_KEPT).delete()
