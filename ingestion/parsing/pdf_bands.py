"""Rows of a PDF table: one or more between two lines across, a part of one in none.

Rows are told by their numbers, which no cell breaks over two lines, and by lines that
end although their next word would have had room.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from ingestion.parsing.pdf_columns import CENTRED, Part, levels_of
from ingestion.parsing.pdf_frames import Frame
from ingestion.parsing.pdf_lines import Line
from ingestion.parsing.pdf_rows import goes_on, starts_low

# The lines of each cell.
Row = list[list[Line]]

# Between two words, in font sizes.
_SPACE = 0.3
# Font sizes from a base to one that is of another cell.
_APART = 1.6
# A list breaks so many lines early, so large a share of them, and they are short.
_LIST_BREAKS, _LIST_SHARE, _LIST_WORDS = 3, 0.6, 4.0
_NUMBER = re.compile(
    r"[-–—]|[(+\-−–±~<>]*[€$£¥]?\s?\d[\d.,'’ \u00a0\u202f]*"
    r"(?:%|[€$£¥]|[A-Z]{3})?\)?"
)
_AMOUNT = re.compile(r"\d[.,]\d")
# In font sizes, what is raised or lowered stands off its line.
_RAISED = 0.6
# The lines of a table of a book: above and below its head, and at its end.
_BOOK_LINES = 3


def is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text))


def rows_of(parts: Sequence[Part], edges: Sequence[float], frame: Frame) -> list[Row]:
    """Return the rows that stand between two lines across.

    Args:
        edges: where each column ends.
    """
    bases = _by_numbers(parts, frame) or _by_breaks(parts, edges)
    if len(bases) < 2:
        return [row_of(parts, len(edges))]
    rows: list[list[Part]] = []
    for level in levels_of([part.line for part in parts]):
        own = [part for part in parts if any(part.line is line for line in level)]
        if not rows or _begins_row(level, bases, rows[-1]):
            rows.append([])
        rows[-1] += own
    return [row_of(row, len(edges)) for row in rows]


def _begins_row(
    level: Sequence[Line], bases: Sequence[float], above: Sequence[Part]
) -> bool:
    """Whether a level is of another row than the one above, whose lines are ``above``."""
    base, near = level[0].base, CENTRED * level[0].size
    own = min(bases, key=lambda one: abs(one - base))
    if abs(own - base) <= near:
        return not any(abs(part.line.base - own) <= near for part in above)
    return not all(starts_low(line.text) for line in level)


def _by_numbers(parts: Sequence[Part], frame: Frame) -> list[float]:
    """Return the baselines of rows as their numbers tell them; none if it is one row."""
    by_column: dict[int, list[Line]] = {}
    for part in parts:
        by_column.setdefault(part.column, []).append(part.line)
    numbers = {
        at: own
        for at, own in by_column.items()
        if len(own) > 1 and all(is_number(line.text) for line in own)
    }
    amounts = [c for c in numbers.values() if all(_AMOUNT.search(o.text) for o in c)]
    # Two telephone numbers in one cell make no two rows.
    if amounts or len(numbers) >= (2 if frame.inner else 1):
        telling = max(numbers.values(), key=len)
    elif len(frame.across) <= _BOOK_LINES and not frame.is_grid:
        telling = by_column[min(by_column)]
    else:
        return []
    bases = [level[0].base for level in levels_of(telling)]
    first = min(by_column)
    filled = [_columns_at(parts, base) for base in bases]
    labels = sum(first in columns for columns in filled)
    # A sum may stand without a label; in one cell numbers stand below one another.
    least = len(bases) if frame.is_closed and not frame.is_stack else len(bases) / 2
    if len(bases) < 2 or labels < least:
        return []
    if not all(len(c) > 1 and (first in c or len(c & {*numbers}) > 1) for c in filled):
        return []
    return sorted({*bases, *_far(parts)})


def _columns_at(parts: Sequence[Part], base: float) -> set[int]:
    """Return the columns in which something stands on a base."""
    return {
        part.column
        for part in parts
        if abs(part.line.base - base) < CENTRED * part.line.size
    }


def _far(parts: Sequence[Part]) -> Iterator[float]:
    """Yield the baselines that stand too far below others to be of the same cells."""
    levels = levels_of([part.line for part in parts])
    for above, level in itertools.pairwise(levels):
        if len(level) > 1 and level[0].base - above[0].base > _APART * level[0].size:
            yield level[0].base


def _by_breaks(parts: Sequence[Part], edges: Sequence[float]) -> list[float]:
    """Return the baselines of rows of a form: its columns break their lines early.

    That is where the next word would have had room.
    """
    loose = set()
    for column in {part.column for part in parts}:
        own = [one.line for one in parts if one.column == column]
        lines = sorted(own, key=lambda one: one.base)
        pairs = itertools.pairwise(lines)
        early = sum(_is_apart(a, b, edges[column]) for a, b in pairs)
        is_short = fmean(len(line.words) for line in lines) <= _LIST_WORDS
        if (
            early >= _LIST_BREAKS
            and early >= _LIST_SHARE * (len(lines) - 1)
            and is_short
        ):
            loose.add(column)
    if len(loose) < 2 or min(part.column for part in parts) not in loose:
        return []
    return [level[0].base for level in levels_of([part.line for part in parts])]


def _is_apart(a: Line, b: Line, edge: float) -> bool:
    """Whether the lower of two lines is no continuation of the upper one."""
    had_room = a.right + (b.words[0].right - b.left) + _SPACE * a.size < edge
    is_far = b.base - a.base > _APART * a.size
    return had_room or is_far or (is_number(a.text) and is_number(b.text))


def row_of(parts: Iterable[Part], width: int) -> Row:
    """Return the lines of each cell in reading order; raised signs stay in their line."""
    row: Row = [[] for _ in range(width)]
    for part in parts:
        row[part.column].append(part.line)
    return [_in_order(cell) for cell in row]


def _in_order(cell: Sequence[Line]) -> list[Line]:
    lines: list[list[Line]] = []
    for line in sorted(cell, key=lambda one: one.base):
        size = max(line.size, *(one.size for one in lines[-1])) if lines else 0.0
        if lines and line.base - lines[-1][0].base < _RAISED * size:
            lines[-1].append(line)
        else:
            lines.append([line])
    return [one for line in lines for one in sorted(line, key=lambda one: one.left)]


def unwrapped(rows: Sequence[Row]) -> list[Row]:
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


def fill_spans(
    by_band: Sequence[Sequence[Row]], edges: Sequence[float], frame: Frame
) -> None:
    """Say in each row what stands in a cell of several rows, between which is no line."""
    for column, (left, right) in enumerate(itertools.pairwise(edges)):
        run: list[list[Line]] = []
        for at, rows in enumerate(by_band):
            if len(rows) != 1 or frame.is_parted(frame.across[at], left, right):
                _fill(run)
                run = []
            run += [row[column] for row in rows[:1]]
        _fill(run)


def _fill(cells: Sequence[list[Line]]) -> None:
    """Give all of ``cells`` the words of one, if the others are empty.

    Not its number: a line may be missing, and it would be added up twice.
    """
    filled = [cell for cell in cells if cell]
    if len(filled) == 1 and not all(is_number(line.text) for line in filled[0]):
        for cell in cells:
            cell[:] = filled[0]
