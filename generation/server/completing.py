"""From the engine's thread to one HTTP response, streamed or whole.

A client that goes away cancels its job: while nothing is written yet, a
comment every second makes the lost connection show.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse

from generation.server.engine import Engine
from generation.server.jobs import End, Job, Piece, Place, Request
from generation.server.parameters import ChatRequest
from generation.server.protocol import FINISH, Reply, event, problem

# Also how late a lost client is noticed at most.
BEAT_S = 1.0
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
Events = asyncio.Queue[Place | Piece | End]


def submit(engine: Engine, asked: Request) -> tuple[Job, Events]:
    """Queue a request; its events arrive on this event loop.

    Raises:
        QueueFull.
    """
    loop = asyncio.get_running_loop()
    events: Events = asyncio.Queue()

    def emit(item: Place | Piece | End) -> None:
        # The loop closes while the server stops; nobody waits then.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(events.put_nowait, item)

    return engine.submit(asked, emit), events


def stream(
    engine: Engine, asked: Request, body: ChatRequest, *, model: str
) -> Response:
    job, events = submit(engine, asked)
    reply = Reply(model=model)
    lines = _lines(engine, job, events, reply, body.stream_options.include_usage)
    return StreamingResponse(lines, media_type="text/event-stream", headers=HEADERS)


async def _lines(
    engine: Engine, job: Job, events: Events, reply: Reply, wants_usage: bool
) -> AsyncIterator[str]:
    try:
        yield event(reply.chunk({"role": "assistant", "content": ""}))
        async for item in _beating(events):
            if item is None:
                yield ": waiting\n\n"
            elif isinstance(item, Place):
                yield event(reply.place(item))
            elif isinstance(item, Piece):
                yield event(reply.chunk({"content": item.text}))
            else:
                yield event(reply.chunk({}, FINISH[item.reason]))
                if wants_usage:
                    yield event(reply.usage(item))
        yield "data: [DONE]\n\n"
    finally:
        engine.cancel(job)


async def _beating(events: Events) -> AsyncIterator[Place | Piece | End | None]:
    """Yield events up to the end, and None for each second without one."""
    while True:
        try:
            item = await asyncio.wait_for(events.get(), BEAT_S)
        except TimeoutError:
            yield None
            continue
        yield item
        if isinstance(item, End):
            return


async def complete(
    engine: Engine, asked: Request, request: HttpRequest, *, model: str
) -> Response:
    job, events = submit(engine, asked)
    text: list[str] = []
    try:
        async for item in _beating(events):
            if isinstance(item, Piece):
                text.append(item.text)
            elif isinstance(item, End):
                return _whole(Reply(model=model), "".join(text), item)
            elif await request.is_disconnected():
                break
    finally:
        engine.cancel(job)
    return problem(499, "client_closed_request", "The client went away.")


def _whole(reply: Reply, text: str, end: End) -> Response:
    if end.reason == "error":
        return problem(500, "server_error", "The model failed on this request.")
    return JSONResponse(reply.whole(text, end))
