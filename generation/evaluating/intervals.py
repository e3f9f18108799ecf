"""Shares and means with the interval that their number of cases allows. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from retrieval.confidence import interval_of

# Two-sided 95 % of the normal distribution.
Z = 1.96


def share(found: Sequence[bool]) -> dict[str, Any]:
    """Return the share of true ones with its 95 % Wilson interval."""
    n, hits = len(found), sum(found)
    if not n:
        return {"n": 0, "share": None, "low": None, "high": None}
    rate = hits / n
    middle = (rate + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(rate * (1 - rate) / n + Z * Z / (4 * n * n))
    return {
        "n": n,
        "share": round(rate, 4),
        "low": round(max(0.0, middle - half), 4),
        "high": round(min(1.0, middle + half), 4),
    }


def mean(values: Sequence[float]) -> dict[str, Any]:
    """Return the mean with its 95 % interval, from resampled values."""
    if not values:
        return {"n": 0, "mean": None, "low": None, "high": None}
    low, high = interval_of(values)
    return {
        "n": len(values),
        "mean": round(fmean(values), 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }
