"""Shares with the interval that their number of cases allows. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

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
