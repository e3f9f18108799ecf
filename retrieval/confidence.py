"""How far measured means may be off for want of questions. Pure functions on arrays.

Questions are the sample: each is drawn anew, with replacement, as often as there
are questions (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
chapter 13, the percentile interval). Two methods are compared on the same
questions, question by question: that takes out how hard a question is, and
shows differences that the two separate intervals would hide (Smucker, Allan and
Carterette, "A Comparison of Statistical Significance Tests for Information
Retrieval Evaluation", 2007).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: At 10,000 the ends of an interval move by less than 0.001 from seed to seed.
RESAMPLES = 10_000
SEED = 20_261_122
_LEVEL = 0.95
# Resamples made at once, which bounds memory at some 10 MB for 1,500 questions.
_BLOCK = 500

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Mean of first minus second over the same questions.

    Attributes:
        p: two-sided, of a randomisation test: how often swapping the two at
            random question by question gives a difference at least as large.
    """

    difference: float
    interval: Interval
    p: float


def interval_of(values: ArrayLike) -> Interval:
    """Return the 95 % interval of the mean; (0, 0) of nothing."""
    sample = np.asarray(values, float)
    if not sample.size:
        return 0.0, 0.0
    means = np.concatenate(
        [sample[rows].mean(axis=1) for rows in _resamples(len(sample))]
    )
    low, high = np.quantile(means, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def compare(first: ArrayLike, second: ArrayLike) -> Comparison:
    """Compare paired values: row i of both is the same question."""
    differences = np.asarray(first, float) - np.asarray(second, float)
    if not differences.size:
        return Comparison(difference=0.0, interval=(0.0, 0.0), p=1.0)
    return Comparison(
        difference=float(differences.mean()),
        interval=interval_of(differences),
        p=_randomisation_p(differences),
    )


def _randomisation_p(differences: NDArray[np.float64]) -> float:
    """Count the drawn order as one of the trials, so that p is never 0."""
    observed = abs(differences.sum())
    # Sums of the same numbers in another order differ in the last digits.
    tolerance = 1e-9 * max(1.0, float(np.abs(differences).sum()))
    random = np.random.default_rng(SEED)
    extreme = 0
    for count in _blocks():
        signs = random.choice([-1.0, 1.0], size=(count, len(differences)))
        extreme += int((abs(signs @ differences) >= observed - tolerance).sum())
    return (extreme + 1) / (RESAMPLES + 1)


def _resamples(size: int) -> Iterator[NDArray[np.int64]]:
    random = np.random.default_rng(SEED)
    for count in _blocks():
        yield random.integers(0, size, size=(count, size))


def _blocks() -> Iterator[int]:
    for begun in range(0, RESAMPLES, _BLOCK):
        yield min(_BLOCK, RESAMPLES - begun)
