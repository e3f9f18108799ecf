"""How many tokens of which prompt are read in the next step. Pure."""

from __future__ import annotations

from collections.abc import Sequence

# Prompts are read side by side up to so many tokens, so that the last of several
# short ones waits little longer than the first; longer ones go one after another.
TOGETHER_TOKENS = 1024
# A step may hold up the streams of others for about so long, in seconds.
STEP_S = 0.4
SMALLEST_SLICE = 16


def shares(waiting: Sequence[int], *, budget: int) -> list[int]:
    """Split ``budget`` tokens between prompts with ``waiting`` tokens left.

    The shortest come first, but the first of ``waiting``, which has waited longest,
    gets its even part at least: while shorter ones keep coming it would get nothing,
    up to its deadline. The sum is ``budget`` where there is enough to read.
    """
    if not waiting:
        return []
    found = _shortest_first(waiting, budget)
    least = min(waiting[0], budget, max(1, budget // len(waiting)))
    if found[0] >= least:
        return found
    return [least, *_shortest_first(waiting[1:], budget - least)]


def _shortest_first(waiting: Sequence[int], budget: int) -> list[int]:
    order = sorted(range(len(waiting)), key=lambda index: waiting[index])
    group = _side_by_side(waiting, order)
    found = [0] * len(waiting)
    for place, index in enumerate(order):
        fair = budget // max(1, group - place) if place < group else budget
        found[index] = min(waiting[index], fair)
        budget -= found[index]
    return found


def _side_by_side(waiting: Sequence[int], order: Sequence[int]) -> int:
    """Return how many of the shortest prompts are read together, at least one."""
    total = count = 0
    for index in order:
        total += waiting[index]
        if count and total > TOGETHER_TOKENS:
            break
        count += 1
    return count


class Pace:
    """The tokens of prompts that a step may read while others decode."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.tokens = min(64, most)

    def learn(self, read: int, seconds: float) -> None:
        """Note a step that read ``read`` tokens beside others in ``seconds``."""
        if seconds > STEP_S:
            self.tokens = max(SMALLEST_SLICE, self.tokens // 2)
        elif seconds < STEP_S / 3 and read >= self.tokens:
            self.tokens = min(self._most, self.tokens * 2)
