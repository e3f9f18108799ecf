"""Requests of every kind at the model server, in numbers: nothing lost, leaked or wrong.

Short in `make test`; `make test-faults` runs 100 disconnects, 1,000 mixed requests
and 1,000 with a schema, and prints what it saw.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import httpx
import jsonschema_rs
import psutil
import pytest

from generation.llm import HttpLanguageModel
from tests.generation.model_server import FOUR_AT_ONCE, SMALLEST, client, served
from tests.generation.test_batching import (
    CHAT,
    QUESTIONS,
    SCHEMA,
    assert_same_or_tied,
    body,
    choice,
    figure,
)

pytestmark = [pytest.mark.models, pytest.mark.faults]

IS_LONG = bool(os.environ.get("PLUMBLINE_LONG_FAULTS"))
DISCONNECTS, MIXED, FORMED = (100, 1000, 1000) if IS_LONG else (8, 40, 8)
AT_ONCE = 6
# Growth of the server between the first quarter of the requests and the last.
FLAT_BYTES = 40_000_000
WANTED: dict[str, Any] = {"logprobs": True, "top_logprobs": 5}


@pytest.fixture(scope="module")
def model() -> Iterator[HttpLanguageModel]:
    with served(SMALLEST, embeds=False, **FOUR_AT_ONCE) as model:
        yield model


def told(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(f"\n{text}")  # noqa: T201 - figures for docs/evaluation.md


def wait_until_idle(http: httpx.Client) -> float:
    """Return the seconds until nothing runs and nothing waits."""
    began = time.monotonic()
    while True:
        health = http.get("/health").json()
        if not health["running"] and not health["waiting"]:
            return time.monotonic() - began
        assert time.monotonic() - began < 30, "a slot was not freed"
        time.sleep(0.02)


def test_a_client_that_goes_away_at_any_moment_leaves_no_slot(
    http: httpx.Client,
    model: HttpLanguageModel,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chance = random.Random(5)
    late, waits = [], []
    for number in range(DISCONNECTS):
        text = "word " * chance.choice([3, 300]) + "Count without end."
        wanted = body(text, stream=True, max_tokens=500, user=str(number))
        before, seen, most = answered(http), 0, chance.randrange(12)
        with client(model) as own, own.stream("POST", CHAT, json=wanted) as reply:
            lines = reply.iter_lines()  # Held: letting go of it closes the stream.
            for line in lines:
                seen += '"content": "' in line and '"content": ""' not in line
                if seen >= most:
                    break
        waits.append(wait_until_idle(http))
        late.append(max(0, answered(http) - before - seen))
    assert figure(http, "plumbline_slots_busy") == 0
    # What was under way to a client that no longer read, and one step.
    assert median(late) <= 5
    worst = sorted(late)[int(0.95 * len(late))]
    told(
        capsys,
        f"{DISCONNECTS} disconnects: tokens after it, median {median(late):g}, "
        f"95 of 100 at most {worst}; slot free after {median(waits):.2f} s",
    )


def answered(http: httpx.Client) -> float:
    return figure(http, "plumbline_tokens_answered_total")


def weights_process() -> psutil.Process:
    return next(
        process
        for process in psutil.Process().children(recursive=True)
        if "serve_model" in process.cmdline() and not process.children()
    )


def test_mixed_requests_crash_nothing_and_change_no_text(
    http: httpx.Client,
    model: HttpLanguageModel,
    capsys: pytest.CaptureFixture[str],
) -> None:
    right = {q: choice(http, text=q, user=f"alone-{q}", **WANTED) for q in QUESTIONS}
    server = weights_process()
    chance = random.Random(7)
    kinds = [chance.choice(["whole", "leave", "bad", "long"]) for _ in range(MIXED)]

    def ask(number: int) -> None:
        question = QUESTIONS[number % len(QUESTIONS)]
        wanted = body(question, user=str(number % 9))
        kind = kinds[number]
        with client(model) as own:
            if kind == "whole":
                found = choice(own, text=question, user=str(number % 9), **WANTED)
                assert_same_or_tied(right[question], found)
            elif kind == "leave":
                with own.stream("POST", CHAT, json={**wanted, "stream": True}) as reply:
                    for _ in zip(range(number % 8), reply.iter_lines()):  # noqa: B905
                        pass
            elif kind == "bad":
                assert own.post(CHAT, json={**wanted, "top_k": -5}).status_code == 422
            else:
                large = body("word " * 3000)
                assert own.post(CHAT, json=large).status_code == 400

    def run(numbers: range) -> None:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(ask, numbers))

    run(range(MIXED // 4))
    before = server.memory_info().rss
    run(range(MIXED // 4, MIXED))
    wait_until_idle(http)
    grown = server.memory_info().rss - before
    assert server.is_running()
    assert grown < FLAT_BYTES
    told(
        capsys,
        f"{MIXED} mixed requests: memory {before / 1e6:.0f} MB, "
        f"{grown / 1e6:+.1f} MB over the last three quarters",
    )


def test_every_answer_with_a_schema_validates(
    http: httpx.Client,
    model: HttpLanguageModel,
    capsys: pytest.CaptureFixture[str],
) -> None:
    form = {"type": "json_schema", "json_schema": {"schema": SCHEMA, "strict": True}}

    def ask(number: int) -> bool:
        with client(model) as own:
            found = choice(
                own,
                text=f"Invent person number {number} as JSON.",
                response_format=form,
                temperature=1.0,
                seed=number,
                max_tokens=200,
                user=str(number % 50),
            )
        if found["finish_reason"] != "stop":
            return False
        jsonschema_rs.validate(SCHEMA, json.loads(found["message"]["content"]))
        return True

    with ThreadPoolExecutor(AT_ONCE) as threads:
        whole = sum(threads.map(ask, range(FORMED)))
    told(capsys, f"{FORMED} requests with a schema: {whole} whole, all of them valid")
    assert whole == FORMED
