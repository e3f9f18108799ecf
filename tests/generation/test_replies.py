"""Replies of model servers of other makes, as our client reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from generation.errors import ContextTooLong, ModelBusy, ModelLost, ModelUnavailable
from generation.llm import HttpLanguageModel, Message, SamplingParams, TextPiece
from tests.fakes_http import replying


@contextmanager
def answering(status: int, body: str) -> Iterator[HttpLanguageModel]:
    """Yield a client of a server that answers everything so."""

    with replying(lambda *_: (status, body)) as url:
        yield HttpLanguageModel(url)


def chunk(text: str) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return f"data: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\n\n"


async def texts(model: HttpLanguageModel) -> list[str]:
    asked = [Message(role="user", content="Hello.")]
    items = model.stream(asked, SamplingParams(), user="anna")
    return [item.text async for item in items if isinstance(item, TextPiece)]


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c", "\r"])
async def test_only_a_line_feed_ends_a_line(odd: str) -> None:
    text = chunk(f"a{odd}b") + chunk("c").replace("\n", "\r\n") + "data: [DONE]"
    with answering(200, text) as model:
        assert await texts(model) == [f"a{odd}b", "c"]


async def test_an_error_in_the_stream_is_one_of_ours() -> None:
    failed = 'data: {"error": {"message": "It failed.", "type": "server_error"}}\n\n'
    with answering(200, failed) as model, pytest.raises(ModelUnavailable):
        await texts(model)
    with answering(200, chunk("a") + failed) as model, pytest.raises(ModelLost):
        await texts(model)


async def test_a_request_whose_turn_never_came_may_be_asked_again() -> None:
    late = 'data: {"error": {"message": "Later.", "code": "too_late"}}\n\n'
    with answering(200, late) as model, pytest.raises(ModelBusy) as caught:
        await texts(model)
    assert caught.value.retry_after_s


TOO_LONG = "This model's maximum context length is 4096 tokens. However, you requested"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "context_length_exceeded", "type": "invalid_request_error"}},
        {"error": {"code": 400, "type": "BadRequestError", "message": TOO_LONG}},
        {"object": "error", "code": 400, "message": TOO_LONG},
        {"error": {"code": 400, "type": "exceed_context_size_error", "n_ctx": 4096}},
    ],
)
async def test_a_prompt_too_long_is_told_by_each_server_in_its_way(
    body: dict[str, Any],
) -> None:
    with answering(400, json.dumps(body)) as model, pytest.raises(ContextTooLong):
        await texts(model)


@pytest.mark.parametrize("body", ["", "[]", '{"error": "no"}', '{"error": {}}'])
async def test_other_refusals_say_that_the_model_is_not_there(body: str) -> None:
    with answering(400, body) as model, pytest.raises(ModelUnavailable):
        await texts(model)
