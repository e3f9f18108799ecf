"""Log-probabilities of the prompt's own tokens: right ones, batched, within the limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from generation.llm import HttpLanguageModel
from generation.server.jobs import Piece
from generation.server.native import RESULTS
from tests.fakes_weights import ScriptedSampler, ScriptedWeights, expected, likelihood
from tests.generation.engine_parts import Heard, ask, asked, running, tokens_of
from tests.generation.model_server import FOUR_AT_ONCE, SMALLEST, client, served

LONG = "abcdefghijklmnopqrstuvwxyz" * 5


def scores(heard: Heard) -> list[float | None]:
    assert heard.end
    pieces = [item for item in heard.items if isinstance(item, Piece)]
    return [chance.logprob for piece in pieces for chance in piece.chances]


def right(text: str, scored: int) -> list[float]:
    tokens = tokens_of(text)
    first = len(tokens) - scored
    return [likelihood(tokens[:at], tokens[at]) for at in range(first, len(tokens))]


def test_each_scored_token_is_told_once_and_in_order() -> None:
    with running(ScriptedWeights()) as engine:
        heard = ask(engine, asked(LONG, scored=len(LONG) - 1, max_tokens=0))
        assert scores(heard) == right(LONG, len(LONG) - 1)
    assert heard.end.reason == "length"
    assert heard.end.answer_tokens == 0
    assert heard.text == ""
    assert ScriptedSampler.opened == 0


def test_an_answer_follows_where_one_is_asked_for() -> None:
    with running(ScriptedWeights()) as engine:
        heard = ask(engine, asked("abcdef", scored=3, max_tokens=4, logprobs=0))
        assert heard.end
        assert heard.text == expected(tokens_of("abcdef"), 4)
        assert scores(heard)[:3] == right("abcdef", 3)
        assert len(scores(heard)) == 3 + heard.end.answer_tokens


def test_a_beginning_is_reused_up_to_the_token_before_the_scored_ones() -> None:
    with running(ScriptedWeights()) as engine:
        for again in (False, True):
            heard = ask(engine, asked(LONG, scored=20, max_tokens=0))
            assert scores(heard) == right(LONG, 20)
            assert heard.end.reused_tokens == (len(LONG) - 21 if again else 0)


def test_one_that_waits_for_the_others_reading_scores_its_own_tokens() -> None:
    weights = ScriptedWeights(slots=3)
    weights.gate.clear()
    with running(weights) as engine:
        heard = [ask(engine, asked(LONG, scored=9, max_tokens=0)) for _ in range(3)]
        weights.gate.set()
        assert [scores(one) for one in heard] == [right(LONG, 9)] * 3
    # The last ten of each are read for their results, the rest once.
    assert weights.evaluated == len(LONG) - 10 + 3 * 10


def test_a_step_has_no_more_results_than_the_context_holds() -> None:
    """The scripted weights refuse more; others' answers go on beside."""
    weights = ScriptedWeights(slots=6, cells=2000, batch_tokens=256)
    weights.gate.clear()
    with running(weights) as engine:
        answers = [ask(engine, asked("abc" * n, person=f"p{n}")) for n in (1, 2)]
        scored = [
            ask(engine, asked(LONG, person=f"s{n}", scored=100, max_tokens=0))
            for n in range(4)
        ]
        weights.gate.set()
        assert [scores(one) for one in scored] == [right(LONG, 100)] * 4
        for n, one in zip((1, 2), answers, strict=True):
            assert one.end
            assert one.text == expected(tokens_of("abc" * n), 20)
    assert RESULTS < 100


def test_scoring_ends_when_it_is_cancelled() -> None:
    weights = ScriptedWeights()
    weights.gate.clear()
    with running(weights) as engine:
        heard = ask(engine, asked(LONG, scored=50, max_tokens=0))
        assert heard.job is not None
        engine.cancel(heard.job)
        weights.gate.set()
        assert heard.end.reason == "cancelled"
        assert engine.running == 0


@pytest.fixture(scope="module")
def model() -> Iterator[HttpLanguageModel]:
    with served(SMALLEST, embeds=False, **FOUR_AT_ONCE) as model:
        yield model


@pytest.fixture
def http(model: HttpLanguageModel) -> Iterator[httpx.Client]:
    with client(model) as http:
        yield http


PROMPT = "The capital of France is Paris, and the capital of Italy is Rome."


def completed(http: httpx.Client, **fields: Any) -> dict[str, Any]:
    reply = http.post("/v1/completions", json={"prompt": PROMPT, **fields})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()["choices"][0]
    return found


@pytest.mark.models
class TestEcho:
    def test_the_prompt_comes_back_with_the_odds_of_its_tokens(
        self, http: httpx.Client
    ) -> None:
        found = completed(http, echo=True, logprobs=3, max_tokens=0)
        assert found["text"] == PROMPT
        told = found["logprobs"]
        assert "".join(told["tokens"]) == PROMPT
        assert told["token_logprobs"][0] is None
        for logprob, top in zip(
            told["token_logprobs"][1:], told["top_logprobs"][1:], strict=True
        ):
            assert len(top) == 3
            assert logprob <= max(top.values()) <= 0

    def test_its_odds_are_those_of_writing_it(self, http: httpx.Client) -> None:
        written = completed(http, logprobs=0, max_tokens=12)
        prompt = PROMPT + written["text"]
        read = completed(http, prompt=prompt, echo=True, logprobs=0, max_tokens=1)
        assert read["text"].startswith(prompt)
        count = len(written["logprobs"]["tokens"])
        assert (
            read["logprobs"]["tokens"][-count - 1 : -1] == written["logprobs"]["tokens"]
        )
        assert read["logprobs"]["token_logprobs"][-count - 1 : -1] == pytest.approx(
            written["logprobs"]["token_logprobs"], abs=0.3
        )

    def test_nothing_to_tell_is_refused(self, http: httpx.Client) -> None:
        reply = http.post("/v1/completions", json={"prompt": "x", "max_tokens": 0})
        assert reply.status_code == 422


@pytest.mark.models
def test_a_continuation_has_the_odds_of_writing_it(http: httpx.Client) -> None:
    messages = [{"role": "user", "content": "Say hello to the team."}]
    chat = {"messages": messages, "logprobs": True, "max_tokens": 10}
    written = http.post("/v1/chat/completions", json=chat).json()["choices"][0]
    rows = written["logprobs"]["content"]
    asked = {"messages": messages, "continuation": written["message"]["content"]}
    found = http.post("/v1/continuations", json=asked).json()
    assert found["tokens"] == [row["token"] for row in rows]
    assert found["token_logprobs"] == pytest.approx(
        [row["logprob"] for row in rows], abs=0.3
    )
    assert found["finish_reason"] == "stop"


@pytest.mark.models
def test_a_continuation_beyond_the_context_is_refused(http: httpx.Client) -> None:
    messages = [{"role": "user", "content": "Hello."}]
    asked = {"messages": messages, "continuation": "word " * 2000}
    reply = http.post("/v1/continuations", json=asked)
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "context_length_exceeded"
