"""Guess the next tokens from what was read: answers quote their sources. Pure.

Prompt lookup: where the last tokens stand in the prompt, its next tokens are
drafted and verified in the same step. Wrong drafts cost time only, never text.
"""

from __future__ import annotations

from collections.abc import Sequence

# Shortest run of tokens that is looked up. Two find the quote a token earlier
# than three; what they find wrongly is made up for by the pauses below.
GRAM = 2
LONGEST_MATCH = 8
FIRST_WIDTH = 3
WIDEST = 10
# Tokens of the longest pause after drafts that were wrong all through.
LONGEST_PAUSE = 64


class Drafter:
    """Drafts for one request; learns how far its text follows the prompt.

    After a draft that was wrong from its first token it pauses, twice as long
    each time, so that free text costs at most a few per cent.
    """

    def __init__(self, prompt: Sequence[int]) -> None:
        self._prompt = prompt
        self._places: dict[tuple[int, ...], list[int]] | None = None
        self._width = FIRST_WIDTH
        self._misses = 0
        self._paused_until = 0

    def draft(self, tokens: Sequence[int], most: int) -> list[int]:
        """Return at most ``most`` tokens that may follow ``tokens``."""
        if most < 1 or len(tokens) < self._paused_until:
            return []
        place = self._best_place(tokens)
        if place is None:
            return []
        return list(self._prompt[place : place + min(most, self._width)])

    def learn(self, drafted: int, accepted: int, length: int) -> None:
        """Note that of ``drafted`` tokens ``accepted`` were right, at ``length`` tokens."""
        if accepted == drafted:
            self._misses = 0
            self._width = min(WIDEST, self._width * 2)
        elif accepted:
            self._misses = 0
            self._width = max(2, accepted)
        else:
            self._misses += 1
            self._width = 2
            self._paused_until = length + min(LONGEST_PAUSE, 2**self._misses)

    def _best_place(self, tokens: Sequence[int]) -> int | None:
        """Return what follows the longest run that ends ``tokens``; the later of equals."""
        if self._places is None:
            self._places = _index(self._prompt)
        places = self._places.get(tuple(tokens[-GRAM:]), ())
        best, longest = None, 0
        for place in places:
            run = _run(self._prompt, place, tokens)
            if run >= longest:
                best, longest = place, run
        return best


def _index(prompt: Sequence[int]) -> dict[tuple[int, ...], list[int]]:
    """Return the places after each run of ``GRAM`` tokens."""
    places: dict[tuple[int, ...], list[int]] = {}
    for end in range(GRAM, len(prompt)):
        places.setdefault(tuple(prompt[end - GRAM : end]), []).append(end)
    return places


def _run(prompt: Sequence[int], place: int, tokens: Sequence[int]) -> int:
    """Return how many tokens before ``place`` end ``tokens`` too."""
    length = 0
    most = min(LONGEST_MATCH, place, len(tokens))
    while length < most and prompt[place - 1 - length] == tokens[-1 - length]:
        length += 1
    return length
