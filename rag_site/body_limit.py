"""Cap and time the body of a request before Django spools it (ASGI).

Django's handler writes a complete body to a temporary file before any view
runs, however large; uvicorn has neither a limit nor a deadline for slow senders.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from rag_site.errors import InvalidInput, RagError, TooLarge
from rag_site.logs import new_reference, referenced
from rag_site.problems import body_of, plain_page

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Where files arrive: pages and API.
UPLOAD_PATH = re.compile(
    r"^(/api/v1)?/collections/[0-9a-fA-F-]+/documents/?$|^/documents(/add)?/?$"
)
# Multipart boundaries, headers and fields around the files.
SLACK_BYTES = 1_000_000


class BodyTooLarge(TooLarge):
    """What was sent is larger than the limit."""

    code = "body_too_large"


class BodyTooSlow(InvalidInput):
    """The body of the request did not arrive in time. Check the connection and send it again."""

    code = "body_timeout"
    http_status = 408


class BadLength(InvalidInput):
    """The Content-Length header is not a number."""

    code = "bad_content_length"


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """Bytes of an ordinary body and of an upload; seconds between two pieces.

    ``whole_s`` bounds the time for an ordinary body, so that one byte every few
    seconds does not hold a connection for ever; uploads have no such bound.
    """

    body_bytes: int
    upload_bytes: int
    idle_s: float
    whole_s: float = 60.0


def limit_bodies(app: App, limits: BodyLimits) -> App:
    """Wrap ``app``; answers 413 or 408 itself and closes the connection."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        is_upload = bool(UPLOAD_PATH.match(scope["path"]))
        meter = _Meter(limits=limits, is_upload=is_upload)
        try:
            meter.check_declared(scope["headers"])
        except RagError as problem:
            await _refuse(scope, send, problem)
            return
        await _metered(app, scope, receive, send, meter)

    return limited


@dataclass(slots=True)
class _Meter:
    limits: BodyLimits
    is_upload: bool
    seen: int = 0
    is_done: bool = False
    problem: RagError | None = None
    has_started: bool = field(default=False)

    @property
    def allowed(self) -> int:
        return self.limits.upload_bytes if self.is_upload else self.limits.body_bytes

    def check_declared(self, headers: list[tuple[bytes, bytes]]) -> None:
        for name, value in headers:
            if name.lower() == b"content-length":
                if not value.isdigit():
                    raise BadLength
                self.check(int(value[:20]))

    def check(self, size: int) -> None:
        if size > self.allowed:
            raise BodyTooLarge(
                f"This is larger than the limit of {_in_words(self.allowed)}.",
                detail={"limit_bytes": self.allowed},
            )


class _Refused(Exception):
    """Unwinds Django's reading of a body that was refused."""


async def _metered(
    app: App, scope: Scope, receive: Receive, send: Send, meter: _Meter
) -> None:
    deadline = asyncio.get_running_loop().time() + meter.limits.whole_s

    async def counted() -> Message:
        if meter.is_done:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), _patience(meter, deadline))
        except TimeoutError:
            meter.problem = BodyTooSlow()
            raise _Refused from None
        meter.seen += len(message.get("body", b""))
        try:
            meter.check(meter.seen)
        except RagError as problem:
            meter.problem = problem
            raise _Refused from problem
        meter.is_done = not message.get("more_body", False)
        return message

    async def noted(message: Message) -> None:
        meter.has_started = True
        await send(message)

    try:
        await app(scope, counted, noted)
    except _Refused:
        if meter.problem is not None and not meter.has_started:
            await _refuse(scope, send, meter.problem)


def _patience(meter: _Meter, deadline: float) -> float:
    if meter.is_upload:
        return meter.limits.idle_s
    left = deadline - asyncio.get_running_loop().time()
    return max(0.01, min(meter.limits.idle_s, left))


async def _refuse(scope: Scope, send: Send, problem: RagError) -> None:
    with referenced(new_reference()) as reference:
        logger.warning("%s refused: %s", scope["path"], problem.code)
        is_api = scope["path"].startswith("/api/")
        body = json.dumps(body_of(problem)) if is_api else plain_page(problem)
        kind = "application/json" if is_api else "text/html; charset=utf-8"
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(body.encode())),
            "Connection": "close",
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "X-Reference": reference,
        }
        await send(
            {
                "type": "http.response.start",
                "status": problem.http_status,
                "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": body.encode()})


def _in_words(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 10**6 else f"{size / 1e3:.0f} kB"
