"""The benchmark of chat beside ingestion, with real workers and a small model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from generation.types import Failed, Searching
from rag_site import chat_first
from rag_site.asking import Asker
from rag_site.scratch import scratch_database
from rag_site.weights import WeightsMissing, locate

MODEL = "smollm2-135m-instruct-q4_1"


def test_the_result_compares_the_medians() -> None:
    found = chat_first._result("tiny", 1000, [1.0, 2.0, 9.0], [2.0, 3.0, 4.0])
    assert (found.value, found.baseline, found.ratio) == (3000.0, 2000.0, 1.5)
    assert found.goal == "ratio at most 1.5"


def test_the_time_of_an_answer_that_failed_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def events(*_: object) -> AsyncIterator[tuple[int, str, str]]:
        yield 1, Searching.kind, "{}"
        yield 2, Failed.kind, "{}"

    ask = SimpleNamespace(ask=lambda *_, **_named: SimpleNamespace(pk=1))
    run = SimpleNamespace(start=lambda *_: None, events=events)
    monkeypatch.setattr(chat_first, "services", ask)
    monkeypatch.setattr(chat_first, "running", run)
    with pytest.raises(chat_first.AnswerFailed):
        chat_first.first_token_s(Asker(user_id=1), "What fails?")


@pytest.mark.models
@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_questions_are_answered_while_real_workers_read() -> None:
    for name in (MODEL, "all-minilm-l6-v2"):
        try:
            locate(name)
        except WeightsMissing as exc:
            pytest.skip(exc.message)
    asked: list[tuple[int, int]] = []
    options = {
        "questions": 1,
        "pages": 200,
        "model": MODEL,
        "progress": lambda done, total: asked.append((done, total)),
    }
    with scratch_database():
        (result,) = chat_first.run(options)
    assert asked == [(1, 1)]
    assert "200 pages" in result.name
    assert result.value > 0
    assert result.baseline > 0
