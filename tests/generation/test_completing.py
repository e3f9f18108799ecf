"""Requests that are answered whole: their clients may go away as well."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.requests import Request as HttpRequest

from generation.server.completing import complete
from generation.server.protocol import Reply
from tests.fakes_weights import ScriptedWeights, expected
from tests.generation.engine_parts import ask, asked, running, tokens_of

STEP_S = 0.02
MOST = 100
# A prompt whose answer is long enough to be left in its middle.
PROMPT = next(
    text
    for text in (f"{a}{b}" for a in "abcdefgh" for b in "abcdefghijklmnopq")
    if len(expected(tokens_of(text), MOST)) == MOST
)


def request_of(left: asyncio.Event) -> HttpRequest:
    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    return HttpRequest({"type": "http", "method": "POST", "headers": []}, receive)


async def test_a_client_that_goes_away_ends_its_request_within_a_step() -> None:
    left = asyncio.Event()
    with running(ScriptedWeights(step_s=STEP_S), drafts=False) as engine:
        wanted = asked(PROMPT, max_tokens=MOST)
        asking = asyncio.ensure_future(
            complete(engine, wanted, request_of(left), Reply(model="m"))
        )
        await asyncio.sleep(10 * STEP_S)
        left.set()
        began = time.monotonic()
        reply = await asking
        assert reply.status_code == 499
        assert time.monotonic() - began < MOST * STEP_S / 2
        assert engine.running == 0


async def test_who_waits_in_vain_is_told_to_come_back() -> None:
    with running(ScriptedWeights(slots=1, step_s=STEP_S), drafts=False) as engine:
        first = ask(engine, asked(PROMPT, max_tokens=MOST))
        wanted = asked(PROMPT, person="late", wall_s=5 * STEP_S)
        stays = request_of(asyncio.Event())
        reply = await complete(engine, wanted, stays, Reply(model="m"))
        assert not first.over.is_set()
    assert reply.status_code == 503
    assert int(reply.headers["Retry-After"]) >= 1
    assert b"too_late" in reply.body


async def test_a_client_that_stays_is_answered() -> None:
    with running(ScriptedWeights()) as engine:
        wanted = asked(PROMPT, max_tokens=MOST)
        stays = request_of(asyncio.Event())
        reply = await complete(engine, wanted, stays, Reply(model="m"))
    assert expected(tokens_of(PROMPT), MOST).encode() in reply.body


async def test_a_handler_that_is_cancelled_ends_its_request() -> None:
    with running(ScriptedWeights(step_s=STEP_S), drafts=False) as engine:
        wanted = asked(PROMPT, max_tokens=MOST)
        stays = request_of(asyncio.Event())
        asking = asyncio.ensure_future(
            complete(engine, wanted, stays, Reply(model="m"))
        )
        await asyncio.sleep(10 * STEP_S)
        asking.cancel()
        await asyncio.wait({asking})
        await asyncio.sleep(10 * STEP_S)
        assert engine.running == 0
