"""Figures of a run of golden answers, and what differs between two runs. Pure.

Each measure has one value a question, or none where it does not apply: so every
figure is a mean over questions, with the interval that their number allows, and two
runs can be compared question by question (retrieval.confidence).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from statistics import fmean
from typing import Any

from generation.evaluating.intervals import share
from generation.evaluating.scoring import Outcome, exact_match, f1
from retrieval.confidence import compare, interval_of

# A word more or less in a sentence of twenty is no change.
_SAME = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure.

    Attributes:
        of: the value of a question, None where it does not apply.
        unit: "share" from 0 to 1, "s" or "tokens".
        is_yes_or_no: the value is 0 or 1.
        is_less_better: as of seconds.
        is_paired: what a question counts may differ between runs. Of refusals that both
            runs made each is right in both or in none: their precision never would.
    """

    name: str
    label: str
    of: Callable[[Outcome], float | None]
    unit: str = "share"
    is_yes_or_no: bool = False
    is_less_better: bool = False
    is_paired: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A mean over ``n`` questions with its 95 % interval; None of nothing."""

    n: int
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Second minus first over the ``n`` questions that both have a value for.

    Attributes:
        p: of a two-sided randomisation test; None without such a question.
    """

    n: int
    mean: float | None
    low: float | None
    high: float | None
    p: float | None


class Change(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    SAME = "same"


def _f1(o: Outcome) -> float | None:
    return (0.0 if o.is_refused else f1(o.answer, o.gold)) if o.gold else None


def _exact(o: Outcome) -> float | None:
    return (0.0 if o.is_refused else exact_match(o.answer, o.gold)) if o.gold else None


def _refusal_precision(o: Outcome) -> float | None:
    return float(not o.gold) if o.is_refused else None


def _refusal_recall(o: Outcome) -> float | None:
    return None if o.gold else float(o.is_refused)


def _citation_precision(o: Outcome) -> float | None:
    if not (o.cited and _is_judged(o)):
        return None
    return len(o.cited & o.contexts) / len(o.cited)


def _citation_recall(o: Outcome) -> float | None:
    return len(o.cited & o.contexts) / len(o.contexts) if _is_judged(o) else None


def _is_judged(o: Outcome) -> bool:
    """Whether it was answered and the documents that hold the answer are known."""
    return bool(o.contexts and o.gold) and not o.is_refused


def _support(o: Outcome) -> float | None:
    if o.is_refused or not o.verdicts:
        return None
    return o.verdicts.count("supported") / len(o.verdicts)


MEASURES = (
    Measure(name="f1", label="F1", of=_f1),
    Measure(name="exact_match", label="Exact match", of=_exact, is_yes_or_no=True),
    Measure(
        name="refusal_precision",
        label="Refusal precision",
        of=_refusal_precision,
        is_yes_or_no=True,
        is_paired=False,
    ),
    Measure(
        name="refusal_recall",
        label="Refusal recall",
        of=_refusal_recall,
        is_yes_or_no=True,
    ),
    Measure(
        name="citation_precision", label="Citation precision", of=_citation_precision
    ),
    Measure(name="citation_recall", label="Citation recall", of=_citation_recall),
    Measure(name="support_rate", label="Sentences supported", of=_support),
    Measure(
        name="seconds",
        label="Seconds",
        of=lambda o: None if o.has_failed else o.seconds,
        unit="s",
        is_less_better=True,
    ),
    Measure(
        name="tokens",
        label="Tokens read and written",
        of=lambda o: None if o.has_failed else o.prompt_tokens + o.answer_tokens,
        unit="tokens",
        is_less_better=True,
    ),
)


def figures(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Return every measure by its name, ready for JSON (``Figure``)."""
    return {m.name: asdict(_figure(m, outcomes)) for m in MEASURES}


def _figure(measure: Measure, outcomes: Sequence[Outcome]) -> Figure:
    values = [v for o in outcomes if (v := measure.of(o)) is not None]
    if not values:
        return Figure(n=0, mean=None, low=None, high=None)
    low, high = _interval(measure, values)
    return Figure(
        n=len(values),
        mean=_rounded(fmean(values)),
        low=_rounded(low),
        high=_rounded(high),
    )


def _interval(measure: Measure, values: Sequence[float]) -> tuple[float, float]:
    """Return Wilson's interval of a share: resampling has none where all are alike."""
    if measure.is_yes_or_no:
        found = share([value == 1.0 for value in values])
        return found["low"], found["high"]
    return interval_of(values)


def differences(
    pairs: Sequence[tuple[Outcome, Outcome]],
) -> Mapping[str, Difference]:
    """Return second minus first of every measure over the same questions."""
    return {m.name: _difference(m, pairs) for m in MEASURES}


def _difference(
    measure: Measure, pairs: Sequence[tuple[Outcome, Outcome]]
) -> Difference:
    values = [(measure.of(first), measure.of(second)) for first, second in pairs]
    both = [(a, b) for a, b in values if a is not None and b is not None]
    if not (both and measure.is_paired):
        return Difference(n=0, mean=None, low=None, high=None, p=None)
    found = compare([b for _, b in both], [a for a, _ in both])
    low, high = found.interval
    return Difference(
        n=len(both),
        mean=_rounded(found.difference),
        low=_rounded(low),
        high=_rounded(high),
        p=_rounded(found.p),
    )


def worth(outcome: Outcome) -> float:
    """Return how right an answer is, 0 to 1: its F1, or whether it rightly refuses."""
    value = _f1(outcome)
    return float(outcome.is_refused) if value is None else value


def change(first: Outcome, second: Outcome) -> Change:
    """Return what the second answer is, compared with the first."""
    gained = worth(second) - worth(first)
    if abs(gained) < _SAME:
        return Change.SAME
    return Change.BETTER if gained > 0 else Change.WORSE


def _rounded(value: float) -> float:
    return round(value, 4)
