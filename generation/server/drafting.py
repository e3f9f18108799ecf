"""Guess the next tokens from what was read and written: answers quote their sources. Pure.

Prompt lookup: where the last tokens stand earlier in the text, what followed them
is drafted and verified in the same step. Wrong drafts cost time only, never text,
and a draft is made only where the time is expected to be won back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import mul
from typing import NamedTuple

from generation.server.costs import StepCosts

# Shortest run of tokens that is looked up, and the longest that is compared.
GRAM, LONGEST_MATCH = 2, 12
# Most tokens drafted for one request: a full step of 16 rows, and a wider one.
WIDEST = 23
# Latest places of a run that are looked at.
_PLACES = 12
# By the least length of the run: how likely its next token is right, before anything
# is known of this text. First where the run stands in the prompt, then where it stands
# in the answer itself: of 46 texts of Qwen2.5-Coder 0.5B and 1.5B each, that quoted a
# paragraph, explained it or told a story, rounded down.
_IN_PROMPT = ((12, 0.95), (6, 0.86), (4, 0.84), (3, 0.78), (GRAM, 0.63))
_IN_ANSWER = ((12, 0.9), (6, 0.6), (3, 0.5), (GRAM, 0.42))
# After the end of a sentence: most quotes end there.
_AFTER_BREAK = 0.4
# Observations that such a figure counts for, and how fast older ones fade.
_PRIOR_WEIGHT, _FADE = 8.0, 0.93
_SUREST = 0.97
# A draft must promise so much more speed: what it promises is an estimate.
_MARGIN = 1.05


class Guess(NamedTuple):
    """Tokens that may follow; ``chances``: that all are right, up to each of them."""

    tokens: Sequence[int]
    chances: Sequence[float]


NOTHING = Guess((), ())


def _never(_token: int) -> bool:
    return False


def _expected(chance: float) -> list[float]:
    """Return right and wrong tokens as if ``chance`` had been seen."""
    return [chance * _PRIOR_WEIGHT, (1 - chance) * _PRIOR_WEIGHT]


class Drafter:
    """Guesses for one request; learns how far its text repeats what came before."""

    def __init__(
        self, prompt_tokens: int = 0, is_break: Callable[[int], bool] = _never
    ) -> None:
        """``is_break``: whether a token ends a sentence or a line."""
        self._prompt = prompt_tokens
        self._is_break = is_break
        # The places after each run of GRAM tokens, and how far they are noted.
        self._places: dict[tuple[int, ...], list[int]] = {}
        self._noted = GRAM
        # Right and wrong tokens by kind: where the run stands, and how long it is.
        self._seen = {
            (kinds, least): _expected(prior)
            for kinds in (_IN_PROMPT, _IN_ANSWER)
            for least, prior in kinds
        }
        self._seen_after_break = _expected(_AFTER_BREAK)
        self._guessed: list[list[float]] = []

    def guess(self, tokens: Sequence[int], most: int) -> Guess:
        """Return at most ``most`` tokens that may follow ``tokens``, which only grow."""
        self._note(tokens)
        place, run = self._best_place(tokens)
        if place is None or most < 1:
            return NOTHING
        found = tokens[place : place + min(most, WIDEST)]
        kinds = _IN_PROMPT if place < self._prompt else _IN_ANSWER
        # Each token that is right makes the run longer, and the next one surer.
        self._guessed = [
            self._seen_after_break
            if self._is_break(tokens[place + n - 1])
            else self._seen[
                kinds, next(least for least, _ in kinds if run + n >= least)
            ]
            for n in range(len(found))
        ]
        each = (min(_SUREST, right / (right + wrong)) for right, wrong in self._guessed)
        return Guess(found, list(accumulate(each, mul)))

    def learn(self, drafted: int, accepted: int) -> None:
        """Note that of ``drafted`` tokens of the last guess ``accepted`` were right."""
        for place, seen in enumerate(self._guessed[: min(drafted, accepted + 1)]):
            seen[0] *= _FADE
            seen[1] *= _FADE
            seen[place >= accepted] += 1

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
            (chance, index)
            for index, guess in enumerate(guesses)
            for chance in guess.chances
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
