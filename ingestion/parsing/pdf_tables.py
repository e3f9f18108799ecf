"""Tables of a PDF page: what stands in which row and column, and what stands beside them.

Rules part rows and columns where a table has them. Elsewhere columns are what blank
strips part in all rows, so that an empty cell leaves its place empty and moves none;
and rows are told by their numbers, which no cell breaks over two lines.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from ingestion.parsing.pdf_columns import (
    LEVEL,
    STRIP,
    Part,
    levels_of,
    parts_in,
    strips,
)
from ingestion.parsing.pdf_frames import SAME_EDGE, Box, Frame, frames
from ingestion.parsing.pdf_lines import Line
from ingestion.parsing.pdf_rows import cells_of, goes_on
from ingestion.parsing.pdf_rules import Rules

# Between two words, in font sizes.
_SPACE = 0.3
# Cells are short; what is longer is text in columns or a box around it.
_CELL_CHARS = 300
_CELL_LINES = 4.0
# Font sizes between lines of one cell, and from a base to the line across beside it.
_LEADING, _APART, _PADDING = 1.45, 1.6, 2.5
_NUMBER = re.compile(
    r"[-–—]|[(+\-−–±~<>]*[€$£¥]?\s?\d[\d.,'’ \u00a0\u202f]*"
    r"(?:%|[€$£¥]|[A-Z]{3})?\)?"
)
# A list breaks so many lines early, and so large a share of them.
_LIST_BREAKS, _LIST_SHARE = 3, 0.6
_AMOUNT = re.compile(r"\d[.,]\d")
# The lines of a table of a book: above and below its head, and at its end.
_BOOK_LINES = 3


# The lines of each cell.
Row = list[list[Line]]


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
            wide = _widened(frame, free)
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
    parts: list[list[float]] = [[frame.across[0]]]
    for top, bottom in itertools.pairwise(frame.across):
        band = [one for one in inside if top < (one.top + one.bottom) / 2 < bottom]
        if _is_running(band, frame.right - frame.left):
            parts.append([])
        parts[-1].append(bottom)
    least = 2 if frame.inner else 3
    return [replace(frame, across=tuple(part)) for part in parts if len(part) >= least]


def _is_running(band: Sequence[Line], width: float) -> bool:
    """Whether lines of text stand in a band, and no cells beside one another."""
    levels = levels_of([cell for one in band for cell in cells_of(one)])
    broad = any(cell.right - cell.left > width / 2 for [cell, *_] in levels)
    return broad and all(len(level) == 1 for level in levels)


def in_columns(rows: Sequence[Sequence[Line]]) -> Grid:
    """Return the table that rows of cells without rules are."""
    columns = strips(rows)
    parts = [parts_in(row, columns) for row in rows]
    width = len(columns) + 1
    grid = _unwrapped([_row(part, width) for part in parts])
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
    middle = (line.top + line.bottom) / 2
    edges = sorted(
        {
            edge
            for frame in framing
            if len(frame.down) > 1 and frame.across[0] < middle < frame.across[-1]
            for edge in (frame.left, frame.right)
            if line.left < edge < line.right
        }
    )
    return [part.line for part in parts_in([line], edges)] if edges else [line]


def _is_in(line: Line, frame: Frame) -> bool:
    left, top, right, bottom = frame.box
    across, downwards = (line.left + line.right) / 2, (line.top + line.bottom) / 2
    return left < across < right and top < downwards < bottom


def _widened(frame: Frame, lines: Sequence[Line]) -> Frame:
    """Add the rows before the first line and after the last of a frame that is open there."""
    if not frame.is_stack:
        return frame
    left, top, right, bottom = frame.box
    edge = (left - SAME_EDGE, right + SAME_EDGE)
    wide = [one for one in lines if edge[0] < one.left and one.right < edge[1]]
    above = [one for one in wide if one.bottom < top + SAME_EDGE]
    below = [one for one in wide if one.top > bottom - SAME_EDGE]
    before = _beside(above, top, right - left, step=-1)
    after = _beside(below, bottom, right - left, step=1)
    across = frame.across
    if before:
        across = (min(one.top for one in before) - 1, *across)
    if after:
        across = (*across, max(one.bottom for one in after) + 1)
    return replace(frame, across=across)


def _beside(
    lines: Sequence[Line], edge: float, width: float, *, step: int
) -> list[Line]:
    """Return the lines of a row of several cells that stands next to a line across."""
    cells = [cell for one in lines for cell in cells_of(one)]
    row: list[Line] = []
    for level in levels_of(cells)[::step]:
        size = level[0].size
        height = abs(level[0].base - (row[-1].base if row else edge))
        near = height < (_LEADING if row else _PADDING) * size
        broad = max(cell.right - cell.left for cell in level) > width / 2
        if not near or broad or (not row and len(level) < 2):
            break
        row += level
    return row


def _framed(lines: Sequence[Line], frame: Frame) -> Grid | None:
    """Return the table in a frame, None if what stands in it is none."""
    if not lines:
        return None
    bands = _banded(lines, frame)
    columns = _columns(bands, frame)
    by_rules = bool(frame.inner)
    rows: list[Row] = []
    for band in bands:
        parts = parts_in(band, columns)
        bases = _bases(parts, frame) or _list_bases(parts, (*columns, frame.right))
        rows += _rows(parts, bases, len(columns) + 1)
    rows = _unwrapped(rows)
    return (
        Grid(rows, columns, frame.box) if _is_table(rows, by_rules=by_rules) else None
    )


def _columns(bands: Sequence[Sequence[Line]], frame: Frame) -> tuple[float, ...]:
    """Return where columns part: at lines down, and else at blank strips."""
    levels = [row for band in bands for row in levels_of(band)]
    if not frame.inner:
        return strips(levels)
    size = median(cell.size for band in bands for cell in band)
    clear = [
        at
        for at in strips(levels, least=STRIP)
        if all(abs(at - line) > 2 * size for line in frame.down)
        and (not frame.is_closed or _before_numbers(levels, at))
    ]
    return tuple(sorted([*frame.inner, *clear]))


def _before_numbers(levels: Iterable[Sequence[Line]], at: float) -> bool:
    """Whether what stands behind a strip is mostly numbers, and not the rest of a text."""
    behind = [
        next((w for cell in level for w in cell.words if w.left > at), None)
        for level in levels
    ]
    numbers = [bool(_NUMBER.fullmatch(word.text)) for word in behind if word]
    return sum(numbers) > len(numbers) / 2


def _list_bases(parts: Sequence[Part], edges: Sequence[float]) -> list[float]:
    """Return the baselines of a band that holds several rows without lines between.

    Its columns then break their lines where the next word would have had room.
    """
    loose = 0
    for column in {part.column for part in parts}:
        own = [one.line for one in parts if one.column == column]
        lines = sorted(own, key=lambda one: one.base)
        pairs = itertools.pairwise(lines)
        early = sum(_is_apart(a, b, edges[column]) for a, b in pairs)
        loose += early >= _LIST_BREAKS and early >= _LIST_SHARE * (len(lines) - 1)
    if loose < 2:
        return []
    return [level[0].base for level in levels_of([part.line for part in parts])]


def _is_apart(a: Line, b: Line, edge: float) -> bool:
    """Whether the lower of two lines is no continuation of the upper one."""
    had_room = a.right + (b.words[0].right - b.left) + _SPACE * a.size < edge
    is_far = b.base - a.base > _APART * a.size
    return had_room or is_far or (_is_number(a) and _is_number(b))


def _banded(lines: Sequence[Line], frame: Frame) -> list[list[Line]]:
    """Part lines at the lines across; each is cut at wide gaps."""
    bands: list[list[Line]] = [[] for _ in frame.across]
    for line in lines:
        at = bisect(frame.across, (line.top + line.bottom) / 2)
        bands[at - 1] += cells_of(line)
    return [band for band in bands if band]


def _rows(parts: Sequence[Part], bases: Sequence[float], width: int) -> list[Row]:
    """Return the rows that stand between two lines across: one, or one for each base."""
    if len(bases) < 2:
        return [_row(parts, width)]
    rows: list[list[Part]] = [[] for _ in bases]
    for part in parts:
        at = bisect(bases, part.line.base + LEVEL * part.line.size)
        rows[max(at - 1, 0)].append(part)
    return [_row(row, width) for row in rows]


def _bases(parts: Sequence[Part], frame: Frame) -> list[float]:
    """Return the baselines of the rows in a band; none if it is one row."""
    by_column: dict[int, list[Line]] = {}
    for part in parts:
        by_column.setdefault(part.column, []).append(part.line)
    numbers = [c for c in by_column.values() if all(map(_is_number, c)) and len(c) > 1]
    amounts = [c for c in numbers if all(_AMOUNT.search(line.text) for line in c)]
    # Two telephone numbers in one cell make no two rows.
    if amounts or len(numbers) >= (2 if frame.inner else 1):
        telling = max(numbers, key=len)
    elif len(frame.across) <= _BOOK_LINES and not frame.is_grid:
        telling = by_column[min(by_column)]
    else:
        return []
    bases = [level[0].base for level in levels_of(telling)]
    alike = [
        {p.column for p in parts if abs(p.line.base - base) < LEVEL * p.line.size}
        for base in bases
    ]
    if len(bases) < 2 or not all(len(columns) > 1 for columns in alike):
        return []
    return sorted({*bases, *_far(parts)})


def _far(parts: Sequence[Part]) -> Iterator[float]:
    """Yield the baselines that stand too far below others to be of the same cells."""
    levels = levels_of([part.line for part in parts])
    for above, level in itertools.pairwise(levels):
        if len(level) > 1 and level[0].base - above[0].base > _APART * level[0].size:
            yield level[0].base


def _unwrapped(rows: Sequence[Row]) -> list[Row]:
    """Put the rest of a cell that stands in a line of its own back into its cell."""
    whole: list[Row] = []
    for row in rows:
        filled = [at for at, cell in enumerate(row) if cell]
        above = whole[-1][filled[0]] if whole and len(filled) == 1 else []
        if above and goes_on(above[-1], row[filled[0]][0]):
            above += row[filled[0]]
        else:
            whole.append(row)
    return whole


def _is_number(line: Line) -> bool:
    return bool(_NUMBER.fullmatch(line.text))


def _row(parts: Iterable[Part], width: int) -> Row:
    row: Row = [[] for _ in range(width)]
    for part in sorted(parts, key=lambda one: (one.line.base, one.line.left)):
        row[part.column].append(part.line)
    return row


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
