"""The pure parts of comparing runs: measures, differences, changes, groups."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from generation.curating.grouping import key_of
from generation.curating.measuring import MEASURES, Change, change, differences, figures
from generation.curating.threshold import SHIPPED, points_of
from generation.evaluating.scoring import curve
from tests.generation.test_scoring import outcome

ROOT = Path(__file__).resolve().parents[2]


REFUSED = {"is_refused": True, "answer": "No.", "verdicts": (), "cited": frozenset()}


def test_every_figure_is_a_mean_over_the_questions_it_applies_to() -> None:
    found = figures(
        [
            outcome(cited=frozenset({"a", "b"})),
            outcome(answer="Nobody", verdicts=("supported", "unsupported")),
            outcome(**REFUSED),
            outcome(gold=(), **REFUSED),
            outcome(gold=(), seconds=6.0),
        ]
    )
    means = {name: (row["n"], row["mean"]) for name, row in found.items()}
    assert means == {
        "f1": (3, 0.3333),
        "exact_match": (3, 0.3333),
        "refusal_precision": (2, 0.5),
        "refusal_recall": (2, 0.5),
        "citation_precision": (2, 0.75),
        "citation_recall": (2, 1.0),
        "support_rate": (3, 0.8333),
        "seconds": (5, 2.0),
        "tokens": (5, 105.0),
    }
    for row in found.values():
        assert row["low"] <= row["mean"] <= row["high"]
    # A share of few questions is never certain.
    assert found["refusal_recall"]["low"] < 0.2


def test_without_questions_of_a_kind_there_is_no_figure() -> None:
    found = figures([outcome(contexts=frozenset())])
    for name in ("refusal_precision", "refusal_recall", "citation_precision"):
        assert found[name] == {"n": 0, "mean": None, "low": None, "high": None}
    assert set(figures([])) == {measure.name for measure in MEASURES}


def test_runs_are_compared_question_by_question() -> None:
    worse, better = outcome(answer="Nobody"), outcome(seconds=2.0)
    found = differences([(worse, better)] * 8 + [(outcome(**REFUSED), better)])
    assert (found["f1"].n, found["f1"].mean) == (9, 1.0)
    assert found["f1"].p is not None
    assert found["f1"].p < 0.01
    assert found["seconds"].mean == 1.0
    assert (found["support_rate"].n, found["support_rate"].mean) == (8, 0.0)
    assert (found["refusal_recall"].n, found["refusal_recall"].p) == (0, None)


def test_the_precision_of_refusals_is_not_compared_question_by_question() -> None:
    """Of those that both refused it is the same, whatever else was refused."""
    wrong, right = outcome(**REFUSED), outcome(gold=(), **REFUSED)
    answered = outcome(gold=())
    found = differences([(wrong, outcome()), (right, right), (answered, right)])
    precision = found["refusal_precision"]
    assert (precision.n, precision.mean, precision.p) == (0, None, None)
    assert found["refusal_recall"].mean == 0.5


def test_what_failed_took_no_time() -> None:
    failed = outcome(answer="", has_failed=True, seconds=0, prompt_tokens=0)
    found = figures([outcome(), failed])
    assert (found["seconds"]["n"], found["seconds"]["mean"]) == (1, 1.0)
    assert (found["tokens"]["n"], found["f1"]["n"]) == (1, 2)
    assert differences([(outcome(), failed)])["seconds"].n == 0


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({}, {}, Change.SAME),
        ({"answer": "Nobody"}, {}, Change.BETTER),
        ({}, REFUSED, Change.WORSE),
        ({"gold": ()}, {"gold": (), **REFUSED}, Change.BETTER),
        ({"gold": (), **REFUSED}, {"gold": ()}, Change.WORSE),
    ],
)
def test_what_changed_is_told_by_what_is_right(
    first: dict[str, Any], second: dict[str, Any], expected: Change
) -> None:
    assert change(outcome(**first), outcome(**second)) == expected


def test_the_curve_does_not_invent_answers_that_were_not_written() -> None:
    outcomes = [
        outcome(confidence=0.8),
        outcome(confidence=0.3, **REFUSED),
        # The model's own word, whatever it was sure of before.
        outcome(confidence=0.9, gold=(), **REFUSED),
    ]
    rows = {row["threshold"]: row for row in curve(outcomes, in_force=0.47)}
    assert list(rows) == sorted([*(n / 20 for n in range(2, 19)), 0.47])
    assert (rows[0.47]["f1"], rows[0.47]["answered"]) == (0.5, 0.5)
    assert (rows[0.2]["f1"], rows[0.2]["answered"]) == (None, 1.0)
    assert (rows[0.9]["f1"], rows[0.9]["answered"]) == (0.0, 0.0)
    assert all(row["recall"] == 1.0 for row in rows.values())


def test_a_model_that_tells_no_confidence_has_no_curve() -> None:
    config = {"answer: refusal_threshold": 0.15}
    assert points_of([outcome(), outcome(**REFUSED)], config, 0.15) == []
    points = points_of([outcome(confidence=0.8)], config, 0.3)
    assert [p.threshold for p in points if p.is_in_force] == [0.3]


def test_the_shipped_curve_is_the_documented_one() -> None:
    """docs/evaluation.md, the second table of "Answers"."""
    text = (ROOT / "docs" / "evaluation.md").read_text()
    row = r"^\| (0\.\d+)(?:, the default)? \| (0\.\d+) \| (0\.\d+) \| (0\.\d+) \| (0\.\d+) \|$"
    found = re.findall(row, text, flags=re.MULTILINE)
    assert tuple(tuple(map(float, numbers)) for numbers in found) == SHIPPED.rows


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("What does the pump cost?", "the COST of the Pump", True),
        ("How many litres?", "how many litre", True),
        ("What does the pump cost?", "What does the valve cost?", False),
        ("Since 1987?", "Since 1988?", False),
        ("What is it?", "Who was it?", False),
        ("What is it?", "what is  it?", True),
        ("Où est la pompe", "Ou est la pompe", True),
        ("泵的容量是多少", "阀门是什么颜色", False),
    ],
)
def test_questions_of_the_same_words_ask_the_same(
    first: str, second: str, is_same: bool
) -> None:
    assert (key_of(first) == key_of(second)) is is_same
    assert len(key_of(first)) == 64


def test_a_question_is_read_once_for_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inbox of 2,000 took more than a second for each look."""
    first = key_of("How heavy is the crane of hall 7?")
    monkeypatch.setattr("generation.curating.grouping.question_terms", None)
    assert key_of("How heavy is the crane of hall 7?") == first
