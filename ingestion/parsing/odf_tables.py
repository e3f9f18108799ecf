"""Tables of OpenDocument texts and sheets as rows of cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ingestion.parsing.cleaning import one_line
from ingestion.parsing.markup import Element, local, to_int
from ingestion.parsing.odf_text import DROPPED, TABLE, image_text, text_of
from ingestion.parsing.tables import BRIDGE, on_one_line

# Cells and rows may claim to repeat a million times.
_MAX_REPEATS = 200
_ASIDES = {"annotation", "note", "text-box"}


@dataclass(slots=True)
class Grid:
    """A table.

    Attributes:
        rows: without trailing blanks; what reaches over rows is said in each.
        bridged: columns that narrow merged cells reach over.
        asides: cells with comments, notes or boxes, with their addresses ("B3").
    """

    rows: list[list[str]] = field(default_factory=list)
    bridged: set[int] = field(default_factory=set)
    asides: list[tuple[str, Element]] = field(default_factory=list)
    # By column: the last row that a merged cell reaches, and its text.
    _held: dict[int, tuple[int, str]] = field(default_factory=dict)

    def add(self, row: Element, number: int) -> None:
        """Add a row of the table; ``number`` is its place, from 1."""
        cells: list[str] = []
        place = 1
        for cell in row:
            if local(cell) not in {"table-cell", "covered-table-cell"}:
                continue
            if any(local(node) in _ASIDES for node in cell.iter()):
                self.asides.append((f"{_letters(place)}{number}", cell))
            repeats = _claimed(cell, "number-columns-repeated")
            here = min(repeats, _MAX_REPEATS)
            if local(cell) == "table-cell":
                cells += [self._read(cell, len(cells), number)] * here
            else:
                first = len(cells)
                cells += [self._above(first + i, number) for i in range(here)]
            place += repeats
        while cells and not cells[-1]:
            cells.pop()
        repeats = _claimed(row, "number-rows-repeated")
        self.rows += [cells] * (min(repeats, _MAX_REPEATS) if cells else 1)

    def _above(self, column: int, number: int) -> str:
        """Text of the merged cell above that reaches into this place."""
        last, text = self._held.get(column, (0, ""))
        return text if number <= last else ""

    def _read(self, cell: Element, column: int, number: int) -> str:
        """Text of a cell; how far it reaches is kept."""
        text = cell_text(cell)
        rows = _claimed(cell, "number-rows-spanned")
        if rows > 1:
            self._held[column] = number + rows - 1, text
        columns = _claimed(cell, "number-columns-spanned")
        if columns <= BRIDGE:
            self.bridged.update(range(column + 1, column + columns))
        return text


def grid_of(table: Element) -> Grid:
    """Read the rows of a table, not those of tables in its cells."""
    grid = Grid()
    number = 1
    for row in _own_rows(table):
        grid.add(row, number)
        number += _claimed(row, "number-rows-repeated")
    return grid


def cell_text(cell: Element) -> str:
    """Text of a cell on one line, without comments and boxes."""
    return " ".join(filter(None, _lines(cell)))


def _lines(node: Element) -> Iterator[str]:
    for child in node:
        tag = local(child)
        if tag in {"p", "h"}:
            yield one_line(text_of(child))
        elif tag == "table":
            yield on_one_line(grid_of(child).rows)
        elif tag == "frame":
            yield image_text(child).strip()
        elif tag != "annotation" and tag not in DROPPED:
            yield from _lines(child)


def _own_rows(node: Element) -> Iterator[Element]:
    for child in node:
        tag = local(child)
        if tag == "table-row":
            yield child
        elif tag in {"table-header-rows", "table-rows", "table-row-group"}:
            yield from _own_rows(child)


def _claimed(node: Element, name: str) -> int:
    return max(to_int(node.get(f"{TABLE}{name}"), 1), 1)


def _letters(place: int) -> str:
    """The name of a column, counted from 1: A, B, ..., Z, AA."""
    letters = ""
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
