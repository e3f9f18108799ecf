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

from ingestion.errors import DiskFull
from rag_site.errors import InvalidInput, RagError, TooLarge
from rag_site.logs import new_reference, referenced
from rag_site.multipart import PartMeter, check_content_type, in_words, part_meter
from rag_site.problems import body_of, headers_of, plain_page, translate

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Where files arrive, for pages and for the API.
UPLOAD_PATH = re.compile(
    r"^(/api/v1)?/collections/(?P<pk>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})/documents$",
    re.IGNORECASE,
)
# Multipart boundaries, headers and fields around the files.
SLACK_BYTES = 1_000_000
# A body lies on disk three times at most: spooled, as a part, and as the copy
# that is kept.
_COPIES = 3
_ROOM_EVERY_BYTES = 32_000_000
# How long a refused sender is listened to, so that the refusal reaches it: a
# connection closed under a sending client resets before the answer is read.
_LINGER_S = 2.0


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
    """What a body may be.

    Attributes:
        body_bytes: of an ordinary request.
        file_bytes, files: of one file, and how many files an upload has.
        idle_s: seconds between two pieces.
        whole_s: seconds for an ordinary body, so that one byte now and then
            does not hold a connection for ever; uploads have no such bound.
        check_sender: raises a RagError if the sender of an upload may not add files
            there.
        room_bytes: returns the disk space that uploads may still take.
    """

    body_bytes: int
    file_bytes: int
    files: int
    idle_s: float
    check_sender: Callable[[Scope], Awaitable[None]]
    room_bytes: Callable[[], int]
    whole_s: float = 60.0

    @property
    def upload_bytes(self) -> int:
        return self.files * self.file_bytes + SLACK_BYTES


def limit_bodies(app: App, limits: BodyLimits) -> App:
    """Wrap ``app``; refuses by itself, in the site's shape, and closes the connection."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        try:
            meter = await _begun(scope, limits)
        except Exception as exc:  # noqa: BLE001 - the rim: whatever it was, it is told
            await _refuse(scope, receive, send, translate(exc))
            return
        await _metered(app, scope, receive, send, meter)

    return limited


async def _begun(scope: Scope, limits: BodyLimits) -> _Meter:
    """Check what the headers tell; return the meter for the body."""
    headers = {name.lower(): value for name, value in scope["headers"]}
    is_upload = scope["method"] == "POST" and bool(UPLOAD_PATH.match(scope["path"]))
    meter = _Meter(limits=limits, is_upload=is_upload)
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit():
        raise BadLength
    content_type = headers.get(b"content-type", b"")
    check_content_type(content_type)
    if is_upload:
        await limits.check_sender(scope)
        meter.part = part_meter(content_type, limits.file_bytes)
    meter.check(int(declared[:20]))
    if is_upload and int(declared[:20]) * _COPIES > limits.room_bytes():
        raise DiskFull
    return meter


@dataclass(slots=True)
class _Meter:
    """What has come of one body."""

    limits: BodyLimits
    is_upload: bool
    part: PartMeter | None = None
    seen: int = 0
    is_done: bool = False
    has_answered: bool = False
    problem: RagError | None = None
    room_checked: int = field(default=0)

    def check(self, size: int) -> None:
        allowed = self.limits.upload_bytes if self.is_upload else self.limits.body_bytes
        if size > allowed:
            raise BodyTooLarge(
                f"This is larger than the limit of {in_words(allowed)}.",
                detail={"limit_bytes": allowed},
            )

    def take(self, message: Message) -> None:
        piece = message.get("body", b"")
        self.seen += len(piece)
        self.is_done = not message.get("more_body", False)
        self.check(self.seen)
        if self.part is not None:
            self.part.feed(piece)
        if self.seen - self.room_checked > _ROOM_EVERY_BYTES:
            self.room_checked = self.seen
            if self.limits.room_bytes() <= 0:
                raise DiskFull

    def patience(self, deadline: float) -> float:
        """Return the seconds to wait for the next piece."""
        if self.is_upload:
            return self.limits.idle_s
        left = deadline - asyncio.get_running_loop().time()
        return max(0.01, min(self.limits.idle_s, left))


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
            message = await asyncio.wait_for(receive(), meter.patience(deadline))
            meter.take(message)
        except TimeoutError as exc:
            meter.problem = BodyTooSlow()
            raise _Refused from exc
        except RagError as problem:
            meter.problem = problem
            raise _Refused from problem
        return message

    async def noted(message: Message) -> None:
        meter.has_answered = True
        await send(message)

    try:
        await app(scope, counted, noted)
    except _Refused:
        if meter.problem is not None and not meter.has_answered:
            await _refuse(scope, receive, send, meter.problem)


async def _refuse(
    scope: Scope, receive: Receive, send: Send, problem: RagError
) -> None:
    with referenced(new_reference()) as reference:
        logger.warning("%s refused: %s", scope["path"], problem.code)
        is_api = scope["path"].startswith("/api/")
        body = json.dumps(body_of(problem)) if is_api else plain_page(problem)
        kind = "application/json" if is_api else "text/html; charset=utf-8"
        await send(_start(problem, kind, reference, len(body.encode())))
        await send(
            {"type": "http.response.body", "body": body.encode(), "more_body": True}
        )
        await _linger(receive)
        await send({"type": "http.response.body", "body": b""})


def _start(problem: RagError, kind: str, reference: str, length: int) -> Message:
    headers = {
        "content-type": kind,
        "content-length": str(length),
        "connection": "close",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
        "x-reference": reference,
    }
    headers |= {name.lower(): value for name, value in headers_of(problem).items()}
    return {
        "type": "http.response.start",
        "status": problem.http_status,
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
    }


async def _linger(receive: Receive) -> None:
    """Throw away what still comes, for a moment."""
    try:
        async with asyncio.timeout(_LINGER_S):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        return
