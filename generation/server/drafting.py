"""Guess the next tokens from what was read and written: answers quote their sources. Pure.

Prompt lookup: where the last tokens stand earlier in the text, what followed them
is drafted and verified in the same step. Wrong drafts cost time only, never text,
and a draft is made only where the time is expected to be won back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from generation.server.costs import StepCosts

# Shortest run of tokens that is looked up, and the longest that is compared.
GRAM, LONGEST_MATCH = 2, 12
# Most tokens drafted for one request: a full step of 16 rows, and a wider one.
WIDEST = 23
# Latest places of a run that are looked at.
_PLACES = 12
# By the length of the run: how likely its next token is right, before anything is
# known of this text. Of copied sentences nearly all are, of chance meetings few.
_PRIORS = ((3, 0.25), (6, 0.6), (LONGEST_MATCH + 1, 0.85))
# Observations that a prior counts for, and how fast older ones fade.
_PRIOR_WEIGHT, _FADE = 3.0, 0.93
_SUREST = 0.97
# A draft must promise so much more speed: what it promises is an estimate.
_MARGIN = 1.04


class Guess(NamedTuple):
    """Tokens that may follow, and how likely each is right if those before it are."""

    tokens: list[int]
    chance: float


NOTHING = Guess([], 0.0)


class Drafter:
    """Guesses for one request; learns how far its text repeats what came before."""

    def __init__(self) -> None:
        # The places after each run of GRAM tokens, and how far they are noted.
        self._places: dict[tuple[int, ...], list[int]] = {}
        self._noted = GRAM
        self._right = [prior * _PRIOR_WEIGHT for _, prior in _PRIORS]
        self._wrong = [(1 - prior) * _PRIOR_WEIGHT for _, prior in _PRIORS]
        self._kind = 0

    def guess(self, tokens: Sequence[int], most: int) -> Guess:
        """Return at most ``most`` tokens that may follow ``tokens``, which only grow."""
        self._note(tokens)
        place, run = self._best_place(tokens)
        if place is None or most < 1:
            return NOTHING
        self._kind = next(k for k, (limit, _) in enumerate(_PRIORS) if run < limit)
        right, wrong = self._right[self._kind], self._wrong[self._kind]
        chance = min(_SUREST, right / (right + wrong))
        return Guess(list(tokens[place : place + min(most, WIDEST)]), chance)

    def learn(self, drafted: int, accepted: int) -> None:
        """Note that of ``drafted`` tokens of the last guess ``accepted`` were right."""
        kind = self._kind
        self._right[kind] = self._right[kind] * _FADE + accepted
        self._wrong[kind] = self._wrong[kind] * _FADE + (accepted < drafted)

    def _note(self, tokens: Sequence[int]) -> None:
        for end in range(self._noted, len(tokens)):
            run = tuple(tokens[end - GRAM : end])
            self._places.setdefault(run, []).append(end)
        self._noted = max(self._noted, len(tokens))

    def _best_place(self, tokens: Sequence[int]) -> tuple[int | None, int]:
        """Return what follows the longest run that ends ``tokens``; the later of equals."""
        best, longest = None, 0
        for place in self._places.get(tuple(tokens[-GRAM:]), ())[-_PLACES:]:
            run = _run(tokens, place)
            if run >= longest:
                best, longest = place, run
        return best, longest


def _run(tokens: Sequence[int], place: int) -> int:
    """Return how many tokens before ``place`` end ``tokens`` too."""
    length = 0
    most = min(LONGEST_MATCH, place)
    while length < most and tokens[place - 1 - length] == tokens[-1 - length]:
        length += 1
    return length


def widths(guesses: Sequence[Guess], *, beside: int, costs: StepCosts) -> list[int]:
    """Return how many tokens of each guess make the most tokens in a second.

    Args:
        guesses: one of each request that is being answered; may be empty.
        beside: rows of prompts in the same step.
    """
    found = [0] * len(guesses)
    gains = sorted(
        (
            (guess.chance**place, index)
            for index, guess in enumerate(guesses)
            for place in range(1, len(guess.tokens) + 1)
        ),
        reverse=True,
    )
    if not gains:
        return found
    rows, tokens, taken = len(guesses) + beside, float(len(guesses)), 0
    best = _MARGIN * tokens / costs.seconds(rows)
    for count, (gain, _) in enumerate(gains, start=1):
        tokens += gain
        speed = tokens / costs.seconds(rows + count)
        if speed > best:
            best, taken = speed, count
    for _, index in gains[:taken]:
        found[index] += 1
    return found
