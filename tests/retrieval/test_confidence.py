"""Intervals and paired tests against closed forms and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from retrieval.confidence import compare, interval_of

RANDOM = np.random.default_rng(7)


def test_the_interval_is_that_of_the_normal_approximation_for_many_questions() -> None:
    values = RANDOM.uniform(size=1500)
    low, high = interval_of(values)
    error = 1.96 * values.std() / np.sqrt(len(values))
    assert (low, high) == pytest.approx(
        (values.mean() - error, values.mean() + error), abs=0.001
    )


def test_the_same_values_give_the_same_interval() -> None:
    values = RANDOM.uniform(size=50)
    assert interval_of(values) == interval_of(values)


def test_intervals_of_nothing_and_of_equal_values_are_points() -> None:
    assert interval_of([]) == (0.0, 0.0)
    assert interval_of([0.25] * 9) == (0.25, 0.25)


@settings(max_examples=5)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_mean_lies_in_its_interval(values: list[float]) -> None:
    low, high = interval_of(values)
    assert low - 1e-9 <= np.mean(values) <= high + 1e-9


def test_p_is_that_of_scipys_sign_flips() -> None:
    first, second = RANDOM.uniform(size=(2, 40))
    expected = stats.permutation_test(
        (first, second),
        lambda a, b: np.mean(a - b),
        permutation_type="samples",
        n_resamples=10_000,
        rng=np.random.default_rng(1),
    )
    assert compare(first, second).p == pytest.approx(expected.pvalue, abs=0.02)


def test_a_clear_difference_is_significant_and_none_is_not() -> None:
    base = RANDOM.uniform(size=200)
    better = compare(base + 0.1, base)
    assert better.difference == pytest.approx(0.1)
    assert better.p < 0.001
    assert compare(base, base).p == 1.0
    assert compare([], []).p == 1.0


def test_the_paired_test_sees_what_two_intervals_hide() -> None:
    base = RANDOM.uniform(size=300)
    slightly_better = base + 0.01 + RANDOM.normal(scale=0.01, size=300)
    assert interval_of(slightly_better)[0] < interval_of(base)[1]
    assert compare(slightly_better, base).p < 0.001
