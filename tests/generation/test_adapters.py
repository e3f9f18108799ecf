"""LoRA adapters over real weights, with an adapter written here by hand."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from generation.llm import HttpLanguageModel, Message, SamplingParams, TextPiece
from generation.server.adapters import UnknownAdapter, adapter_of, find_adapters
from tests.generation.model_server import SMALLEST, served

CHAT = "/v1/chat/completions"
QUESTION = "Tell me about the water in the river."
# Of SmolLM2-135M: rows and columns of the matrix that is adapted, and the rank.
_IN, _OUT, _RANK = 576, 576, 2
_TEXT, _FLOAT, _F32, _ALIGNED = 8, 6, 0, 32


def write_adapter(path: Path, *, seed: int, scale: float) -> None:
    """Write a LoRA adapter in GGUF version 3: two matrices of one layer."""
    chance = random.Random(seed)
    tensors = {
        "blk.20.attn_output.weight.lora_a": (_IN, _RANK),
        "blk.20.attn_output.weight.lora_b": (_RANK, _OUT),
    }
    facts = [
        ("general.architecture", _TEXT, "llama"),
        ("general.type", _TEXT, "adapter"),
        ("adapter.type", _TEXT, "lora"),
        ("adapter.lora.alpha", _FLOAT, float(_RANK)),
    ]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts))
    for name, kind, value in facts:
        raw = struct.pack("<f", value) if kind == _FLOAT else text(str(value))
        head += text(name) + struct.pack("<I", kind) + raw
    body = b""
    for name, (width, height) in tensors.items():
        head += text(name) + struct.pack("<IQQ", 2, width, height)
        head += struct.pack("<IQ", _F32, len(body))
        numbers = [chance.gauss(0, scale) for _ in range(width * height)]
        body += struct.pack(f"<{len(numbers)}f", *numbers)
        body += b"\0" * (-len(body) % _ALIGNED)
    path.write_bytes(head + b"\0" * (-len(head) % _ALIGNED) + body)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def test_adapters_are_found_by_name_and_asked_for_with_a_prefix(tmp_path: Path) -> None:
    for name in ("law.gguf", "Not a name.gguf", "law.txt"):
        (tmp_path / name).write_bytes(b"x")
    (found,) = find_adapters(tmp_path)
    assert (found.name, len(found.digest)) == ("law", 64)
    assert find_adapters(tmp_path / "missing") == ()
    assert adapter_of("lora:law", frozenset({"law"})) == "law"
    assert adapter_of("qwen", frozenset({"law"})) == ""
    with pytest.raises(UnknownAdapter):
        adapter_of("lora:tax", frozenset({"law"}))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpLanguageModel]:
    var = tmp_path_factory.mktemp("var")
    folder = var / "adapters"
    folder.mkdir()
    write_adapter(folder / "loud.gguf", seed=1, scale=2.0)
    (folder / "broken.gguf").write_bytes(b"GGUF and nothing else")
    with served(
        SMALLEST,
        embeds=False,
        PLUMBLINE_VAR=str(var),
        PLUMBLINE_MODEL_SLOTS="4",
        PLUMBLINE_CONTEXT_TOKENS="512",
    ) as model:
        yield model


def ask(http: httpx.Client, model: str, user: str = "anna") -> dict[str, Any]:
    messages = [{"role": "user", "content": QUESTION}]
    # A random adapter writes noise, whose choices lie close together: after some tokens
    # the place of the cells decides (docs/evaluation.md).
    body = {"messages": messages, "max_tokens": 6, "model": model, "user": user}
    reply = http.post(CHAT, json=body)
    reply.raise_for_status()
    found: dict[str, Any] = reply.json()
    return found


def said(reply: dict[str, Any]) -> str:
    return str(reply["choices"][0]["message"]["content"])


@pytest.mark.models
def test_an_adapter_changes_the_text_of_those_who_ask_for_it_only(
    http: httpx.Client,
) -> None:
    plain = ask(http, SMALLEST)
    adapted = ask(http, "lora:loud")
    assert said(plain) != said(adapted)
    assert adapted["model"] == "lora:loud"
    # What was evaluated with other weights is not reused.
    assert adapted["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert ask(http, "lora:loud")["usage"]["prompt_tokens_details"]["cached_tokens"] > 9
    with ThreadPoolExecutor(2) as threads:
        names = [SMALLEST, "lora:loud"]
        texts = list(threads.map(lambda n: said(ask(http, n, user=f"{n}2")), names))
    assert texts == [said(plain), said(adapted)]


@pytest.mark.models
def test_adapters_are_listed_and_others_refused(http: httpx.Client) -> None:
    rows = {row["id"]: row for row in http.get("/v1/models").json()["data"]}
    assert set(rows) == {SMALLEST, "lora:loud"}
    assert rows["lora:loud"]["parent"] == SMALLEST
    messages = [{"role": "user", "content": QUESTION}]
    for name in ("lora:quiet", "lora:broken", "lora:../x"):
        reply = http.post(CHAT, json={"messages": messages, "model": name})
        assert reply.status_code == 404
        assert reply.json()["error"]["code"] == "model_not_found"


@pytest.mark.models
async def test_the_client_asks_for_the_adapter_of_a_question(
    model: HttpLanguageModel, http: httpx.Client
) -> None:
    params = SamplingParams(max_tokens=6, adapter="loud")
    message = Message(role="user", content=QUESTION)
    items = [item async for item in model.stream([message], params, user="anna")]
    text = "".join(item.text for item in items if isinstance(item, TextPiece))
    assert text == said(ask(http, "lora:loud"))
