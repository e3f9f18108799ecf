"""Values that cross the seams of ingestion. No Django, no torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

# Joins the pages of a version into its text. A form feed cannot occur inside a
# page (parsers replace it), so page boundaries stay recognisable.
PAGE_BREAK = "\n\f\n"


def as_shown(text: str) -> str:
    """Return a passage as people read it: a page break is a line break."""
    return text.replace(PAGE_BREAK, "\n")


BlockKind = Literal[
    "heading", "paragraph", "list", "table", "code", "caption", "note", "header"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A run of a page's text with its role.

    Attributes:
        start, end: character span in the page's text, half open.
        level: 1 to 6 for headings, 0 otherwise.
        box: left, top, right, bottom in points from the page's top left
            corner, or None where the format has no layout.
        continues: whether a table goes on here that a page before begins, with the
            columns of that one.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    box: tuple[float, float, float, float] | None = None
    continues: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """One parsed page: number counts from 1; width and height in points, 0 if none."""

    number: int
    text: str
    blocks: tuple[Block, ...] = ()
    label: str = ""
    width: float = 0.0
    height: float = 0.0

    def __repr__(self) -> str:
        return f"PageText({self.number}, {len(self.text)} characters)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a parser found. ``notices`` are sentences for the person who uploaded."""

    pages: tuple[PageText, ...]
    title: str = ""
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a version's text, ready to embed and store.

    ``text`` is exactly the version's text[start:end]; ``heading`` is the path
    of headings above it, embedded with it; ``token_count`` counts both and the
    special tokens, by the embedder's own tokenizer.
    """

    ordinal: int
    text: str
    heading: str
    start: int
    end: int
    page_first: int
    page_last: int
    token_count: int

    def __repr__(self) -> str:
        return f"Passage({self.ordinal}, {self.start}-{self.end})"

    @property
    def embedded_text(self) -> str:
        """The text that the embedder meets."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkingConfig:
    """How a version is cut. ``max_tokens`` includes heading and special tokens."""

    max_tokens: int = 200
    # Tokens of heading path kept at most; the rest of the budget is text.
    max_heading_tokens: int = 40

    def __post_init__(self) -> None:
        if not 0 <= self.max_heading_tokens < self.max_tokens:
            raise ValueError("max_heading_tokens must be below max_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseLimits:
    """Bounds of one parser child: seconds, MB, pages and characters.

    Attributes:
        ocr_page_s: more seconds, of the clock and of computing, for each page
            read by text recognition.
        ocr_wall_s: what these may sum up to.
        max_pixels: of one picture, as its header tells.
    """

    wall_s: int = 120
    cpu_s: int = 60
    memory_mb: int = 1024
    max_pages: int = 10_000
    max_chars: int = 50_000_000
    # Of archives and zip-based office files: entries, bytes each, bytes in all,
    # and how many times larger than the file they may unpack.
    max_entries: int = 2_000
    max_entry_bytes: int = 50_000_000
    max_unpacked_bytes: int = 200_000_000
    max_ratio: int = 200
    ocr_page_s: int = 30
    ocr_wall_s: int = 7_200
    max_pixels: int = 40_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseJob:
    """What a parser child is told.

    Attributes:
        first_page: where to start, from 1: pages before it were read earlier.
            Every page reads as if all had been read.
        language: of the text, as in "german"; text recognition needs it.
    """

    path: str
    media_type: str
    name: str
    limits: ParseLimits = field(default_factory=ParseLimits)
    first_page: int = 1
    language: str = ""
