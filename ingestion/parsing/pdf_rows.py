"""Rows of a PDF page: lines side by side, tables and columns of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import median

from ingestion.parsing.pdf_lines import Line, Word

# A gap of this many font sizes between words parts two cells or two columns.
_GAP_SIZES = 1.5
# Between two numbers: wider than in "10 000", narrower than what figures are set apart.
_NUMBER_GAP = 0.6
_STARTS, _ENDS = frozenset("0123456789$€£(-–+"), frozenset("0123456789%)")
_MIN_TABLE_ROWS, _NEAR_ROWS = 3, 3
# Font sizes from a line to the next one of its cell, which is hardly wider.
_LEADING, _WIDER = 1.6, 1.5
_MIN_COLUMN_ROWS = 5
# Columns of running text hold this many characters a line on average.
_PROSE_CHARS = 24


def rows(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Cut lines at wide gaps; put lines that stand side by side into one row."""
    row: list[Line] = []
    for line in lines:
        cells = cells_of(line)
        if row and _is_same_line(row[-1], cells[0]):
            row[-1:] = [_glued(row[-1], cells[0]), *cells[1:]]
            continue
        if row and _is_beside(row[-1], cells[0]):
            row += cells
            continue
        if row:
            yield row
        row = cells
    if row:
        yield row


def cells_of(line: Line) -> list[Line]:
    """Return a line cut at its wide gaps."""
    if line.is_turned:
        return [line]
    cells = []
    start = 0
    for i in range(1, len(line.words)):
        if _are_apart(line.words[i - 1], line.words[i], line.size):
            cells.append(line.part(start, i, is_cut=False))
            start = i
    cells.append(line.part(start, len(line.words), is_cut=line.is_cut))
    return cells


def _are_apart(a: Word, b: Word, size: float) -> bool:
    """Whether a wide gap parts two words; between numbers it is narrower."""
    gap = b.left - a.right
    numbers = a.text[-1] in _ENDS and b.text[0] in _STARTS
    return gap > (_NUMBER_GAP if numbers else _GAP_SIZES) * size


def _is_same_line(a: Line, b: Line) -> bool:
    """Whether PDFium began a new line only for a raised or lowered sign."""
    if a.is_turned or b.is_turned or a.is_cut:
        return False
    size = max(a.size, b.size)
    near = -0.3 * size < b.left - a.right < _GAP_SIZES * size
    level = min(a.bottom, b.bottom) - max(a.top, b.top)
    return near and level > 0.3 * min(a.bottom - a.top, b.bottom - b.top)


def _glued(a: Line, b: Line) -> Line:
    """One line of two; the longer part stands for the size and baseline."""
    main = a if len(a.text) >= len(b.text) else b
    head, tail = a.words[-1], b.words[0]
    words = a.words + b.words
    if tail.left - head.right < 0.12 * main.size:
        whole = replace(head, text=head.text + tail.text, right=tail.right)
        words = (*a.words[:-1], whole, *b.words[1:])
    return replace(main, words=words, is_cut=b.is_cut)


def _is_beside(left: Line, right: Line) -> bool:
    """Whether a line starts to the right of another, on the same baseline."""
    if left.is_turned or right.is_turned:
        return False
    baseline = abs(left.base - right.base) < 0.3 * min(left.size, right.size)
    return baseline and right.left - left.right > _GAP_SIZES * left.size


def regions(rows: Sequence[list[Line]]) -> Iterator[tuple[str, list[list[Line]]]]:
    """Part the rows into runs of "text", "table" and "columns"."""
    text: list[list[Line]] = []
    i = 0
    while i < len(rows):
        kind, end = _run(rows, i)
        if kind == "text":
            text += rows[i:end]
        else:
            if text:
                yield "text", text
                text = []
            yield kind, list(rows[i:end])
        i = end
    if text:
        yield "text", text


def _run(rows: Sequence[list[Line]], start: int) -> tuple[str, int]:
    """Name the run that starts here and say where it ends."""
    end = start
    while end < len(rows) and (
        _aligned(rows, start, end) if len(rows[end]) > 1 else _wraps(rows, start, end)
    ):
        end += 1
    run = rows[start:end]
    if len(run) >= _MIN_COLUMN_ROWS and _is_prose(run):
        return "columns", end
    if len(run) >= _MIN_TABLE_ROWS or (len(run) == 2 and min(map(len, run)) > 2):
        return "table", end
    return "text", max(end, start + 1)


def _aligned(rows: Sequence[list[Line]], start: int, i: int) -> bool:
    """Whether a row goes on below the last: close, and at least two cells overlap."""
    if i == start:
        return True
    above, row = rows[i - 1], rows[i]
    if not 0 < row[0].base - above[0].base < 4 * max(row[0].size, above[0].size):
        return False
    # The row just above may have other cells empty than this one.
    near = [cell for one in rows[max(start, i - _NEAR_ROWS) : i] for cell in one]
    pairs = sum(any(overlaps(cell, other) for other in near) for cell in row)
    return pairs >= 2


def _wraps(rows: Sequence[list[Line]], start: int, i: int) -> bool:
    """Whether a line by itself is the rest of a cell above."""
    return i > start and any(goes_on(cell, rows[i][0]) for cell in rows[i - 1])


def goes_on(above: Line, line: Line) -> bool:
    """Whether a line is the rest of one above it, by its first letter and its place."""
    near = 0 < line.base - above.base < _LEADING * above.size
    return (
        near
        and starts_low(line.text)
        and overlaps(above, line)
        and line.right - line.left < (above.right - above.left) * _WIDER
    )


def starts_low(text: str) -> bool:
    """Whether a text begins as the rest of one does."""
    return text[0].islower() or text[0] == "("


def overlaps(a: Line, b: Line) -> bool:
    return min(a.right, b.right) > max(a.left, b.left)


def _is_prose(run: Sequence[list[Line]]) -> bool:
    """Whether the cells are lines of text columns and not of a table."""
    width = Counter(map(len, run)).most_common(1)[0][0]
    if width > 3:
        return False
    cells = [cell for row in run for cell in row]
    return sum(len(cell.text) for cell in cells) / len(cells) >= _PROSE_CHARS


def column_order(run: Sequence[list[Line]]) -> list[Line]:
    """Read column after column instead of row after row."""
    width = Counter(map(len, run)).most_common(1)[0][0]
    starts = [
        median(row[i].left for row in run if len(row) == width) for i in range(width)
    ]
    columns: list[list[Line]] = [[] for _ in starts]
    for row in run:
        for cell in row:
            nearest = min(range(width), key=lambda i: abs(starts[i] - cell.left))
            columns[nearest].append(cell)
    return [cell for column in columns for cell in column]


def joined(run: Sequence[list[Line]]) -> list[Line]:
    """Rows back to lines, where the gaps turned out to mean nothing."""
    return [
        replace(row[-1], words=tuple(word for cell in row for word in cell.words))
        if len(row) > 1
        else row[0]
        for row in run
    ]
