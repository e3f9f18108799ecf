"""What a stream of the model server looks like to other clients, and to ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from generation.server.completing import stream
from generation.server.jobs import Piece, Request
from generation.server.protocol import ChatReply, Reply, event
from tests.fakes_weights import ScriptedWeights, expected
from tests.generation.engine_parts import asked, running, tokens_of

REPLIES = [Reply(model="m"), ChatReply(model="m")]


async def streamed(weights: ScriptedWeights, asking: Request, reply: Reply) -> str:
    with running(weights) as engine:
        response = stream(engine, asking, reply, wants_usage=False)
        return "".join([str(part) async for part in response.body_iterator])


def chunks_of(text: str) -> list[dict[str, Any]]:
    lines = (line[6:] for line in text.split("\n") if line.startswith("data: {"))
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("reply", REPLIES)
async def test_each_chunk_has_a_choice_with_text_or_without(reply: Reply) -> None:
    text = await streamed(ScriptedWeights(), asked("abc"), reply)
    chunks = chunks_of(text)
    choices = [chunk["choices"][0] for chunk in chunks]
    told = [c["text"] if "text" in c else c["delta"].get("content") for c in choices]
    assert "".join(part or "" for part in told) == expected(tokens_of("abc"), 20)
    places = [c for c in chunks if "queue_position" in c.get("plumbline", {})]
    assert places
    nothing = {"delta": {}} if isinstance(reply, ChatReply) else {"text": ""}
    for place in places:
        (choice,) = place["choices"]
        assert choice == {"index": 0, "finish_reason": None, **nothing}
    assert text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("reply", REPLIES)
async def test_a_failed_step_ends_a_stream_with_an_error(reply: Reply) -> None:
    weights = ScriptedWeights()
    weights.is_failing = True
    text = await streamed(weights, asked("abc"), reply)
    assert chunks_of(text)[-1]["error"]["type"] == "server_error"
    assert "[DONE]" not in text
    assert '"finish_reason": "error"' not in text


async def test_who_waits_in_vain_is_told_so_in_the_stream() -> None:
    text = await streamed(ScriptedWeights(), asked("abc", wall_s=0.0), REPLIES[1])
    assert chunks_of(text)[-1]["error"]["code"] == "too_late"
    assert "[DONE]" not in text


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c", "ü"])
def test_an_event_is_one_line_to_whoever_splits_it(odd: str) -> None:
    sent = event(ChatReply(model="m").chunk(Piece(text=f"a{odd}b")))
    (line,) = sent.removesuffix("\n\n").splitlines()
    assert json.loads(line[6:])["choices"][0]["delta"]["content"] == f"a{odd}b"
