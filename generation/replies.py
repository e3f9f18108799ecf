"""Replies of any model server, before what they say is read: lines, beats and refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

from generation.errors import ContextTooLong, ModelBusy, ShareOfQueueTaken

# A server that sends a beat each second and then none for this long is gone.
BEAT_LOST_S = 4.0
# Longest wait for a server without beats, as while it reads a long prompt.
SILENCE_S = 300.0


async def lines_of(reply: httpx.Response) -> AsyncIterator[str]:
    """Yield lines; once the server has sent a beat, hold it to its beat.

    Raises:
        TimeoutError: it fell silent.
    """
    lines = _lines(reply)
    limit = SILENCE_S
    while True:
        try:
            async with asyncio.timeout(limit):
                line = await anext(lines)
        except StopAsyncIteration:
            return
        if line.startswith(":"):
            limit = BEAT_LOST_S
        yield line


async def _lines(reply: httpx.Response) -> AsyncIterator[str]:
    """Yield lines as event streams have them.

    ``aiter_lines`` also ends one at U+2028 and its like, which JSON may hold raw.
    """
    rest = ""
    async for text in reply.aiter_text():
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            yield line
    if rest:
        yield rest


async def refuse(reply: httpx.Response) -> None:
    """Raise our own error for a status that is not a success.

    Raises:
        ModelBusy, ShareOfQueueTaken, ContextTooLong, httpx.HTTPStatusError.
    """
    if reply.is_success:
        return
    error = await _error_of(reply)
    if reply.status_code in (429, 503):
        after = reply.headers.get("Retry-After", "")
        is_share = error.get("code") == "person_queue_full"
        kind = ShareOfQueueTaken if is_share else ModelBusy
        raise kind(retry_after_s=int(after) if after.isdigit() else 5)
    if reply.status_code == 400 and _is_too_long(error):
        raise ContextTooLong
    reply.raise_for_status()


def _is_too_long(error: dict[str, Any]) -> bool:
    """Whether a prompt was longer than the context.

    OpenAI and the own server say so by the code, llama-server by the type; vLLM says
    it nowhere but in the message.
    """
    return (
        "context" in str(error.get("code"))
        or error.get("type") == "exceed_context_size_error"
        or "maximum context length" in str(error.get("message"))
    )


async def _error_of(reply: httpx.Response) -> dict[str, Any]:
    """Return the error of the protocol, or of older servers that send it bare."""
    await reply.aread()
    try:
        body = reply.json()
    except ValueError:
        return {}
    error = body.get("error", body) if isinstance(body, dict) else {}
    return error if isinstance(error, dict) else {}
