"""Numbers before items of lists, as a file defines them and readers see them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: Before an item that is not counted.
BULLET = "-"
#: Of the text of a level: it is said again before each item. Programs allow less.
MAX_CHARS = 60
_UNCOUNTED = {"bullet", "none"}
_DEEPEST = 9
_PLACE = re.compile(r"%([1-9])")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How a level of a list is numbered; the words are those of Word files.

    Attributes:
        kind: "decimal", "lowerLetter", "upperRoman" and so on; "bullet" and "none"
            do not count.
        start: its first number.
        text: with %1 to %9 for the numbers of levels 1 to 9, as in "%1.%2".
        restart: items of levels (from 0) below this one let it start again.
        is_legal: whether all numbers in the text are decimal.
    """

    kind: str = "bullet"
    start: int = 1
    text: str = ""
    restart: int = _DEEPEST
    is_legal: bool = False


_UNKNOWN = Level()


@dataclass(slots=True)
class Lists:
    """The lists of a file, and how far they have counted while it is read.

    Attributes:
        levels: by list and level, counted from 0.
        sequences: by list: what it counts in, where lists go on from each other.
        restarts: levels of lists that start again when they are first met.
    """

    levels: dict[tuple[str, int], Level] = field(default_factory=dict)
    sequences: dict[str, str] = field(default_factory=dict)
    restarts: set[tuple[str, int]] = field(default_factory=set)
    _counts: dict[tuple[str, int], int] = field(default_factory=dict)

    def marker(self, list_id: str, level: int, sequence: str = "") -> str:
        """Count an item; return what stands before it: "3.", "2.1" or BULLET.

        Args:
            sequence: what it counts in, if not what ``sequences`` says.
        """
        one = self.levels.get((list_id, level), _UNKNOWN)
        sequence = sequence or self.sequences.get(list_id, list_id)
        for deeper in range(level + 1, _DEEPEST):
            if level < self.levels.get((list_id, deeper), _UNKNOWN).restart:
                self._counts.pop((sequence, deeper), None)
        if one.kind in _UNCOUNTED:
            return BULLET
        if (list_id, level) in self.restarts:
            self.restarts.remove((list_id, level))
            self._counts.pop((sequence, level), None)
        count = self._counts.get((sequence, level), one.start - 1) + 1
        self._counts[sequence, level] = count
        return self._filled(list_id, one, sequence)

    def start_at(self, sequence: str, level: int, number: int) -> None:
        """Let the next item of a level have this number."""
        self._counts[sequence, level] = number - 1

    def _filled(self, list_id: str, one: Level, sequence: str) -> str:
        def number(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            level = self.levels.get((list_id, at), _UNKNOWN)
            count = self._counts.get((sequence, at), level.start)
            return numeral("decimal" if one.is_legal else level.kind, count)

        return _PLACE.sub(number, one.text)


def numeral(kind: str, count: int) -> str:
    """Write a number as a kind of list does; unknown kinds are decimal."""
    if kind in _UNCOUNTED:
        return ""
    if kind == "decimalZero":
        return f"{count:02}"
    if kind in {"lowerLetter", "upperLetter"} and 0 < count <= 780:
        # After z come aa, bb and so on.
        letters = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letters.upper() if kind == "upperLetter" else letters
    if kind in {"lowerRoman", "upperRoman"} and 0 < count < 4000:
        return _roman(count).upper() if kind == "upperRoman" else _roman(count)
    return str(count)


def _roman(count: int) -> str:
    parts = []
    for value, sign in _ROMAN:
        parts.append(sign * (count // value))
        count %= value
    return "".join(parts)
