"""Which model a benchmark measures when none is named."""

from __future__ import annotations

from typing import Any

import pytest

from rag_site import benchmarks


@pytest.mark.parametrize(
    ("wanted", "state", "measured"),
    [
        ("another", "ready", "another"),
        (None, "ready", benchmarks.MODEL),
        (None, "missing", "the-site's"),
        ("", "damaged", "the-site's"),
    ],
)
def test_the_model_with_goals_is_measured_where_it_is_there(
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    wanted: str | None,
    state: str,
    measured: str,
) -> None:
    settings.MODEL = "the-site's"
    monkeypatch.setattr(benchmarks.weights, "state", lambda name: state)
    assert benchmarks.measured_model(wanted) == measured
