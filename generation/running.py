"""Runs answers in the background and lets any number of readers follow them.

    start(answer_id, asker)                 # from any thread; idempotent
    async for number, kind, data in events(answer_id, asker, after=0): ...

The answer outlives the request that began it. Readers in the same process get
each event at once; others read the rows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.conf import settings

from generation import config, hub, recording, replaying
from generation.answering import Asked, Means, answer
from generation.database import in_thread
from generation.everything.library import Library
from generation.guards.canaries import canary_of
from generation.hub import Live, Numbered
from generation.models import Answer
from generation.parts import Parts, current
from generation.prompting import prompt_version
from generation.recording import Stored, WriterReplaced, stored_data
from generation.selectors import (
    common_adapter,
    get_answer_for,
    may_still_read,
    previous_turn,
)
from generation.services import filters_of, schema_of
from generation.types import (
    CitationFound,
    Conflict,
    Done,
    Event,
    Failed,
    GenerationConfig,
    Sources,
    Token,
)
from ingestion.masking import Kind
from ingestion.masking_settings import masks_of
from ingestion.selectors import progress_of, unread_documents
from ingestion.visibility import Visible, collections_reached_by, visible_to
from ingestion.yielding import answering
from rag_site.asking import Asker
from rag_site.errors import NotFound, RagError
from rag_site.logs import current_reference, new_reference, referenced
from retrieval.filters import Filters, as_json, parse
from retrieval.types import SearchResult

logger = logging.getLogger(__name__)

# Seconds between two writes of tokens, and between two looks at the row.
FLUSH_S = 0.25
PULSE_S = 0.5


class Withdrawn(NotFound):
    """You may no longer read what this answer rests on, so it ends here."""

    code = "withdrawn"


def start(answer_id: UUID, asker: Asker) -> None:
    """Answer in the background; harmless if it is being answered already."""
    live = Live()
    reference = current_reference()
    run = _run(answer_id, asker, live, reference=reference, parts=current())
    hub.begin(answer_id, run, live)


async def events(
    answer_id: UUID, asker: Asker, *, after: int = 0
) -> AsyncIterator[tuple[int, str, dict[str, Any]]]:
    """Yield number, kind and data of the events above ``after``, up to the end.

    Raises:
        NotFound: not the asker's to see, or not any longer: rights and the key
            are looked up again while the answer is followed.
    """
    await in_thread(get_answer_for, asker, answer_id)
    checked = time.monotonic()
    async for number, kind, data in _followed(answer_id, asker, after):
        if time.monotonic() - checked > PULSE_S:
            if not await in_thread(may_still_read, answer_id, asker):
                raise Withdrawn
            checked = time.monotonic()
        if kind == Sources.kind:
            yield number, kind, await in_thread(replaying.source_data, answer_id, asker)
        else:
            yield number, kind, data


async def _followed(
    answer_id: UUID, asker: Asker, after: int
) -> AsyncIterator[Numbered]:
    """Yield live events if the answer runs here; rows for whatever they lack."""
    live = hub.live_answer(answer_id)
    if live is not None:
        async for event in live.listen(after):
            after = event[0]
            yield event
            if event[1] in replaying.TERMINAL:
                return
    async for event in replaying.stored(answer_id, asker, after):
        yield event


async def run_to_end(answer_id: UUID, asker: Asker) -> Answer:
    """Begin the answer if nobody has, wait for its end and return it."""
    start(answer_id, asker)
    async for _ in events(answer_id, asker):
        pass
    return await in_thread(get_answer_for, asker, answer_id)


@dataclass(slots=True)
class _Run:
    """What one background task knows of its answer."""

    answer_id: UUID
    asker: Asker
    live: Live
    settings: GenerationConfig
    embedder_digest: str = ""
    embedder_name: str = ""
    # Chunks, documents and milliseconds of the search.
    searched: dict[str, Any] = field(default_factory=dict)
    filters: dict[str, Any] = field(default_factory=dict)
    schema: dict[str, Any] | None = None
    text: str = ""
    pending: list[Stored] = field(default_factory=list)
    citations: list[CitationFound | Conflict] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_writing: bool = False
    # Set under the lock before the row is settled: a pulse after it would take
    # the settled row for one that another process had settled.
    is_ending: bool = False

    async def take(self, event: Event) -> None:
        """Save and publish one event; citations wait for the end."""
        if isinstance(event, Token):
            await self._take_token(event)
        elif isinstance(event, CitationFound | Conflict):
            self.citations.append(event)
        elif isinstance(event, Done | Failed):
            await self._finish(event)
        else:
            await self._save(event)
            self.publish(event)

    async def _take_token(self, event: Token) -> None:
        self.text += event.text
        number = self.live.publish(event.kind, event.data())
        self.pending.append(Stored(sequence=number, kind=event.kind, data=event.data()))
        if not self.is_writing:
            self.is_writing = True
            await self.flush(event)

    async def _save(self, event: Event) -> None:
        await self.flush()
        stored = Stored(
            sequence=len(self.live.events) + 1, kind=event.kind, data=stored_data(event)
        )
        await in_thread(recording.save, self.answer_id, event, [stored])

    def publish(self, event: Event) -> None:
        self.live.publish(event.kind, stored_data(event))

    async def flush(self, event: Event | None = None) -> None:
        """Write the tokens that are not saved yet as one row."""
        async with self.lock:
            pending, self.pending = self.pending, []
            if pending:
                rows = [replaying.join(pending)]
                await in_thread(recording.save, self.answer_id, event, rows)

    async def _finish(self, end: Done | Failed) -> None:
        await self.flush()
        if isinstance(end, Done):
            end = replace(end, answer_id=self.answer_id)
            self.text = end.text
        closing: list[Event] = [*self.citations, end]
        receipt = end.receipt if isinstance(end, Done) else {}
        first = len(self.live.events) + 1
        stored = [
            Stored(sequence=number, kind=event.kind, data=stored_data(event))
            for number, event in enumerate(closing, start=first)
        ]
        async with self.lock:
            self.is_ending = True
            await in_thread(
                recording.finish,
                self.answer_id,
                end,
                citations=self.citations,
                facts={**self._facts(), "receipt": self._receipt(receipt)},
                stored=stored,
            )
        for event in closing:
            self.publish(event)

    def _receipt(self, made: dict[str, Any]) -> dict[str, Any]:
        """Return ``made`` with what this run knows besides."""
        embedder = {"name": self.embedder_name, "digest": self.embedder_digest}
        return {**made, "embedder": embedder, "searched": self.searched}

    def _facts(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "prompt_version": prompt_version(),
            "embedder_digest": self.embedder_digest,
            "parameters": {
                "temperature": self.settings.temperature,
                "seed": self.settings.seed,
                "max_tokens": self.settings.max_answer_tokens,
                **({"filters": self.filters} if self.filters else {}),
                **({"schema": self.schema} if self.schema is not None else {}),
            },
        }


async def _run(
    answer_id: UUID, asker: Asker, live: Live, *, reference: str, parts: Parts
) -> None:
    with referenced(reference if reference != "-" else new_reference()):
        if not await in_thread(recording.claim, answer_id):
            return
        run = _Run(answer_id, asker, live, config.generation_config())
        watching = asyncio.create_task(_watch(run))
        try:
            # Documents being embedded leave the processor to the answer.
            async with answering():
                await _guarded(run, parts, watching)
        finally:
            watching.cancel()


async def _guarded(run: _Run, parts: Parts, watching: asyncio.Task[None]) -> None:
    """The rim: whatever goes wrong becomes the answer's last event."""
    try:
        await _race(_write(run, parts), watching)
    except WriterReplaced:
        logger.warning("answer %s was taken over", run.answer_id)
    except RagError as exc:
        await _fail(run, exc)
    except Exception:
        logger.exception("answer %s failed", run.answer_id)
        await _fail(run, RagError())


async def _race(
    writing: Coroutine[Any, Any, None], watching: asyncio.Task[None]
) -> None:
    """Run ``writing`` to its end, unless the watch raises first."""
    task = asyncio.ensure_future(writing)
    done, _ = await asyncio.wait({task, watching}, return_when=asyncio.FIRST_COMPLETED)
    if task not in done:
        task.cancel()
        await asyncio.wait({task})
        watching.result()
    else:
        task.result()


async def _fail(run: _Run, exc: RagError) -> None:
    """Keep what was written and say why it ended."""
    logger.warning("answer %s ended with %s", run.answer_id, exc.code)
    failed = Failed(
        code=exc.code,
        message=exc.message,
        reference=current_reference(),
        retryable=exc.retryable,
    )
    try:
        await run.take(failed)
    except WriterReplaced:
        logger.warning("answer %s was settled by another process", run.answer_id)
    except Exception:
        # Readers here still learn of it; the sweeper settles the row later.
        logger.exception("the end of answer %s could not be saved", run.answer_id)
        run.publish(failed)


async def _write(run: _Run, parts: Parts) -> None:
    asked, scope = await in_thread(_prepare, run.answer_id, run.asker)
    run.filters = as_json(scope.filters)
    run.schema = scope.schema

    library = Library(scope.visible, (scope.typed, scope.filters), parts.embedder)

    async def find(question: str) -> SearchResult:
        found, space = await library.find(question)
        if space is not None:
            run.embedder_name, run.embedder_digest = (
                space.model_name,
                space.model_digest,
            )
        run.searched = {
            "collections": found.collections,
            "documents": found.documents,
            "chunks": found.chunks,
            "timings": found.timings,
        }
        return found

    means = Means(
        model=parts.model,
        find=find,
        config=run.settings,
        stop=run.live.stop,
        masks=scope.masks,
        library=library,
    )
    async for event in answer(asked, means):
        await run.take(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """Where an answer searches: rights, and filters typed and given beside."""

    visible: Visible
    typed: Filters
    filters: Filters
    schema: dict[str, Any] | None = None
    masks: frozenset[Kind] = frozenset()


def _prepare(answer_id: UUID, asker: Asker) -> tuple[Asked, _Scope]:
    row = get_answer_for(asker, answer_id)
    question, typed = parse(row.question)
    chosen = frozenset(UUID(pk) for pk in row.collections)
    visible = visible_to(asker, chosen or None)
    collections = collections_reached_by(asker)
    if chosen:
        collections = collections.filter(pk__in=chosen)
    unread = [
        f"{document.name} ({progress_of(document).percent} %)"
        for document in unread_documents(visible)
    ]
    asked = Asked(
        question=question,
        user=f"user-{asker.user_id}",
        is_urgent=asker.via != "api",
        previous=previous_turn(row),
        collections=collections.count(),
        unread=tuple(unread),
        adapter=common_adapter(collections),
        schema=schema_of(row),
        canary=canary_of(str(row.pk), settings.SECRET_KEY),
    )
    return asked, _Scope(
        visible=visible,
        typed=typed,
        filters=filters_of(row),
        schema=schema_of(row),
        masks=masks_of(collections),
    )


async def _watch(run: _Run) -> None:
    """Save tokens, renew the lease, see a stop from elsewhere and lost rights."""
    ticks = 0
    while True:
        await asyncio.sleep(FLUSH_S)
        ticks += 1
        await run.flush()
        if ticks % round(PULSE_S / FLUSH_S) == 0:
            await _pulse(run)


async def _pulse(run: _Run) -> None:
    async with run.lock:
        if run.is_ending:
            return
        if await in_thread(recording.pulse, run.answer_id):
            run.live.stop.set()
    if not await in_thread(may_still_read, run.answer_id, run.asker):
        raise Withdrawn
