"""Rows of a PDF table that stand before its first line across, or after its last."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ingestion.parsing.pdf_columns import CENTRED, levels_of
from ingestion.parsing.pdf_frames import SAME_EDGE, Frame
from ingestion.parsing.pdf_lines import Line
from ingestion.parsing.pdf_rows import cells_of, overlaps, starts_low

# Font sizes between lines of one cell, and from a base to the line across beside it.
_LEADING, _PADDING = 1.35, 2.5
# Rows stand no further apart than this many times what others of the table do.
_FURTHER = 1.6
# Of a row, so many cells make it whole.
_WHOLE = 0.8
# Lines of one cell differ by less in size, and are hardly wider.
_SAME_SIZE, _WIDER = 0.1, 2.5


def widened(frame: Frame, lines: Sequence[Line]) -> Frame:
    """Return a frame with the rows beside it, where it is open above or below.

    Lines may stand only between rows, bands behind every second row, or a band behind
    the head alone, below which all other rows are to be found.
    """
    is_head = bool(frame.inner) and len(frame.across) == 2
    if not (frame.is_stack or is_head):
        return frame
    left, top, right, bottom = frame.box
    edge = (left - SAME_EDGE, right + SAME_EDGE)
    wide = [one for one in lines if edge[0] < one.left and one.right < edge[1]]
    inside = levels_of(
        [c for one in wide if top < one.base < bottom for c in cells_of(one)]
    )
    above = [one for one in wide if one.bottom < top + SAME_EDGE]
    below = [one for one in wide if one.top > bottom - SAME_EDGE]
    most = max(map(len, inside), default=2)
    before = _rows(above, top, right - left, most, step=-1)
    after = _rows(below, bottom, right - left, most, step=1)
    shaded = 2 if frame.inner and not is_head else 1
    more_above = list(itertools.islice(before, 0 if is_head else shaded))
    more_below = list(itertools.islice(after, None if is_head else 1))
    across = [
        *sorted(min(line.top for line in row) - 1 for row in more_above),
        *frame.across,
        *(max(line.bottom for line in row) + 1 for row in more_below),
    ]
    return replace(frame, across=tuple(across), is_stack=True)


def _rows(
    lines: Sequence[Line], edge: float, width: float, most: int, *, step: int
) -> Iterator[list[Line]]:
    """Yield rows of several cells, away from a line across at ``edge``."""
    cells = [cell for one in lines for cell in cells_of(one)]
    row: list[Line] = []
    pitch = 0.0
    for level in levels_of(cells)[::step]:
        size = level[0].size
        gap = abs(level[0].base - (row[-1].base if row else edge))
        broad = max(cell.right - cell.left for cell in level) > width / 2
        is_between = row and gap < CENTRED * size
        if is_between or (
            row and gap < _LEADING * size and _is_of_row(level, row, most, step)
        ):
            row += level
            continue
        if row:
            yield row
        far = _FURTHER * pitch if pitch else _PADDING * size
        if broad or len(level) < 2 or gap > max(far, _LEADING * size):
            return
        pitch = gap if row else 0.0
        row = level
    if row:
        yield row


def _is_of_row(
    level: Sequence[Line], row: Sequence[Line], most: int, step: int
) -> bool:
    """Whether a level has more lines of the cells of a row, and is no row or title."""
    is_whole = len(row) >= _WHOLE * most and len(level) >= _WHOLE * most
    # Above the head a line by itself is a title; below a row it may be a note.
    alone = len(level) == 1
    first = min(row, key=lambda one: one.left)
    is_title = alone and step < 0 and level[0].left <= first.left + SAME_EDGE
    is_note = alone and step > 0 and not starts_low(level[0].text)
    fits = any(_fits(cell, one) for cell in level for one in row)
    return fits and not (is_whole or is_title or is_note)


def _fits(cell: Line, other: Line) -> bool:
    return (
        overlaps(cell, other)
        and abs(cell.size - other.size) <= _SAME_SIZE * other.size
        and cell.right - cell.left <= _WIDER * (other.right - other.left)
    )
