"""Tables of a PDF page: what stands in which row and column, and what stands beside them.

Rules part rows and columns where a table has them (pdf_frames); elsewhere columns are
told by blank strips (pdf_columns) and rows by their numbers (pdf_bands).
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ingestion.parsing.pdf_bands import (
    Row,
    fill_spans,
    is_number,
    row_of,
    rows_of,
    unwrapped,
)
from ingestion.parsing.pdf_beside import widened
from ingestion.parsing.pdf_columns import STRIP, levels_of, parts_in, strips
from ingestion.parsing.pdf_frames import Box, Frame, frames
from ingestion.parsing.pdf_lines import Line
from ingestion.parsing.pdf_rows import cells_of
from ingestion.parsing.pdf_rules import Rules

# Cells are short; what is longer is text in columns or a box around it.
_CELL_CHARS = 300
_CELL_LINES = 4.0
# A title stands so many font sizes above the head that follows it between two lines.
_APART = 1.6


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: lines of each cell by row and column.

    Attributes:
        columns: where columns part, from left to right; one fewer than there are.
    """

    rows: Sequence[Row]
    columns: tuple[float, ...]
    box: Box


def with_tables(lines: Sequence[Line], rules: Rules) -> Iterator[list[Line] | Grid]:
    """Yield tables that rules frame, and the lines before, between and after them."""
    framing = frames(rules)
    lines = [part for line in lines for part in _cut(line, framing)]
    owner: dict[int, Grid] = {}
    for whole in framing:
        for frame in _between_texts(whole, lines):
            free = [o for o in lines if id(o) not in owner and not o.is_turned]
            wide = widened(frame, free)
            inside = [one for one in free if _is_in(one, wide)]
            grid = _framed(inside, wide)
            if grid:
                owner |= dict.fromkeys(map(id, inside), grid)
    told: set[int] = set()
    text: list[Line] = []
    for line in lines:
        grid = owner.get(id(line))
        if grid is None:
            text.append(line)
        elif id(grid) not in told:
            told.add(id(grid))
            if text:
                yield text
                text = []
            yield grid
    if text:
        yield text


def _between_texts(frame: Frame, lines: Sequence[Line]) -> list[Frame]:
    """Part a frame where text runs across it: two tables of the same width, a title."""
    if not frame.is_stack:
        return [frame]
    inside = [one for one in lines if _is_in(one, frame)]
    bands = _in_bands(inside, frame)
    columns = strips([level for band in bands for level in levels_of(band)])
    parts: list[list[float]] = [[frame.across[0]]]
    for band, bottom in zip(bands, frame.across[1:], strict=True):
        if _is_running(band, columns, frame.right - frame.left):
            parts.append([])
        parts[-1].append(bottom)
    least = 2 if frame.inner else 3
    return [replace(frame, across=tuple(part)) for part in parts if len(part) >= least]


def _is_running(band: Sequence[Line], columns: Sequence[float], width: float) -> bool:
    """Whether text stands in a band: a title above a head, or no cells side by side."""
    levels = levels_of(band)
    if not levels:
        return False
    first = levels[0]
    if len(levels) > 1 and len(first) == 1 and len(levels[1]) > 1:
        gap = levels[1][0].base - first[0].base
        return gap > _APART * first[0].size
    broad = any(cell.right - cell.left > width / 2 for [cell, *_] in levels)
    return broad and len({part.column for part in parts_in(band, columns)}) == 1


def in_columns(rows: Sequence[Sequence[Line]]) -> Grid:
    """Return the table that rows of cells without rules are."""
    columns = strips(rows)
    parts = [parts_in(row, columns) for row in rows]
    width = len(columns) + 1
    grid = unwrapped([row_of(part, width) for part in parts])
    lines = [cell for row in rows for cell in row]
    return Grid(grid, columns, box_of(lines))


def box_of(lines: Iterable[Line]) -> Box:
    """Return the box around ``lines``, in tenths of a point."""
    held = list(lines)
    return (
        round(min(line.left for line in held), 1),
        round(min(line.top for line in held), 1),
        round(max(line.right for line in held), 1),
        round(max(line.bottom for line in held), 1),
    )


def extents_of(grid: Grid) -> tuple[tuple[float, float] | None, ...]:
    """Return from where to where the text of each column goes, None for an empty one."""
    columns = [
        [line for row in grid.rows for line in row[at]]
        for at in range(len(grid.columns) + 1)
    ]
    return tuple(
        (min(line.left for line in own), max(line.right for line in own))
        if own
        else None
        for own in columns
    )


def _cut(line: Line, framing: Sequence[Frame]) -> list[Line]:
    """Cut a line that runs from one frame into another."""
    edges = sorted(
        {
            edge
            for frame in framing
            if len(frame.down) > 1 and frame.across[0] < line.middle < frame.across[-1]
            for edge in (frame.left, frame.right)
            if line.left < edge < line.right
        }
    )
    return [part.line for part in parts_in([line], edges)] if edges else [line]


def _is_in(line: Line, frame: Frame) -> bool:
    left, top, right, bottom = frame.box
    across, downwards = (line.left + line.right) / 2, line.middle
    return left < across < right and top < downwards < bottom


def _framed(lines: Sequence[Line], frame: Frame) -> Grid | None:
    """Return the table in a frame, None if what stands in it is none."""
    if not lines:
        return None
    bands = _in_bands(lines, frame)
    columns = _columns(bands, frame)
    edges = (frame.left, *columns, frame.right)
    by_rules = bool(frame.inner)
    by_band: list[list[Row]] = []
    for band in bands:
        parts = parts_in(band, columns, drawn=frame.inner)
        by_band.append(rows_of(parts, edges[1:], frame) if band else [])
    if frame.is_grid and not frame.is_stack:
        fill_spans(by_band, edges, frame)
    rows = unwrapped([row for rows in by_band for row in rows])
    return (
        Grid(rows, columns, frame.box) if _is_table(rows, by_rules=by_rules) else None
    )


def _columns(bands: Sequence[Sequence[Line]], frame: Frame) -> tuple[float, ...]:
    """Return where columns part: at lines down, and else at blank strips."""
    levels = [row for band in bands for row in levels_of(band)]
    if not frame.inner:
        return strips(levels)
    clear = [
        at
        for at in strips(levels, least=STRIP)
        if not any(_is_blank(levels, at, line) for line in frame.down)
        and (not frame.is_closed or _before_numbers(levels, at, _next(frame, at)))
    ]
    return tuple(sorted([*frame.inner, *clear]))


def _is_blank(levels: Iterable[Sequence[Line]], at: float, line: float) -> bool:
    """Whether no word stands between a strip and a line down: the line is in it."""
    left, right = min(at, line), max(at, line)
    return not any(
        left < (word.left + word.right) / 2 < right
        for level in levels
        for cell in level
        for word in cell.words
    )


def _next(frame: Frame, at: float) -> float:
    return min((line for line in frame.down if line > at), default=frame.right)


def _before_numbers(levels: Iterable[Sequence[Line]], at: float, beyond: float) -> bool:
    """Whether between a strip and the next line down stand mostly numbers."""
    behind = [
        next((w for cell in level for w in cell.words if at < w.left < beyond), None)
        for level in levels
    ]
    numbers = [is_number(word.text) for word in behind if word]
    return sum(numbers) > len(numbers) / 2


def _in_bands(lines: Iterable[Line], frame: Frame) -> list[list[Line]]:
    """Part lines at the lines across; each is cut at wide gaps."""
    bands: list[list[Line]] = [[] for _ in frame.across]
    for line in lines:
        at = bisect(frame.across, line.middle)
        bands[at - 1] += cells_of(line)
    return bands[:-1]


def _is_table(rows: Sequence[Row], *, by_rules: bool) -> bool:
    """Whether several rows have several short cells, and not a box of text."""
    filled = [[cell for cell in row if cell] for row in rows]
    cells = [cell for row in filled for cell in row]
    several = sum(len(row) > 1 for row in filled)
    is_rest = by_rules and len(filled) == 1
    if several < (1 if is_rest else 2) or several * 2 < len(filled):
        return False
    chars = sum(len(line.text) for cell in cells for line in cell) / len(cells)
    lines = sum(map(len, cells)) / len(cells)
    return chars <= _CELL_CHARS and (by_rules or lines <= _CELL_LINES)
