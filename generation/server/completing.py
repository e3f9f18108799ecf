"""From the engine's thread to one HTTP response, streamed or whole.

A client that goes away cancels its job within a step. To one that is streamed to, a
comment each second without news says that the server is there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse

from generation.server.engine import Engine
from generation.server.jobs import End, Job, Piece, Place, Reason, Request
from generation.server.protocol import Reply, error, event, problem

BEAT_S = 1.0
TOO_LATE = "The time of this request was over before its answer began. Try again later."
# How a request ends that was not answered, as a reply and in a stream.
FAILURES: dict[Reason, tuple[int, dict[str, Any]]] = {
    "error": (500, error("server_error", "The model failed on this request.")),
    "late": (503, error("server_busy", TOO_LATE, code="too_late")),
}
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
# None is a second without news.
Events = asyncio.Queue[Place | Piece | End | None]


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
    engine: Engine, asked: Request, reply: Reply, *, wants_usage: bool
) -> Response:
    job, events = submit(engine, asked)
    lines = _lines(engine, job, events, reply, wants_usage=wants_usage)
    return StreamingResponse(lines, media_type="text/event-stream", headers=HEADERS)


async def _lines(
    engine: Engine, job: Job, events: Events, reply: Reply, *, wants_usage: bool
) -> AsyncIterator[str]:
    try:
        for opening in reply.opening():
            yield event(opening)
        async for item in _beating(events):
            if item is None:
                yield ": waiting\n\n"
            elif isinstance(item, Place):
                yield event(reply.place(item))
            elif isinstance(item, Piece):
                yield event(reply.chunk(item))
            elif item.reason in FAILURES:
                yield event(FAILURES[item.reason][1])
                return
            else:
                yield event(reply.closing(item))
                if wants_usage:
                    yield event(reply.usage(item))
        yield "data: [DONE]\n\n"
    finally:
        engine.cancel(job)


async def _beating(events: Events) -> AsyncIterator[Place | Piece | End | None]:
    """Yield events up to the end, and None for each second without one."""
    loop = asyncio.get_running_loop()
    while True:
        # Cheaper than a timeout, and each token waits for one.
        beat = loop.call_later(BEAT_S, events.put_nowait, None)
        try:
            item = await events.get()
        finally:
            beat.cancel()
        yield item
        if isinstance(item, End):
            return


async def complete(
    engine: Engine, asked: Request, request: HttpRequest, reply: Reply
) -> Response:
    job, events = submit(engine, asked)
    leaving = asyncio.ensure_future(_leave(request))
    leaving.add_done_callback(lambda _: engine.cancel(job))
    pieces: list[Piece] = []
    try:
        while not isinstance(item := await events.get(), End):
            if isinstance(item, Piece):
                pieces.append(item)
        if leaving.done():
            return problem(499, "client_closed_request", "The client went away.")
        if item.reason in FAILURES:
            return _failed(engine, item.reason)
        return JSONResponse(reply.whole(pieces, item))
    finally:
        leaving.cancel()


async def _leave(request: HttpRequest) -> None:
    """Wait until the client is gone: after the body nothing else is received."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _failed(engine: Engine, reason: Reason) -> Response:
    status, body = FAILURES[reason]
    response = JSONResponse(body, status)
    if reason == "late":
        response.headers["Retry-After"] = str(engine.retry_after_s())
    return response
