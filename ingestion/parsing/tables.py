"""Tables as text that still makes sense when it is cut.

A small table fits into one passage and is written as it looks: a line a row,
cells parted by " | ", the header first. A long one will be cut between rows,
where a bare "Flyers | 2 | 8" says nothing to a reader, an embedder or a model.
So each of its rows is written as a record, "Team: Flyers | Cups: 2", which
costs tokens but keeps every row readable by itself. Records need a header row;
without one a long table stays as it looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest

from ingestion.parsing.cleaning import one_line

#: A merged cell of this many columns at most is a heading of columns that belong
#: together; a wider one is a title.
BRIDGE = 4
#: Between the cells of a line.
BETWEEN = " | "
# About 200 tokens: what one passage holds.
_SMALL_CHARS = 800
# Rows looked at to learn which columns are used and whether they have names.
_LOOK_ROWS = 1_000
# Column names repeat in every record, so long ones are shortened there.
_NAME_CHARS = 40
_NUMBER = re.compile(r"[\s\d.,:;/%+\-()$€£¥]*\d[\s\d.,:;/%+\-()$€£¥]*")

Row = Sequence[str]


def on_one_line(rows: Iterable[Row]) -> str:
    """Write a table that stands in a cell of another."""
    return "; ".join(BETWEEN.join(filter(None, row)) for row in rows if any(row))


def table_text(rows: Iterable[Row], *, header: bool | None = None) -> str:
    """Write rows of cells as text, one line a row.

    Args:
        rows: read once; of a long table only the text is held in memory.
        header: whether the first row names the columns; None to guess.
    """
    source = iter(rows)
    grid = _tidy(list(islice(source, _LOOK_ROWS)))
    if not grid:
        return ""
    plain = [_as_line(row) for row in grid]
    if sum(map(len, plain)) <= _SMALL_CHARS or len(grid[0]) < 2:
        return "\n".join(chain(plain, _rest(source, [])))
    if has_header(grid) if header is None else header:
        names = [short_name(name) for name in grid[0]]
        records = (_record(names, row) for row in grid[1:])
        return "\n".join(chain(plain[:1], records, _rest(source, names)))
    return "\n".join(chain(plain, _rest(source, [])))


def further_text(names: Sequence[str], rows: Iterable[Row]) -> str:
    """Write rows that go on below ``names``, which stand elsewhere, as records."""
    short = [short_name(one_line(name)) for name in names]
    return "\n".join(_rest(iter(rows), short))


def _rest(rows: Iterator[Row], names: list[str]) -> Iterator[str]:
    """The rows after those looked at; none of their columns is left out."""
    for row in rows:
        cells = [one_line(cell) for cell in row]
        if any(cells):
            yield _record(names, cells) if names else _as_line(cells)


def has_header(grid: Sequence[Row]) -> bool:
    """Guess whether the first row names columns: short, distinct, not numbers."""
    if len(grid) < 2:
        return False
    names = [cell for cell in grid[0] if cell]
    enough = len(names) >= max(2, len(grid[0]) - 1)
    distinct = len(set(names)) == len(names)
    return enough and distinct and not any(map(_is_value, names))


def _is_value(cell: str) -> bool:
    return len(cell) > 120 or bool(_NUMBER.fullmatch(cell))


def _tidy(rows: Sequence[Row]) -> list[list[str]]:
    """Clean cells, drop empty rows and columns, and make all rows equally long."""
    grid = [[one_line(cell) for cell in row] for row in rows]
    grid = [row for row in grid if any(row)]
    width = max((len(row) for row in grid), default=0)
    for row in grid:
        row.extend([""] * (width - len(row)))
    used = [i for i in range(width) if any(row[i] for row in grid)]
    return grid if len(used) == width else [[row[i] for i in used] for row in grid]


def _as_line(row: Row) -> str:
    last = max((i for i, cell in enumerate(row) if cell), default=0)
    return BETWEEN.join(row[: last + 1]).strip()


def _record(names: list[str], row: Row) -> str:
    pairs = zip_longest(names, row, fillvalue="")
    return BETWEEN.join(f"{name}: {v}" if name else v for name, v in pairs if v)


def short_name(name: str) -> str:
    """Return the name of a column as records have it."""
    return name if len(name) <= _NAME_CHARS else name[: _NAME_CHARS - 1] + "…"
