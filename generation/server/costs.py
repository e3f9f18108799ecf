"""What a step of so many rows takes: measured at the start, learned while it runs. Pure.

On a processor a step of 16 rows may take little longer than one of 8, and one of
2 more than twice as long as one of 1: it depends on the weights' format and on the
machine, so nothing is assumed where something was measured.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

# Share of a new step in the moving average, and how far one step may pull it: a step
# that was held up by other work says nothing about its rows. The first ones count for
# more, as in a mean with so many steps that were measured at the start.
_NEW, _FURTHEST, _MEASURED = 0.1, 2.0, 4
# Steps of more rows read prompts; what they cost is not asked here.
MOST_ROWS = 64
# Where nothing was measured: a row more costs a quarter of the first.
_GUESSED = {1: 1.0, 2: 1.25}


class StepCosts:
    def __init__(self, measured: Mapping[int, float] | None = None) -> None:
        """``measured``: seconds by rows, of at least two sizes; or nothing."""
        self._known = dict(measured or _GUESSED)
        self._is_guess = not measured
        self._steps: Counter[int] = Counter()

    def seconds(self, rows: int) -> float:
        """Return about how long a step takes: between sizes that ran, a straight line."""
        if rows in self._known:
            return self._known[rows]
        sizes = sorted(self._known)
        place = min(max(bisect_left(sizes, rows), 1), len(sizes) - 1)
        low, high = sizes[place - 1], sizes[place]
        slope = (self._known[high] - self._known[low]) / (high - low)
        # Noise may make a larger step look cheaper; more rows never are.
        return max(self._known[low] + max(slope, 0.0) * (rows - low), 0.0)

    def learn(self, rows: int, seconds: float) -> None:
        """Note a step without prompts."""
        if self._is_guess or rows > MOST_ROWS:
            return
        before = self.seconds(rows)
        seen = min(max(seconds, before / _FURTHEST), before * _FURTHEST)
        self._steps[rows] += 1
        new = max(_NEW, 1 / (_MEASURED + self._steps[rows]))
        self._known[rows] = (1 - new) * before + new * seen
