"""What the threshold of refusal gives: measured here, or as it was measured for us."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generation.evaluating.scoring import Outcome, curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What refusing below ``threshold`` gives; shares from 0 to 1, None unknown.

    Attributes:
        f1: of the answerable questions; a refused one counts as 0.
        precision, recall: of refusals.
        answered: share of the answerable questions that are answered.
    """

    threshold: float
    f1: float | None
    precision: float | None
    recall: float | None
    answered: float | None
    is_in_force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """A curve that comes with the site."""

    model: str
    source: str
    measured_on: dt.date
    rows: tuple[tuple[float, float, float, float, float], ...]

    def points(self, in_force: float) -> list[Point]:
        return [
            Point(
                threshold=threshold,
                f1=f1,
                precision=precision,
                recall=recall,
                answered=answered,
                is_in_force=threshold == in_force,
            )
            for threshold, f1, precision, recall, answered in self.rows
        ]


#: docs/evaluation.md, "Answers": threshold, F1, refusal precision and recall, share
#: of answerable questions that were answered. A test compares the two.
SHIPPED = Shipped(
    model="qwen2.5-coder-1.5b-instruct-q4_k_m",
    source="SQuAD 2, development half, the first 200 questions",
    measured_on=dt.date(2026, 11, 30),
    rows=(
        (0.2, 0.63, 0.86, 0.47, 0.92),
        (0.25, 0.61, 0.83, 0.53, 0.89),
        (0.3, 0.6, 0.82, 0.62, 0.86),
        (0.35, 0.59, 0.8, 0.69, 0.83),
        (0.4, 0.58, 0.78, 0.71, 0.8),
        (0.45, 0.52, 0.73, 0.75, 0.71),
        (0.5, 0.5, 0.71, 0.78, 0.66),
        (0.6, 0.45, 0.68, 0.88, 0.57),
        (0.7, 0.37, 0.63, 0.91, 0.45),
    ),
)


def points_of(
    outcomes: Sequence[Outcome], config: Mapping[str, Any], in_force: float
) -> list[Point]:
    """Return the curve of a run; none if the model told no confidence.

    Args:
        config: of the run (generation.curating.golden_running.configuration).
        in_force: the threshold of the site now.
    """
    if all(outcome.confidence is None for outcome in outcomes):
        return []
    rows = curve(outcomes, in_force=config["answer: refusal_threshold"])
    return [Point(**row, is_in_force=row["threshold"] == in_force) for row in rows]
