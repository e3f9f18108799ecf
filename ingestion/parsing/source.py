"""What every parser is given, and how it says how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingestion.types import PageText, ParseLimits

Progress = Callable[[int, int], None]
OnPage = Callable[[PageText], None]


def _ignore(done: int, total: int) -> None:
    return None


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file to read.

    Attributes:
        name: as uploaded; used for titles and messages, never as a path.
        progress: called with (pages done, pages in all).
        on_page: takes pages as they are read, where a parser can give them one
            by one; without it all pages are in what the parser returns.
        first_page: pages before this one were read earlier and are left out,
            where a parser can skip them.
        language: of the text, as in "german"; "" where nobody said.
        more_time: called before a page is read by text recognition, which
            takes longer than the limits allow other reading.
        depth: 0 for the upload itself, 1 for an attachment of it, and so on.
    """

    path: Path
    name: str
    limits: ParseLimits = field(default_factory=ParseLimits)
    progress: Progress = _ignore
    on_page: OnPage | None = None
    first_page: int = 1
    language: str = ""
    more_time: Callable[[], None] = _nothing
    depth: int = 0

    def outlet(self) -> tuple[list[PageText], OnPage]:
        """Return a list for ``Parsed.pages`` and what a page read is given to."""
        pages: list[PageText] = []
        return pages, self.on_page or pages.append

    def inner(self, path: Path, name: str) -> Source:
        """Return the source of a file inside this one: read whole, and quietly."""
        return replace(
            self, path=path, name=name, depth=self.depth + 1,
            on_page=None, first_page=1, progress=_ignore,
        )  # fmt: skip
