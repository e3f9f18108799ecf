"""The model server's application over scripted weights, without a process of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from generation.server.app import create_app
from generation.server.config import ServerConfig
from generation.server.questions import QuestionEmbedder
from tests.fakes_weights import ScriptedWeights
from tests.generation.engine_parts import running

CHAT = "/v1/chat/completions"
HI = [{"role": "user", "content": "hi"}]


class ReadingWeights(ScriptedWeights):
    """Reads letters and takes its time."""

    adapters: frozenset[str] = frozenset()
    gpu_layers = 0
    longest_token_bytes = 4
    tokenize_s = 0.0
    tokenized = 0

    def tokenize(self, text: str, *, is_special: bool = False) -> list[int]:
        time.sleep(self.tokenize_s)
        self.tokenized += 1
        return [1 + ord(letter) % 26 for letter in text[:20]]


@pytest.fixture
def weights() -> ReadingWeights:
    return ReadingWeights()


@pytest.fixture
def http(weights: ReadingWeights) -> Iterator[httpx.AsyncClient]:
    config = ServerConfig(path=Path(), model="qwen2.5-scripted", digest="", key="k")
    embedder = QuestionEmbedder(None, name="", digests={})  # type: ignore[arg-type]
    with running(weights) as engine:
        app = create_app(config, engine, embedder)
        transport = httpx.ASGITransport(app=app)
        headers = {"Authorization": "Bearer k"}
        yield httpx.AsyncClient(
            transport=transport, base_url="http://model", headers=headers
        )


async def said(http: httpx.AsyncClient, **fields: Any) -> str:
    reply = await http.post(CHAT, json={"messages": HI, "temperature": 1.0, **fields})
    text: str = reply.json()["choices"][0]["message"]["content"]
    return text


async def test_without_a_seed_one_is_drawn(http: httpx.AsyncClient) -> None:
    assert len({await said(http) for _ in range(8)}) > 1
    assert len({await said(http, seed=None) for _ in range(8)}) > 1
    assert len({await said(http, seed=7) for _ in range(3)}) == 1


async def test_the_server_goes_on_while_a_prompt_is_tokenised(
    http: httpx.AsyncClient, weights: ReadingWeights
) -> None:
    weights.tokenize_s = 0.3
    for path, body in (
        (CHAT, {"messages": HI}),
        ("/v1/completions", {"prompt": "hi"}),
        ("/v1/continuations", {"messages": HI, "continuation": "ho"}),
        ("/v1/tokenize", {"texts": ["hi", "ho"]}),
    ):
        asking = asyncio.ensure_future(http.post(path, json=body))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        assert (await http.get("/health")).status_code == 200
        assert time.monotonic() - began < 0.15
        assert not asking.done()
        assert (await asking).status_code == 200


async def test_what_cannot_fit_is_refused_unread(
    http: httpx.AsyncClient, weights: ReadingWeights
) -> None:
    long = "a" * 4 * 200
    messages = [{"role": "user", "content": long[:400]}] * 2
    for path, body in (
        (CHAT, {"messages": messages}),
        ("/v1/completions", {"prompt": long}),
        ("/v1/continuations", {"messages": HI, "continuation": long}),
        ("/v1/tokenize", {"texts": ["hi", long]}),
    ):
        reply = await http.post(path, json=body)
        assert reply.status_code == 400
        assert reply.json()["error"]["code"] == "context_length_exceeded"
    assert weights.tokenized == 0
    fits = await http.post("/v1/tokenize", json={"texts": [long[:-4]] * 2})
    assert fits.json()["counts"] == [20, 20]


async def test_models_are_told_as_other_clients_read_them(
    http: httpx.AsyncClient,
) -> None:
    (row,) = (await http.get("/v1/models")).json()["data"]
    assert {"id", "object", "created", "owned_by"} <= row.keys()
    assert abs(row["created"] - time.time()) < 60
    assert (await http.get(f"/v1/models/{row['id']}")).json() == row
    missing = await http.get("/v1/models/another")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"


async def test_what_is_not_served_is_refused_in_the_shape_of_errors(
    http: httpx.AsyncClient,
) -> None:
    missing = await http.post("/v1/responses", json={})
    assert missing.status_code == 404
    assert (
        missing.json()["error"]["message"] == "POST /v1/responses is not served here."
    )
    other = await http.get(CHAT)
    assert other.status_code == 405
    assert other.headers["Allow"] == "POST"
    assert other.json()["error"]["type"] == "invalid_request_error"


async def test_tokens_are_told_by_their_numbers_in_the_order_asked(
    http: httpx.AsyncClient,
) -> None:
    async def told(*numbers: int) -> list[list[float]]:
        wanted = {"logprobs": True, "logprob_token_ids": numbers, "seed": 1}
        reply = await http.post(CHAT, json={"messages": HI, "max_tokens": 3, **wanted})
        content = reply.json()["choices"][0]["logprobs"]["content"]
        return [row["token_id_logprobs"] for row in content]

    forth, back = await told(1, 2, 3), await told(3, 2, 1)
    assert [row[::-1] for row in back] == forth
    assert len({tuple(row) for row in forth}) == len(forth) == 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"logprobs": True, "logprob_token_ids": [999]}, "There is no token 999"),
        ({"logprobs": True, "logprob_token_ids": [-1]}, "greater than or equal to 0"),
        ({"logprobs": True, "logprob_token_ids": [1] * 1025}, "at most 1024"),
        ({"logprob_token_ids": [1]}, "goes with logprobs"),
    ],
)
async def test_tokens_that_cannot_be_told_are_refused(
    http: httpx.AsyncClient, fields: dict[str, Any], said: str
) -> None:
    reply = await http.post(CHAT, json={"messages": HI, **fields})
    assert reply.status_code == 422
    error = reply.json()["error"]
    assert said in error["message"]
    assert error["type"] == "invalid_request_error"
