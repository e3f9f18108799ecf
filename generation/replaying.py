"""The events of an answer from its rows: for readers in other processes, and later ones.

A row of tokens holds several pieces; its number is that of the last one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.utils import timezone

from generation.database import in_thread
from generation.hub import Numbered
from generation.models import Answer, AnswerEvent
from generation.recording import Stored
from generation.selectors import (
    citations_of,
    conflict_of,
    get_answer_for,
    sources_of,
)
from generation.services import interrupt_lapsed
from generation.types import Done, Failed, Searching, Sources, Token
from rag_site.asking import Asker

POLL_S = 0.3
TERMINAL = (Done.kind, Failed.kind)


async def stored(answer_id: UUID, asker: Asker, after: int) -> AsyncIterator[Numbered]:
    """Yield saved events above ``after`` as they come, up to the last one.

    Raises:
        NotFound: the answer is not the asker's to see, or no longer.
    """
    while True:
        is_settled, rows = await in_thread(_read, answer_id, asker, after)
        for number, kind, data in rows:
            after = number
            yield number, kind, data
            if kind in TERMINAL:
                return
        if is_settled:
            for event in await in_thread(rebuilt, answer_id, asker, after):
                yield event
            return
        await asyncio.sleep(POLL_S)


def is_over(answer_id: UUID, after: int) -> bool:
    """Whether the last event of the answer is not above ``after``, as far as is kept."""
    ends = AnswerEvent.objects.filter(answer=answer_id, kind__in=TERMINAL)
    return ends.filter(sequence__lte=after).exists()


def _read(answer_id: UUID, asker: Asker, after: int) -> tuple[bool, list[Numbered]]:
    # The state first: once it is settled, no further row can come.
    answer = get_answer_for(asker, answer_id)
    if answer.lease_until and answer.lease_until < timezone.now():
        interrupt_lapsed(answer_id)
    rows = AnswerEvent.objects.filter(answer=answer_id, sequence__gt=after)
    found = [
        event
        for row in rows.order_by("sequence")
        for event in split(row.sequence, row.kind, row.data, after)
    ]
    return answer.state in Answer.SETTLED, found


def join(pending: Sequence[Stored]) -> Stored:
    """Return one row for several tokens that follow each other."""
    pieces = [event.data["text"] for event in pending]
    return Stored(
        sequence=pending[-1].sequence, kind=Token.kind, data={"pieces": pieces}
    )


def split(sequence: int, kind: str, data: dict[str, Any], after: int) -> list[Numbered]:
    """Return the event of a row; of a row of tokens, the pieces above ``after``."""
    if kind != Token.kind:
        return [(sequence, kind, data)]
    pieces = data["pieces"]
    first = sequence - len(pieces) + 1
    text = "".join(pieces[max(0, after - first + 1) :])
    return [(sequence, kind, {"text": text})]


def rebuilt(answer_id: UUID, asker: Asker, after: int) -> list[Numbered]:
    """Return a settled answer's events when its rows are gone or have no end.

    A reader who has some of them already gets the end only.
    """
    answer = get_answer_for(asker, answer_id)
    found: list[tuple[str, dict[str, Any]]] = []
    if not after:
        searching = Searching(collections=0, question=answer.standalone_question)
        found += [(Searching.kind, searching.data()), (Sources.kind, {})]
        found += [("notice", notice) for notice in answer.notices]
        found.append((Token.kind, {"text": answer.text}))
    shown = sources_of(answer, asker)
    found += [(c.kind, c.data()) for c in citations_of(answer, shown)]
    conflict = conflict_of(answer, shown)
    found += [(conflict.kind, conflict.spans())] if conflict else []
    found.append(_end(answer))
    return [(number, *event) for number, event in enumerate(found, start=after + 1)]


def _end(answer: Answer) -> tuple[str, dict[str, Any]]:
    if answer.state in (Answer.State.FAILED, Answer.State.INTERRUPTED):
        failed = Failed(
            code=answer.failure_code,
            message=answer.failure_message,
            reference=answer.failure_reference,
        )
        return failed.kind, failed.data()
    done = Done(
        answer_id=answer.pk,
        text=answer.text,
        refused=answer.is_refused,
        outcome=answer.outcome or "answered",  # type: ignore[arg-type]  # a choice of the column
        missing=tuple(answer.missing),
        stopped=answer.state == Answer.State.STOPPED,
        timings=answer.timings,
        model=answer.model_name,
        model_digest=answer.model_digest,
    )
    return done.kind, {**done.data(), "answer_id": str(answer.pk)}


def source_data(answer_id: UUID, asker: Asker) -> dict[str, Any]:
    """Return the sources with their quotes, read through the reader's rights now."""
    sources = sources_of(get_answer_for(asker, answer_id), asker)
    rows = []
    for source in sources:
        row = asdict(source)
        row |= {name: str(row[name]) for name in ("document_id", "version_id")}
        rows.append({**row, "title": source.heading or source.document})
    return {"sources": rows}
