"""Replacing what was found by labels such as [e-mail], at once or in a stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ingestion.masking.finding import Finder, Found, find
from ingestion.masking.kinds import USUAL, Kind


@dataclass(frozen=True, slots=True)
class Masked:
    """A text after masking, and where its characters came from.

    Attributes:
        found: items in the text before, in order.
    """

    text: str
    found: tuple[Found, ...]

    def moved(self, offset: int) -> int:
        """Return where ``offset`` of the text before lies now.

        An offset inside an item moves to the start of its label.
        """
        shift = 0
        for item in self.found:
            if offset < item.end:
                return min(offset, item.start) + shift
            shift += len(item.kind.label) - (item.end - item.start)
        return offset + shift


def masked(text: str, kinds: frozenset[Kind] = USUAL) -> Masked:
    found = find(text, kinds)
    return Masked(_replaced(text, found), tuple(found))


def mask(text: str, kinds: frozenset[Kind] = USUAL) -> str:
    return masked(text, kinds).text


def _replaced(text: str, found: Sequence[Found]) -> str:
    parts: list[str] = []
    at = 0
    for item in found:
        parts += [text[at : item.start], item.kind.label]
        at = item.end
    return "".join([*parts, text[at:]])


class StreamMasker:
    """Masks text as it is written; what could become an item is held back.

    The pieces joined equal ``mask`` of the pieces' text joined, wherever it was
    cut.
    """

    def __init__(self, kinds: frozenset[Kind] = USUAL) -> None:
        self.counts: Counter[Kind] = Counter()
        self._finder = Finder(kinds)
        self._held = ""
        self._shown = 0

    def feed(self, text: str) -> str:
        """Return what may be shown now."""
        self._held += text
        return self._release(self._finder.feed(text))

    def finish(self) -> str:
        """Return what is left when the text has ended."""
        return self._release(self._finder.finish())

    def _release(self, found: Sequence[Found]) -> str:
        parts: list[str] = []
        for item in found:
            parts.append(self._taken(item.start))
            self._taken(item.end)
            if not item.goes_on:
                parts.append(item.kind.label)
                self.counts[item.kind] += 1
        parts.append(self._taken(self._finder.settled))
        return "".join(parts)

    def _taken(self, until: int) -> str:
        """Take the text up to the offset ``until`` from what is held."""
        count = until - self._shown
        text, self._held = self._held[:count], self._held[count:]
        self._shown = until
        return text
