"""Sending what people uploaded (a leaf): as an attachment that no browser runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import TypeVar

from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from rag_site.errors import NotFound

logger = logging.getLogger(__name__)

ResponseT = TypeVar("ResponseT", bound=HttpResponseBase)

_CHUNK_BYTES = 256 * 1024


def release_database() -> None:
    """Give the connection back before a long stream, unless a transaction needs it."""
    if not connection.in_atomic_block:
        connection.close()


def send_file(path: Path, *, name: str, media_type: str) -> StreamingHttpResponse:
    """Return the stored file under the name it was uploaded with.

    Raises:
        NotFound: it was deleted since its document was looked up.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError as exc:
        logger.warning("the file %s is not there", path.name)
        raise NotFound from exc
    release_database()
    response = StreamingHttpResponse(_chunks(path), content_type=media_type)
    response["Content-Length"] = str(size)
    return _harmless(response, name)


def send_text(pieces: AsyncIterator[str], *, name: str) -> StreamingHttpResponse:
    release_database()
    response = StreamingHttpResponse(
        _encoded(pieces), content_type="text/plain; charset=utf-8"
    )
    return _harmless(response, name)


def send_image(png: bytes, *, name: str) -> HttpResponse:
    """Return a page's image; browsers may keep it while the reader looks at it."""
    response = _harmless(HttpResponse(png, content_type="image/png"), name)
    response["Cache-Control"] = "private, max-age=300"
    return response


def _harmless(response: ResponseT, name: str) -> ResponseT:
    """Forbid the browser to open, guess or run it."""
    disposition = content_disposition_header(True, name)
    response["Content-Disposition"] = disposition or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


async def _chunks(path: Path) -> AsyncGenerator[bytes, None]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk


async def _encoded(pieces: AsyncIterator[str]) -> AsyncGenerator[bytes, None]:
    async for piece in pieces:
        yield piece.encode(errors="replace")
