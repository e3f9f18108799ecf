"""Rows and columns again, from the text that ingestion made of a table. Pure.

    table = read_table([(0, "City | People\nOslo | 717,710")])
    table.names           # ("City", "People")
    table.rows[0].cells   # ("Oslo", "717,710")

Ingestion writes a table as a line a row, cells parted by " | ", the header first; a long
one with a record in each line, "City: Oslo | People: 717,710" (ingestion.parsing.tables).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingestion.parsing.tables import BETWEEN, short_name

# More columns are a drawing or a matrix rather than records.
MAX_COLUMNS = 60
# A name of a column is no sentence.
_NAME_CHARS = 60
_YEAR = re.compile(r"(?:19|20)\d\d(?:[/-]\d{2,4})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line; ``start`` and ``end`` count in the text of the version."""

    cells: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``rows`` are as wide as ``names``, "" where a cell is empty; the header is none."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]

    def column(self, at: int) -> list[str]:
        return [row.cells[at] for row in self.rows]


def read_table(parts: Sequence[tuple[int, str]]) -> Table | None:
    """Return the table that ``parts`` hold together, None if it has no clear columns.

    Args:
        parts: where each part of the table begins in the text, and its lines; of a
            table that ingestion cut over several pages there are more than one.
    """
    by_part = [list(_lines(start, text)) for start, text in parts]
    if not by_part or not by_part[0]:
        return None
    names = tuple(name.strip() for name in by_part[0][0][1].split(BETWEEN))
    if not _are_names(names):
        return None
    rows: list[Row] = []
    for lines in by_part:
        # Said again on the next page.
        told = [(s, line) for s, line in lines if _plain(names, line) != names]
        read = _record if told and _is_record(names, told[0][1]) else _plain
        for start, line in told:
            cells = read(names, line)
            if cells is None or _names_a_column(cells, names):
                return None
            rows.append(Row(cells=cells, start=start, end=start + len(line)))
    return Table(names=names, rows=tuple(rows)) if rows else None


def _names_a_column(cells: Sequence[str], names: Sequence[str]) -> bool:
    return any(c and c == n for c, n in zip(cells, names, strict=True))


def _lines(start: int, text: str) -> Iterator[tuple[int, str]]:
    for line in text.split("\n"):
        if line.strip(" |"):
            yield start, line
        start += len(line) + 1


def _are_names(names: Sequence[str]) -> bool:
    """Whether a first row names columns: short and distinct, with words, no values."""
    given = [name for name in names if name]
    return (
        2 <= len(names) <= MAX_COLUMNS
        and len(given) >= len(names) - 1
        and len(set(given)) == len(given)
        and all(_is_name(name) for name in given)
        and any(any(map(str.isalpha, name)) for name in given)
    )


def _is_name(name: str) -> bool:
    """Whether it may name a column: a word or a year, no address and no number."""
    is_word = any(map(str.isalpha, name)) and "@" not in name
    return len(name) <= _NAME_CHARS and (is_word or bool(_YEAR.fullmatch(name)))


def _is_record(names: Sequence[str], line: str) -> bool:
    return any(name and line.startswith(f"{short_name(name)}: ") for name in names)


def _plain(names: Sequence[str], line: str) -> tuple[str, ...] | None:
    # Empty cells at the end of a row are not written, and a blank at an end is cut.
    cells = [cell.strip() for cell in f" {line} ".split(BETWEEN)]
    if len(cells) > len(names):
        return None
    return (*cells, *[""] * (len(names) - len(cells)))


def _record(names: Sequence[str], line: str) -> tuple[str, ...] | None:
    """Return the cells of a record, None if they cannot be told apart.

    Its columns come in the order of the names, and empty ones are left out.
    """
    cells = [""] * len(names)
    at = 0
    for part in line.split(BETWEEN):
        place = _place(names, part, at)
        if place is None:
            return None
        name = short_name(names[place])
        cells[place] = part[len(name) + 2 :] if name else part
        at = place + 1
    return tuple(cells)


def _place(names: Sequence[str], part: str, at: int) -> int | None:
    for place in range(at, len(names)):
        if names[place] and part.startswith(f"{short_name(names[place])}: "):
            return place
    return next((p for p in range(at, len(names)) if not names[p]), None)
