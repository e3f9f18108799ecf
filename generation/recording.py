"""The saved side of a running answer: state, sources, events, the final text.

Every write demands that the answer is not settled and that this writer still
holds it, so a writer that was given up for dead changes nothing any more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from generation.models import Answer, AnswerEvent, Citation, Evidence, Source
from generation.services import LEASE
from generation.types import (
    CitationFound,
    Conflict,
    Done,
    Event,
    Failed,
    Notice,
    Queued,
    Searching,
    SourceRef,
    Sources,
    Token,
)
from ingestion.models import Page

State = Answer.State
_NOWHERE = UUID(int=0)


class WriterReplaced(Exception):
    """The answer was settled by somebody else; this writer must end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A row of AnswerEvent to be."""

    sequence: int
    kind: str
    data: dict[str, Any]


def claim(answer_id: UUID) -> bool:
    """Take up a queued answer; False if another process has it."""
    rows = Answer.objects.filter(
        pk=answer_id, state=State.QUEUED, lease_until__isnull=True
    )
    updated = rows.update(state=State.SEARCHING, lease_until=timezone.now() + LEASE)
    return updated == 1


def pulse(answer_id: UUID) -> bool:
    """Renew the lease; return whether a stop was requested.

    Raises:
        WriterReplaced.
    """
    _change(answer_id, lease_until=timezone.now() + LEASE)
    rows = Answer.objects.filter(pk=answer_id)
    return bool(rows.values_list("stop_requested", flat=True).get())


def save(answer_id: UUID, event: Event | None, stored: Sequence[Stored]) -> None:
    """Write what ``event`` changes, and the rows of the events up to it.

    Raises:
        WriterReplaced.
    """
    with transaction.atomic():
        if event is not None:
            _apply(answer_id, event)
        AnswerEvent.objects.bulk_create(
            AnswerEvent(
                answer_id=answer_id, sequence=s.sequence, kind=s.kind, data=s.data
            )
            for s in stored
        )


def finish(
    answer_id: UUID,
    end: Done | Failed,
    *,
    citations: Sequence[CitationFound | Conflict],
    facts: dict[str, Any],
    stored: Sequence[Stored],
) -> None:
    """Settle the answer with everything that belongs to it, in one transaction.

    Args:
        citations: and the conflict, if there is one, whose sources count as cited.
        facts: further columns of the answer: text, model, digests, parameters.

    Raises:
        WriterReplaced.
    """
    with transaction.atomic():
        _change(answer_id, **_end_columns(end), **facts, finished_at=timezone.now())
        found = [c for c in citations if isinstance(c, CitationFound)]
        rows = Citation.objects.bulk_create(
            Citation(
                answer_id=answer_id,
                start=c.start,
                end=c.end,
                sources=list(c.sources),
                verdict=c.verdict,
            )
            for c in found
        )
        _keep_evidence(answer_id, list(zip(rows, found, strict=True)))
        cited = {n for c in citations for n in c.sources}
        Source.objects.filter(answer=answer_id, n__in=cited).update(is_cited=True)
        save(answer_id, None, stored)


def _keep_evidence(
    answer_id: UUID, pairs: Sequence[tuple[Citation, CitationFound]]
) -> None:
    sources = {row.n: row for row in Source.objects.filter(answer=answer_id)}
    starts: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
    versions = {row.version_id for row in sources.values()}
    pages = Page.objects.filter(version__in=versions).order_by("start")
    for version, start, number in pages.values_list("version", "start", "number"):
        starts[version].append((start, number))
    Evidence.objects.bulk_create(
        Evidence(
            citation=row,
            source=sources[words.n],
            page=_page_at(starts[sources[words.n].version_id or _NOWHERE], words.start),
            start=words.start,
            end=words.end,
        )
        for row, citation in pairs
        for words in citation.evidence
    )


def _page_at(starts: Sequence[tuple[int, int]], place: int) -> int:
    """Return the number of the page that holds the character ``place``."""
    at = bisect_right(starts, place, key=lambda pair: pair[0])
    return starts[at - 1][1] if at else 1


def _end_columns(end: Done | Failed) -> dict[str, Any]:
    if isinstance(end, Done):
        state = State.STOPPED if end.stopped else State.DONE
        return {
            "state": state,
            "is_refused": end.refused,
            "outcome": end.outcome,
            "missing": list(end.missing),
            "timings": end.timings,
            "model_name": end.model,
            "model_digest": end.model_digest,
        }
    return {
        "state": State.FAILED,
        "failure_code": end.code,
        "failure_message": end.message[:500],
        "failure_reference": end.reference,
    }


def _apply(answer_id: UUID, event: Event) -> None:
    if isinstance(event, Searching):
        _change(answer_id, standalone_question=event.question)
    elif isinstance(event, Sources):
        _change(answer_id, state=State.READING)
        Source.objects.bulk_create(_source_row(answer_id, s) for s in event.sources)
    elif isinstance(event, Queued):
        _change(answer_id, state=State.WAITING)
    elif isinstance(event, Token):
        _change(answer_id, state=State.WRITING)
    elif isinstance(event, Notice):
        notices = Answer.objects.values_list("notices", flat=True).get(pk=answer_id)
        _change(answer_id, notices=[*notices, event.data()])


def _source_row(answer_id: UUID, source: SourceRef) -> Source:
    return Source(
        answer_id=answer_id,
        n=source.n,
        version_id=source.version_id,
        start=source.start,
        end=source.end,
        page=source.page,
        score=source.score,
        dense_rank=source.dense_rank,
        lexical_rank=source.lexical_rank,
        in_prompt=source.in_prompt,
    )


def _change(answer_id: UUID, **columns: Any) -> None:
    rows = Answer.objects.filter(pk=answer_id).exclude(state__in=Answer.SETTLED)
    if not rows.update(**columns):
        raise WriterReplaced


def stored_data(event: Event) -> dict[str, Any]:
    """Return an event's data without text of documents, ready for JSON."""
    if isinstance(event, Sources):
        return {"count": len(event.sources)}
    if isinstance(event, CitationFound | Conflict):
        return event.spans()
    data = event.data()
    if isinstance(event, Done):
        data["answer_id"] = str(event.answer_id)
    return data
