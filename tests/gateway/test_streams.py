from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_site import event_stream
from rag_site.errors import Conflict
from rag_site.event_stream import Numbered, frame
from rag_site.multipart import PartMeter

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(number=st.integers(0, 10**9), data=st.dictionaries(st.text(), JSON))
def test_a_frame_survives_newlines_and_every_script(
    number: int, data: dict[str, Any]
) -> None:
    raw = frame(number, "token", data)
    assert raw.endswith(b"\n\n")
    head, kind, body = raw.decode().removesuffix("\n\n").split("\n")
    assert (head, kind) == (f"id: {number}", "event: token")
    assert json.loads(body.removeprefix("data: ")) == json.loads(
        json.dumps(data, ensure_ascii=False).encode(errors="replace")
    )


async def collected(events: AsyncIterator[Numbered]) -> list[bytes]:
    return [piece async for piece in event_stream.event_stream(events)]


async def test_silence_is_filled_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_S", 0.05)

    async def slow() -> AsyncIterator[Numbered]:
        yield 1, "queued", {}
        await asyncio.sleep(0.3)
        yield 2, "done", {}

    pieces = await collected(slow())
    assert pieces[0] == frame(1, "queued", {})
    assert pieces[-1] == frame(2, "done", {})
    assert pieces[1].startswith(b": ")
    assert len(pieces) >= 4


@pytest.mark.parametrize(
    ("exc", "code"),
    [(Conflict("Taken."), "conflict"), (ValueError("inside"), "internal_error")],
)
async def test_a_failure_is_the_last_event(exc: Exception, code: str) -> None:
    async def failing() -> AsyncIterator[Numbered]:
        yield 1, "queued", {}
        raise exc

    last = (await collected(failing()))[-1].decode()
    assert last.startswith("event: error\n")
    assert json.loads(last.split("data: ")[1])["code"] == code
    assert "inside" not in last


async def test_a_reader_that_leaves_ends_the_source() -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[Numbered]:
        try:
            yield 1, "queued", {}
            await asyncio.sleep(3600)
        finally:
            ended.set()

    stream = aiter(event_stream.event_stream(endless()))
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(ended.wait(), 5)


@given(
    sizes=st.lists(st.integers(0, 60), max_size=5),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=20),
)
def test_parts_measure_the_same_however_they_are_cut(
    sizes: list[int], cuts: list[int]
) -> None:
    body = b"".join(b"--frontier" + b"-x" * size for size in sizes) + b"--frontier--"
    meter, seen, sent = PartMeter(marker=b"--frontier", allowed=10**6), [], 0
    largest = 0
    while sent < len(body):
        step = cuts[len(seen) % len(cuts)]
        meter.feed(body[sent : sent + step])
        largest = max(largest, meter.size)
        seen.append(step)
        sent += step
    assert largest <= 2 * max(sizes, default=0) + 2
    assert meter.size <= 2
