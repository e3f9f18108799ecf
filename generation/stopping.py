"""Ending a model's stream early: by a person, or because time is up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from generation.llm import Finished, QueuePlace, TextPiece


async def until(
    stream: AsyncIterator[QueuePlace | TextPiece | Finished],
    stop: asyncio.Event,
    *,
    seconds: float,
) -> AsyncIterator[QueuePlace | TextPiece | Finished]:
    """Yield from ``stream`` until it ends, ``stop`` is set or time is up.

    Leaving early closes the stream, which frees the model's slot.
    """
    deadline = time.monotonic() + seconds
    stopping = asyncio.ensure_future(stop.wait())
    item: asyncio.Future[QueuePlace | TextPiece | Finished | None] | None = None
    try:
        while not stop.is_set() and (left := deadline - time.monotonic()) > 0:
            item = asyncio.ensure_future(anext(stream, None))
            await asyncio.wait(
                {item, stopping}, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            if not item.done():
                break
            value = item.result()
            if value is None:
                return
            yield value
        if not stop.is_set():
            yield Finished(reason="length")
    finally:
        stopping.cancel()
        await _closed(stream, item)


async def _closed(
    stream: AsyncIterator[QueuePlace | TextPiece | Finished],
    item: asyncio.Future[QueuePlace | TextPiece | Finished | None] | None,
) -> None:
    """Close a stream; one that is being read must end that first."""
    if item is not None and not item.done():
        item.cancel()
        await asyncio.wait({item})
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
