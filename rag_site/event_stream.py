"""Server-sent events (a leaf): framing, heartbeat, and an end in words."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from django.http import StreamingHttpResponse

from rag_site.errors import RagError
from rag_site.logs import current_reference

logger = logging.getLogger(__name__)

#: (sequence number, kind, data) as stored with the answer.
Numbered = tuple[int, str, dict[str, Any]]

# Proxies close what is silent for 60 s; a comment keeps the connection alive.
HEARTBEAT_S = 15.0
_HEARTBEAT = b": still here\n\n"


def event_stream(events: AsyncIterator[Numbered]) -> StreamingHttpResponse:
    """Return a response that sends ``events`` as they come.

    The caller lets go of its database connection first
    (``rag_site.sending.release_database``).
    """
    response = StreamingHttpResponse(
        _frames(events), content_type="text/event-stream; charset=utf-8"
    )
    response["Cache-Control"] = "no-cache"
    # nginx would otherwise gather tokens into blocks.
    response["X-Accel-Buffering"] = "no"
    return response


def frame(number: int | None, kind: str, data: dict[str, Any]) -> bytes:
    """Return one event; JSON escapes newlines, so the data is always one line.

    What holds nothing but a list under the event's own name, such as sources,
    is sent as that list.
    """
    payload = data[kind] if set(data) == {kind} else data
    text = json.dumps(payload, ensure_ascii=False, default=str)
    head = f"id: {number}\n" if number is not None else ""
    # Half of a surrogate pair cannot be encoded; a model may emit one.
    return f"{head}event: {kind}\ndata: {text}\n\n".encode(errors="replace")


async def _frames(events: AsyncIterator[Numbered]) -> AsyncGenerator[bytes, None]:
    try:
        async for item in _with_heartbeat(events):
            yield _HEARTBEAT if item is None else frame(*item)
    except RagError as problem:
        yield _last_words(problem)
    except Exception:
        logger.exception("the event stream failed")
        yield _last_words(RagError())


def _last_words(problem: RagError) -> bytes:
    return frame(
        None,
        "error",
        {
            "code": problem.code,
            "message": problem.message,
            "reference": current_reference(),
            "retryable": problem.retryable,
        },
    )


async def _with_heartbeat(
    events: AsyncIterator[Numbered],
) -> AsyncGenerator[Numbered | None, None]:
    """Yield the events, and None after each ``HEARTBEAT_S`` of silence."""
    iterator = aiter(events)
    coming: asyncio.Task[Numbered] | None = None
    try:
        while True:
            if coming is None:
                coming = asyncio.ensure_future(_next_of(iterator))
            done, _ = await asyncio.wait({coming}, timeout=HEARTBEAT_S)
            if not done:
                yield None
                continue
            try:
                item = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield item
    finally:
        await _close(iterator, coming)


async def _next_of(iterator: AsyncIterator[Numbered]) -> Numbered:
    return await anext(iterator)


async def _close(
    iterator: AsyncIterator[Numbered], coming: asyncio.Task[Numbered] | None
) -> None:
    """End the waiting task first: a generator at work cannot be closed."""
    if coming is not None and not coming.done():
        coming.cancel()
        await asyncio.wait({coming})
    if isinstance(iterator, AsyncGenerator):
        await iterator.aclose()
