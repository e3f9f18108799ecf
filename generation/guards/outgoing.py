"""The guard on the way out: masks items of people, stops at a canary. Pure.

It stands between the model and everything that shows or stores what it writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from generation.guards.canaries import shows
from ingestion.masking import Kind, StreamMasker

# Characters of the answer that are looked at again with each piece: longer than a
# canary in base64 with a space after each letter.
_TAIL = 400
NOTHING: frozenset[Kind] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What the guard did to one answer; goes into its receipt.

    Attributes:
        masked: items by the name of their kind.
        is_blocked: a canary showed; nothing after it was let out.
    """

    masked: Mapping[str, int] = field(default_factory=dict)
    is_blocked: bool = False


class OutgoingGuard:
    """One answer's guard: ``feed`` what is written, show what comes back."""

    def __init__(self, canary: str = "", kinds: frozenset[Kind] = NOTHING) -> None:
        self.is_blocked = False
        self._canary = canary
        self._masker = StreamMasker(kinds) if kinds else None
        self._tail = ""

    def feed(self, text: str) -> str:
        self._tail = (self._tail + text)[-_TAIL - len(text) :]
        self.is_blocked = self.is_blocked or shows(self._canary, self._tail)
        if self.is_blocked:
            return ""
        return self._masker.feed(text) if self._masker else text

    def finish(self) -> str:
        """Return what was held back when the text has ended."""
        return self._masker.finish() if self._masker and not self.is_blocked else ""

    @property
    def verdicts(self) -> Verdicts:
        counts = self._masker.counts if self._masker else {}
        masked = {kind.value: count for kind, count in counts.items()}
        return Verdicts(masked=masked, is_blocked=self.is_blocked)
