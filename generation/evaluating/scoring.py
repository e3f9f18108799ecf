"""How good answers are against gold ones. Pure functions.

Exact match and F1 follow the SQuAD 2.0 evaluation script (Rajpurkar et al.,
2018): lower case, no punctuation, no articles, bags of words.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from generation.evaluating import invariants
from generation.grounding.sentences import MARK
from retrieval.confidence import interval_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One question of a judged set and what was answered.

    Attributes:
        gold: accepted answers; empty if the documents do not hold one.
        contexts: documents that hold the answer.
        cited: documents of the sources that the answer cites.
        verdicts: one a sentence of the answer.
        confidence: that the documents hold an answer, 0 to 1; None where the model
            told no probabilities, or was not asked.
        has_failed: an error kept it from being answered, so no time was measured.
        held: what must hold of every answer, counted (generation.evaluating.invariants).
    """

    gold: tuple[str, ...]
    answer: str
    is_refused: bool
    contexts: frozenset[str]
    cited: frozenset[str]
    verdicts: tuple[str, ...]
    seconds: float
    prompt_tokens: float
    confidence: float | None = None
    held: Mapping[str, int] = field(default_factory=dict)
    answer_tokens: float = 0.0
    has_failed: bool = False


def normalise(text: str) -> list[str]:
    lowered = MARK.sub(" ", text).lower()
    bare = "".join(" " if c in string.punctuation else c for c in lowered)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def exact_match(answer: str, gold: Sequence[str]) -> float:
    return float(any(normalise(answer) == normalise(text) for text in gold))


def f1(answer: str, gold: Sequence[str]) -> float:
    """Return the best overlap of words with a gold answer, 0 to 1."""
    return max((_f1(normalise(answer), normalise(text)) for text in gold), default=0.0)


def _f1(answer: list[str], gold: list[str]) -> float:
    same = sum((Counter(answer) & Counter(gold)).values())
    if not same:
        return float(answer == gold)
    precision, recall = same / len(answer), same / len(gold)
    return 2 * precision * recall / (precision + recall)


def summarise(
    outcomes: Sequence[Outcome], *, in_force: float | None = None
) -> dict[str, Any]:
    """Return the figures of ``evaluate answers`` that follow from the outcomes.

    Args:
        in_force: the threshold that they were answered with.
    """
    return {
        "questions": len(outcomes),
        "answerable": _answerable([o for o in outcomes if o.gold]),
        "refusal": _refusal(outcomes),
        "citations": _citations(outcomes),
        "seconds": {
            "median": _rounded(median(o.seconds for o in outcomes)),
            "p95": _rounded(percentile([o.seconds for o in outcomes], 0.95)),
        },
        "prompt_tokens": {"mean": _mean([o.prompt_tokens for o in outcomes])},
        "ci95": intervals(outcomes),
        "curve": curve(outcomes, in_force=in_force),
        **invariants.summed([outcome.held for outcome in outcomes]),
    }


def curve(
    outcomes: Sequence[Outcome], *, in_force: float | None = None
) -> list[dict[str, Any]]:
    """Return what refusing below each threshold gives, from 0.1 to 0.9 by 0.05.

    ``answered`` is the share of answerable questions that are still answered.
    A refusal for another reason than confidence is one at every threshold. ``f1``
    counts a refused answerable question as 0; it is None where the threshold is so
    low that answers would have been written which were not.

    Args:
        in_force: the threshold that they were answered with; it has a row too.
    """
    steps = {step / 20 for step in range(2, 19)}
    if in_force is not None:
        steps.add(in_force)
    return [_at(outcomes, threshold, in_force) for threshold in sorted(steps)]


def _at(
    outcomes: Sequence[Outcome], threshold: float, in_force: float | None
) -> dict[str, Any]:
    refused = [o for o in outcomes if _is_below(o, threshold, in_force)]
    right = [o for o in refused if not o.gold]
    answerable = [o for o in outcomes if o.gold]
    answered = [o for o in answerable if not _is_below(o, threshold, in_force)]
    is_known = not any(o.is_refused for o in answered)
    found = sum(f1(o.answer, o.gold) for o in answered)
    return {
        "threshold": threshold,
        "precision": _share(len(right), len(refused)),
        "recall": _share(len(right), len(outcomes) - len(answerable)),
        "answered": _share(len(answered), len(answerable)),
        "f1": _share(found, len(answerable)) if is_known else None,
    }


def _is_below(outcome: Outcome, threshold: float, in_force: float | None) -> bool:
    if outcome.confidence is None:
        return outcome.is_refused
    is_own_word = in_force is not None and outcome.confidence >= in_force
    return outcome.confidence < threshold or (outcome.is_refused and is_own_word)


def _answerable(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """A refusal of an answerable question counts as an empty answer."""
    given = [("" if o.is_refused else o.answer, o.gold) for o in outcomes]
    return {
        "n": len(outcomes),
        "f1": _mean([f1(answer, gold) for answer, gold in given]),
        "exact_match": _mean([exact_match(answer, gold) for answer, gold in given]),
    }


def intervals(outcomes: Sequence[Outcome]) -> dict[str, list[float] | None]:
    """Return the 95 % intervals of the shares, from resampled questions."""
    given = [("" if o.is_refused else o.answer, o.gold) for o in outcomes if o.gold]
    values: dict[str, Sequence[float]] = {
        "f1": [f1(answer, gold) for answer, gold in given],
        "exact_match": [exact_match(answer, gold) for answer, gold in given],
        "refusal_precision": [not o.gold for o in outcomes if o.is_refused],
        "refusal_recall": [o.is_refused for o in outcomes if not o.gold],
    }
    return {
        name: [_rounded(end) for end in interval_of(sample)] if sample else None
        for name, sample in values.items()
    }


def _refusal(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    refused = [o for o in outcomes if o.is_refused]
    unanswerable = [o for o in outcomes if not o.gold]
    right = [o for o in refused if not o.gold]
    return {
        "n": len(unanswerable),
        "precision": _share(len(right), len(refused)),
        "recall": _share(len(right), len(unanswerable)),
    }


def _citations(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Precision and recall over answered questions whose documents are known."""
    judged = [o for o in outcomes if o.contexts and o.gold and not o.is_refused]
    right = sum(len(o.cited & o.contexts) for o in judged)
    verdicts = [v for o in outcomes if not o.is_refused for v in o.verdicts]
    return {
        "precision": _share(right, sum(len(o.cited) for o in judged)),
        "recall": _share(right, sum(len(o.contexts) for o in judged)),
        "support_rate": _share(verdicts.count("supported"), len(verdicts)),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def _mean(values: Sequence[float]) -> float | None:
    return _rounded(fmean(values)) if values else None


def _share(part: float, whole: int) -> float | None:
    return _rounded(part / whole) if whole else None


def _rounded(value: float) -> float:
    return round(value, 4)
