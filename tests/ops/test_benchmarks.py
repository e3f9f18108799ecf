"""Which model a benchmark measures when none is named."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

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


@pytest.mark.parametrize("chunks", ["0", "-1", "many"])
def test_a_size_that_is_none_is_refused_in_words(chunks: str) -> None:
    with pytest.raises(CommandError, match=f"{chunks} is no number.*use 1 or more"):
        call_command("benchmark", "retrieval", f"--chunks={chunks}")
