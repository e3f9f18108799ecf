"""Columns of a table on a PDF page, and the words of its lines in them.

Columns are what blank strips part in all rows, so that an empty cell leaves its place
empty and moves no other.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from ingestion.parsing.pdf_lines import Line, Word

# A blank strip between two columns, in font sizes: wider than the space of words, which
# may stand one over another by chance where rows are few.
STRIP, _STRIP_FEW, _FEW_ROWS = 0.6, 1.2, 4
# Within one cell words are not further apart, in font sizes.
_ONE_CELL = 0.5
# One in so many rows may run over a strip: a title within the table.
_OVER = 6
#: Baselines nearer than this, in font sizes, are one.
LEVEL = 0.4
#: Nearer than this they are of one row: a label of two lines beside its numbers.
CENTRED = 0.9


@dataclass(frozen=True, slots=True)
class Part:
    """A line of a cell in its column."""

    line: Line
    column: int


def strips(
    rows: Sequence[Sequence[Line]], *, least: float | None = None
) -> tuple[float, ...]:
    """Return the middle of each blank strip that runs down between ``rows``.

    Args:
        least: its width in font sizes; None to go by the number of rows.
    """
    if not rows:
        return ()
    several = [row for row in rows if len(row) > 1] or list(rows)
    size = median(cell.size for row in several for cell in row)
    few = len(several) < _FEW_ROWS
    wide = size * (least or (_STRIP_FEW if few else STRIP))
    may_run_over = len(several) // _OVER
    steps: list[tuple[float, int]] = []
    for row in several:
        for left, right in _covered(row):
            steps += [(left, 1), (right, -1)]
    steps.sort()
    found = []
    depth = 0
    # Within a strip, the stretches between two steps with how many rows run over each.
    strip: list[tuple[int, float, float]] = []
    for (at, step), (beyond, _) in pairwise(steps):
        depth += step
        if depth <= may_run_over:
            strip.append((depth, at, beyond))
        elif strip:
            if at - strip[0][1] >= wide:
                found.append(_middle(strip))
            strip = []
    return tuple(found)


def _middle(strip: Sequence[tuple[int, float, float]]) -> float:
    """Return the middle of the widest stretch over which the fewest rows run."""
    _, start, end = min(strip, key=lambda one: (one[0], one[1] - one[2]))
    return (start + end) / 2


def _covered(row: Sequence[Line]) -> list[tuple[float, float]]:
    """Return what the words of a row cover, each stretch once."""
    words = sorted((word.left, word.right) for cell in row for word in cell.words)
    merged = words[:1]
    for left, right in words[1:]:
        if left <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], right))
        else:
            merged.append((left, right))
    return merged


def levels_of(cells: Sequence[Line]) -> list[list[Line]]:
    """Put cells of about the same baseline together, from above to below."""
    levels: list[list[Line]] = []
    for cell in sorted(cells, key=lambda one: (one.base, one.left)):
        if levels and cell.base - levels[-1][0].base < LEVEL * cell.size:
            levels[-1].append(cell)
        else:
            levels.append([cell])
    return levels


def parts_in(
    cells: Iterable[Line], columns: Sequence[float], *, drawn: Sequence[float] = ()
) -> list[Part]:
    """Cut cells at the borders of columns; one that runs over them is in its first.

    Args:
        drawn: borders that are lines: words beside them need not stand apart.
    """
    parts = []
    for cell in cells:
        words: list[Word] = []
        for word in cell.words:
            if words and _is_parted(words[-1], word, columns, drawn, cell.size):
                parts.append(_part(cell, words, columns))
                words = []
            words.append(word)
        parts.append(_part(cell, words, columns))
    return parts


def _is_parted(
    a: Word, b: Word, columns: Sequence[float], drawn: Sequence[float], size: float
) -> bool:
    line = any(a.right <= at + 1 and at - 1 <= b.left for at in drawn)
    apart = b.left - a.right >= _ONE_CELL * size or line
    return apart and _column(a, columns) != _column(b, columns)


def _part(cell: Line, words: Sequence[Word], columns: Sequence[float]) -> Part:
    held = cell if len(words) == len(cell.words) else replace(cell, words=tuple(words))
    return Part(held, _column(words[0], columns))


def _column(word: Word, columns: Sequence[float]) -> int:
    return bisect(columns, (word.left + word.right) / 2)
