"""The benchmark of chat beside ingestion, with real workers and a small model."""

from __future__ import annotations

import pytest

from rag_site import chat_first
from rag_site.scratch import scratch_database
from rag_site.weights import WeightsMissing, locate

MODEL = "smollm2-135m-instruct-q4_1"


def test_the_result_compares_the_medians() -> None:
    found = chat_first._result("tiny", 1000, [1.0, 2.0, 9.0], [2.0, 3.0, 4.0])
    assert (found.value, found.baseline, found.ratio) == (3000.0, 2000.0, 1.5)
    assert found.goal == "ratio at most 1.5"


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
