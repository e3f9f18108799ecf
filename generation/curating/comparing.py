"""Two runs of golden answers side by side: figures, questions, configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generation.curating.golden_running import changed_in
from generation.curating.golden_runs import outcome_of
from generation.curating.measuring import Change, Difference, change, differences
from generation.curating.models import AnswerRun, RunAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A question of the second run, and what the first one answered to it.

    ``first`` and ``change`` are None where it was not asked then, or where another
    answer was right.
    """

    second: RunAnswer
    first: RunAnswer | None = None
    change: Change | None = None

    @property
    def is_changed(self) -> bool:
        return self.change is None or self.change != Change.SAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """``config`` holds name, first and second value of what differs."""

    pairs: Sequence[Pair]
    differences: Mapping[str, Difference]
    config: Sequence[tuple[str, Any, Any]]

    @property
    def better(self) -> int:
        return self._count(Change.BETTER)

    @property
    def worse(self) -> int:
        return self._count(Change.WORSE)

    @property
    def same(self) -> int:
        return self._count(Change.SAME)

    @property
    def new(self) -> int:
        return self._count(None)

    def _count(self, wanted: Change | None) -> int:
        return sum(pair.change == wanted for pair in self.pairs)


def compare_runs(first: AnswerRun, second: AnswerRun) -> Compared:
    """Compare the questions that both have answered, and that ask for the same."""
    before = {_asked(row): row for row in first.answers.exclude(answered_at=None)}
    pairs = [
        _pair(before.get(_asked(row)), row)
        for row in second.answers.exclude(answered_at=None)
    ]
    both = [
        (outcome_of(pair.first), outcome_of(pair.second))
        for pair in pairs
        if pair.first is not None
    ]
    return Compared(
        pairs=pairs,
        differences=differences(both),
        config=[
            (name, first.config.get(name), second.config.get(name))
            for name in changed_in(first.config, second.config)
        ],
    )


def _asked(row: RunAnswer) -> tuple[str, tuple[str, ...]]:
    return row.question, tuple(row.accepted)


def _pair(first: RunAnswer | None, second: RunAnswer) -> Pair:
    if first is None:
        return Pair(second=second)
    found = change(outcome_of(first), outcome_of(second))
    return Pair(second=second, first=first, change=found)
