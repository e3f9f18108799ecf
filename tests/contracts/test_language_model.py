"""What every LanguageModel promises: the tests' script and the real server alike."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from generation.errors import ModelUnavailable
from generation.estimating import estimate_tokens
from generation.llm import (
    Finished,
    HttpLanguageModel,
    LanguageModel,
    Message,
    QueuePlace,
    SamplingParams,
    TextPiece,
)
from rag_site.weights import WeightsMissing, locate
from tests.fakes_llm import ScriptedLLM
from tests.generation.model_server import SMALLEST, served

MESSAGES = (
    Message(role="system", content="You are terse."),
    Message(role="user", content="Count from 1 to 20."),
)


@pytest.fixture(scope="module")
def real() -> Iterator[HttpLanguageModel]:
    with served("qwen2.5-coder-0.5b-instruct-q4_k_m") as model:
        yield model


@pytest.fixture(params=["scripted", pytest.param("real", marks=pytest.mark.models)])
def model(request: pytest.FixtureRequest) -> LanguageModel:
    if request.param == "real":
        found: LanguageModel = request.getfixturevalue("real")
        return found
    scripted = ScriptedLLM(delay_s=0.01)
    scripted.check, scripted.wanted = {"1": -0.2}, (-1.0, -2.0, -3.0)
    for _ in range(4):
        scripted.enqueue([f"{n}, " for n in range(1, 21)])
    return scripted


def stream(
    model: LanguageModel, max_tokens: int = 12
) -> AsyncIterator[QueuePlace | TextPiece | Finished]:
    params = SamplingParams(max_tokens=max_tokens)
    return model.stream(MESSAGES, params, user="user-1")


class TestLanguageModel:
    async def test_places_come_before_text_and_the_end_comes_once(
        self, model: LanguageModel
    ) -> None:
        kinds = [type(item) async for item in stream(model)]
        assert kinds[-1] is Finished
        assert kinds.count(Finished) == 1
        text = kinds.index(TextPiece)
        assert set(kinds[:text]) <= {QueuePlace}
        assert QueuePlace not in kinds[text:]

    async def test_it_keeps_to_its_tokens(self, model: LanguageModel) -> None:
        items = [item async for item in stream(model, max_tokens=5)]
        end = items[-1]
        assert isinstance(end, Finished)
        assert end.reason == "length"
        assert end.answer_tokens == 5
        assert end.prompt_tokens

    async def test_greedy_text_repeats(self, model: LanguageModel) -> None:
        texts = []
        for _ in range(2):
            items = [item async for item in stream(model)]
            texts.append("".join(i.text for i in items if isinstance(i, TextPiece)))
        assert texts[0] == texts[1] != ""

    async def test_it_can_be_left_at_any_time(self, model: LanguageModel) -> None:
        items = stream(model, max_tokens=200)
        async for item in items:
            if isinstance(item, TextPiece):
                break
        await items.aclose()  # type: ignore[attr-defined]
        async with asyncio.timeout(30):
            again = [item async for item in stream(model, max_tokens=3)]
        assert isinstance(again[-1], Finished)

    async def test_counts_are_of_each_text(self, model: LanguageModel) -> None:
        short, long, none = await model.count_tokens(["word", "word " * 50, ""])
        assert 0 <= none <= 1
        assert none < short < long
        assert long >= 50

    async def test_each_token_of_a_continuation_is_scored(
        self, model: LanguageModel
    ) -> None:
        text = "1, 2, 3, 4, 5, 6"
        found = await model.score(MESSAGES, text, user="user-1")
        assert found is not None
        assert len(found) == (await model.count_tokens([text]))[0]
        assert all(one.logprob <= one.likeliest <= 0 for one in found)
        again = await model.score(MESSAGES, text, user="user-2")
        assert again is not None
        for first, second in zip(found, again, strict=True):
            assert second == pytest.approx(first, abs=0.3)

    async def test_tokens_are_told_by_their_numbers_if_they_are_asked_for(
        self, model: LanguageModel
    ) -> None:
        async def first(*token_ids: int) -> TextPiece:
            params = SamplingParams(max_tokens=1, chances=20, token_ids=token_ids)
            items = model.stream(MESSAGES, params, user="user-1")
            return next(i for i in [i async for i in items] if isinstance(i, TextPiece))

        told = await first(16, 9, 100)
        assert len(told.wanted) == 3
        assert max(told.wanted) <= max(told.chances.values()) + 1e-3
        assert len(set(told.wanted)) == 3
        assert (await first()).wanted == ()

    async def test_it_says_what_it_is(self, model: LanguageModel) -> None:
        info = await model.info()
        assert info.name
        assert len(info.digest) == 64
        assert info.context_tokens


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpLanguageModel]:
    """llama-cpp-python's own server: other code over the same protocol."""
    if find_spec("fastapi") is None or find_spec("sse_starlette") is None:
        pytest.skip("needs another server: pip install 'llama-cpp-python[server]'")
    try:
        path = locate(SMALLEST)
    except WeightsMissing as missing:
        pytest.skip(missing.message)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(path)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--api_key", "key"]
    command += ["--n_ctx", "1024", "--n_threads", "1", "--model_alias", "other"]
    log = tmp_path_factory.mktemp("another") / "log"
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        model = HttpLanguageModel(f"http://127.0.0.1:{port}/v1", "key", name="other")
        _await(process, model, log)
        yield model
    finally:
        process.terminate()
        process.wait(20)


def _await(
    process: subprocess.Popen[bytes], model: HttpLanguageModel, log: Path
) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        try:
            asyncio.run(model.info())
        except ModelUnavailable:
            time.sleep(0.5)
        else:
            return
    raise AssertionError(log.read_text()[-2000:])


@pytest.mark.models
class TestAnotherServer:
    """What the site needs holds over a server that knows nothing of it."""

    async def test_text_then_one_end(self, another: HttpLanguageModel) -> None:
        kinds = [type(item) async for item in stream(another)]
        assert set(kinds[:-1]) == {TextPiece}
        assert kinds[-1] is Finished

    async def test_it_keeps_to_its_tokens(self, another: HttpLanguageModel) -> None:
        items = [item async for item in stream(another, max_tokens=5)]
        end = items[-1]
        assert isinstance(end, Finished)
        assert end.reason == "length"
        assert 0 < len(items) - 1 <= 5

    async def test_greedy_text_repeats(self, another: HttpLanguageModel) -> None:
        texts = []
        for _ in range(2):
            items = [item async for item in stream(another)]
            texts.append("".join(i.text for i in items if isinstance(i, TextPiece)))
        assert texts[0] == texts[1] != ""

    async def test_what_only_the_own_server_reads_disturbs_nobody(
        self, another: HttpLanguageModel
    ) -> None:
        message = Message(
            role="user", content="Say hello.", scope="v-1", shared_chars=4
        )
        params = SamplingParams(max_tokens=4, is_urgent=False)
        items = [i async for i in another.stream([message], params, user="user-1")]
        assert isinstance(items[-1], Finished)

    async def test_that_it_cannot_score_is_no_error(
        self, another: HttpLanguageModel
    ) -> None:
        assert await another.score(MESSAGES, "1, 2", user="user-1") is None

    async def test_counts_are_estimated_and_its_name_is_known(
        self, another: HttpLanguageModel
    ) -> None:
        short, long = await another.count_tokens(["word", "word " * 50])
        assert 0 < short < long
        assert (await another.info()).name == "other"


@pytest.mark.models
async def test_the_estimate_is_not_below_the_tokenizer(real: HttpLanguageModel) -> None:
    texts = [
        "The quick brown fox jumps over the lazy dog near the river bank.",
        "Invoice 2024-11-22: 1,234.56 EUR (VAT 19 %) for art. no. 4711-0815.",
        "def f(x): return {k: v for k, v in x.items() if v != None}",
        "Die Donaudampfschifffahrtsgesellschaft wurde 1829 in Wien gegründet.",
        "日本の首都は東京です。人口は約千四百万人です。",
        "👍🏽 привет, как дела? <|im_end|> ₀₁₂",
    ]
    counted = await real.count_tokens(texts)
    assert [estimate_tokens(t) >= n for t, n in zip(texts, counted, strict=True)] == [
        True
    ] * len(texts)


async def test_a_server_that_is_not_there_is_named() -> None:
    model = HttpLanguageModel("http://127.0.0.1:9", "key", name="x")
    with pytest.raises(ModelUnavailable):
        await anext(stream(model))
    with pytest.raises(ModelUnavailable):
        await model.info()
    with pytest.raises(ModelUnavailable):
        await model.count_tokens(["x"])
    with pytest.raises(ModelUnavailable):
        await model.score(MESSAGES, "x", user="user-1")
    with pytest.raises(ModelUnavailable, match="make run"):
        await anext(stream(HttpLanguageModel("")))
