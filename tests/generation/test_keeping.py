"""The weights' process may die or hang: askers are told, it comes back, the port stays."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest

from generation.llm import HttpLanguageModel
from tests.generation.model_server import SMALLEST, client, served

pytestmark = [pytest.mark.models, pytest.mark.faults]

CHAT = "/v1/chat/completions"
# The promise is 5 s; a busy machine gets a little more.
TOLD_S = 10
BACK_S = 120


@pytest.fixture(scope="module")
def model() -> Iterator[HttpLanguageModel]:
    with served(SMALLEST, embeds=False, PLUMBLINE_CONTEXT_TOKENS="1024") as model:
        yield model


def weights_process(model: HttpLanguageModel) -> psutil.Process:
    """Return the process that holds the weights, told by the port of its keeper."""
    port = model.url.rsplit(":", 1)[1]
    for process in psutil.Process().children(recursive=True):
        words = process.cmdline()
        if "serve_model" in words and port in words:
            return next(c for c in process.children() if "--socket" in c.cmdline())
    raise AssertionError("no model server runs")


def body(tokens: int) -> dict[str, object]:
    messages = [{"role": "user", "content": "Write all whole numbers."}]
    return {"messages": messages, "max_tokens": tokens}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP])
def test_an_asker_is_told_at_once_and_the_next_is_answered(
    model: HttpLanguageModel, how: signal.Signals
) -> None:
    with client(model) as http:
        with http.stream("POST", CHAT, json={**body(900), "stream": True}) as reply:
            lines = reply.iter_lines()
            next(line for line in lines if '"content": "' in line)
            began = time.monotonic()
            os.kill(weights_process(model).pid, how)
            with pytest.raises(httpx.TransportError):
                for _ in lines:
                    pass
            assert time.monotonic() - began < TOLD_S
        # The port is still there: the request waits for the new process.
        answer = http.post(CHAT, json=body(4), timeout=BACK_S)
        assert answer.status_code == 200


def test_a_swap_fails_no_question(model: HttpLanguageModel) -> None:
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            with client(model) as http:
                statuses.append(http.post(CHAT, json=body(4)).status_code)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    old = weights_process(model).pid
    with client(model) as http:
        assert http.post("/v1/models/swap", json={"model": "none"}).status_code == 409
        reply = http.post("/v1/models/swap", json={"model": SMALLEST})
        assert reply.status_code == 202
    deadline = time.monotonic() + BACK_S
    while psutil.pid_exists(old) and time.monotonic() < deadline:
        time.sleep(0.2)
    over.set()
    for thread in threads:
        thread.join()
    assert weights_process(model).pid != old
    assert set(statuses) == {200}
