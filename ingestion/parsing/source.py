"""What every parser is given, and how it says how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.types import ParseLimits

Progress = Callable[[int, int], None]


def _ignore(done: int, total: int) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file to read.

    Attributes:
        name: as uploaded; used for titles and messages, never as a path.
        progress: called with (pages done, pages in all).
        depth: 0 for the upload itself, 1 for an attachment of it, and so on.
    """

    path: Path
    name: str
    limits: ParseLimits = field(default_factory=ParseLimits)
    progress: Progress = _ignore
    depth: int = 0
