from __future__ import annotations

from dataclasses import replace

import pytest

from generation.evaluating.scoring import (
    Outcome,
    curve,
    exact_match,
    f1,
    percentile,
    summarise,
)


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("Rollo [1].", ["Rollo"], 1.0),
        ("The Rollo", ["rollo"], 1.0),
        ("packet switching networks", ["packet switching"], 0.8),
        ("Denmark", ["Norway", "Denmark, Iceland and Norway"], 2 / 5),
        ("", ["Norway"], 0.0),
        ("Norway", [], 0.0),
    ],
)
def test_f1_is_that_of_squad(answer: str, gold: list[str], expected: float) -> None:
    assert f1(answer, gold) == pytest.approx(expected)


def test_exact_match_ignores_articles_case_and_marks() -> None:
    assert exact_match("The Treaty of Paris [2].", ["treaty of paris"]) == 1.0
    assert exact_match("Treaty", ["treaty of paris"]) == 0.0


def outcome(**fields: object) -> Outcome:
    values: dict[str, object] = {
        "gold": ("Rollo",),
        "answer": "Rollo [1].",
        "is_refused": False,
        "contexts": frozenset({"a"}),
        "cited": frozenset({"a"}),
        "verdicts": ("supported",),
        "seconds": 1.0,
        "prompt_tokens": 100.0,
        "answer_tokens": 5.0,
    }
    return Outcome(**{**values, **fields})  # type: ignore[arg-type]


def test_the_figures_of_a_run() -> None:
    unanswerable = {"gold": (), "cited": frozenset(), "verdicts": ()}
    report = summarise(
        [
            outcome(),
            outcome(cited=frozenset({"a", "b"}), answer="Nobody", seconds=3.0),
            outcome(is_refused=True, answer="Not in your documents.", verdicts=()),
            outcome(**unanswerable, is_refused=True),
            outcome(**{**unanswerable, "verdicts": ("unsupported",)}),
        ]
    )
    assert report["questions"] == 5
    assert report["answerable"] == {"n": 3, "f1": 0.3333, "exact_match": 0.3333}
    assert report["refusal"] == {"n": 2, "precision": 0.5, "recall": 0.5}
    assert report["citations"] == {
        "precision": 0.6667,
        "recall": 1.0,
        "support_rate": 0.6667,
    }
    assert report["seconds"] == {"median": 1.0, "p95": 3.0}
    assert report["prompt_tokens"] == {"mean": 100.0}


def test_without_questions_of_a_kind_there_is_no_figure() -> None:
    report = summarise([outcome()])
    assert report["refusal"] == {"n": 0, "precision": None, "recall": None}


def test_a_percentile_is_a_value_that_occurred() -> None:
    assert percentile([5, 1, 4, 2, 3], 0.95) == 5
    assert percentile([5, 1, 4, 2, 3], 0.5) == 3
    assert percentile([7], 0.95) == 7


def test_the_curve_refuses_more_as_the_threshold_rises() -> None:
    outcomes = [
        replace(outcome(), gold=("Oslo",), confidence=0.85),
        replace(outcome(), gold=(), confidence=0.35),
        replace(outcome(), gold=(), confidence=None, is_refused=True),
    ]
    rows = {row["threshold"]: row for row in curve(outcomes)}
    assert rows[0.3]["recall"] == 0.5
    assert (rows[0.4]["recall"], rows[0.4]["answered"]) == (1.0, 1.0)
    assert rows[0.9]["answered"] == 0.0
    assert rows[0.9]["precision"] == pytest.approx(0.6667)
