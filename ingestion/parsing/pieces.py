"""From the pieces that a parser finds to pages with blocks.

Parsers say what they saw, in reading order, as pieces; the joining, the spans
and the cutting of very long texts into parts happen here, once for all formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ingestion.parsing.cleaning import flowing, one_line, preformatted
from ingestion.types import Block, BlockKind, PageText

# Flowing formats have no pages. Text longer than this is cut into parts, so
# that no page of the site has to show megabytes at once.
PART_CHARS = 60_000

# Kinds whose neighbours of the same kind stay on consecutive lines.
_TIGHT = frozenset({"list", "caption"})

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The cells of a table, while it may go on over the end of its page.

    Attributes:
        columns: where its columns part, from left to right, in points.
        extents: from where to where the text of each column goes, in points; None
            for an empty one.
        is_bold: whether all of the first row is.
    """

    rows: Sequence[Sequence[str]]
    columns: tuple[float, ...]
    extents: tuple[tuple[float, float] | None, ...]
    is_bold: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A run of text with its role.

    Attributes:
        level: of a heading; 0 for others.
        continues: whether it is the next part of a table that was cut.
        cells: of a table of a page.
    """

    kind: BlockKind
    text: str
    level: int = 0
    box: Box | None = None
    continues: bool = False
    cells: Cells | None = None


def piece(kind: BlockKind, text: str, *, level: int = 0) -> Piece:
    """Make a piece with its text cleaned as its kind demands."""
    clean = preformatted(text) if kind in {"code", "table", "list"} else flowing(text)
    if kind == "heading":
        clean = one_line(clean)
    return Piece(kind=kind, text=clean, level=min(level, 6))


def assemble(
    number: int,
    pieces: Iterable[Piece],
    *,
    label: str = "",
    size: tuple[float, float] = (0.0, 0.0),
) -> PageText:
    """Join pieces into one page; spans of blocks are relative to its text."""
    parts: list[str] = []
    blocks: list[Block] = []
    at = 0
    before: Piece | None = None
    for one in pieces:
        if not one.text:
            continue
        gap = _gap(before, one)
        parts += [gap, one.text]
        start, at = at + len(gap), at + len(gap) + len(one.text)
        blocks.append(
            Block(
                kind=one.kind,
                start=start,
                end=at,
                level=one.level,
                box=one.box,
                continues=one.continues,
            )
        )
        before = one
    return PageText(
        number=number,
        text="".join(parts),
        blocks=tuple(blocks),
        label=one_line(label)[:200],
        width=size[0],
        height=size[1],
    )


def _gap(before: Piece | None, after: Piece) -> str:
    if before is None:
        return ""
    return "\n" if before.kind == after.kind and after.kind in _TIGHT else "\n\n"


def in_parts(
    pieces: Iterable[Piece], *, first: int = 1, label: str = ""
) -> list[PageText]:
    """Assemble a text without pages: one page, or parts of some 60,000 characters."""
    groups = list(_groups(pieces))
    if len(groups) < 2:
        return [assemble(first, groups[0] if groups else [], label=label)]
    return [
        assemble(first + i, group, label=f"{label} part {i + 1}".strip())
        for i, group in enumerate(groups)
    ]


def _groups(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    group: list[Piece] = []
    size = 0
    for one in pieces:
        for part in _halved(one):
            if group and size + len(part.text) > PART_CHARS:
                yield group
                group, size = [], 0
            group.append(part)
            size += len(part.text)
    if group:
        yield group


def _halved(one: Piece) -> Iterator[Piece]:
    """Cut a piece longer than a part at a blank line, a line or a space."""
    text = one.text
    while len(text) > PART_CHARS:
        cut = _cut_before(text, PART_CHARS)
        yield replace(one, text=text[:cut].rstrip())
        text = text[cut:].lstrip("\n")
        one = replace(one, continues=one.kind == "table")
    yield replace(one, text=text)


def _cut_before(text: str, limit: int) -> int:
    for mark in ("\n\n", "\n", ". ", " "):
        at = text.rfind(mark, limit // 2, limit)
        if at > 0:
            return at + len(mark)
    return limit


def title_of(pieces: Sequence[Piece]) -> str:
    """The first heading of the highest level, or nothing."""
    headings = [one for one in pieces[:200] if one.kind == "heading"]
    return min(headings, key=lambda one: one.level).text[:300] if headings else ""
