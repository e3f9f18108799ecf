"""Ending a model's stream early: by a person, by time, or because it goes round."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from generation.grounding.sentences import without_rounds
from generation.llm import Finished, QueuePlace, TextPiece

_ENDS = frozenset("].!?。！？…")


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


async def until_it_repeats(
    stream: AsyncIterator[QueuePlace | TextPiece | Finished],
) -> AsyncIterator[QueuePlace | TextPiece | Finished]:
    """Yield from ``stream`` until it ends or its text begins to repeat itself."""
    text = ""
    try:
        async for item in stream:
            yield item
            if not isinstance(item, TextPiece):
                continue
            text += item.text
            # Only where words or a mark end: the search costs a millisecond.
            if text.rstrip()[-1:] in _ENDS and without_rounds(text) != text:
                yield Finished(reason="stop")
                return
    finally:
        await _closed(stream, None)


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
