"""Tables of web pages: which hold data, and their cells while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile, zip_longest
from typing import Any

from ingestion.parsing.html_looks import keeps_its_place
from ingestion.parsing.pieces import Piece, piece
from ingestion.parsing.tables import table_text

# selectolax carries no types.
Node = Any

# Rows looked at to find two cells side by side, and the longest cell of data.
_LOOK_ROWS = 8
_MAX_CELL_CHARS = 2_000
# A head of more rows than this is a table that calls all of itself a head.
_MAX_HEADS = 4
_SECTIONS = frozenset({"thead", "tbody", "tfoot"})
_CELLS = frozenset({"td", "th"})


def is_data_table(node: Node) -> bool:
    """Whether a table holds data; tables used for layout are read as blocks."""
    if node.tag != "table" or node.attributes.get("role") == "presentation":
        return False
    if node.css_first("table table, h1, h2, h3, h4, h5, h6") is not None:
        return False
    if not any(len(row.css("td, th")) > 1 for row in node.css("tr")[:_LOOK_ROWS]):
        return False
    return all(len(cell.text()) < _MAX_CELL_CHARS for cell in node.css("td"))


@dataclass(frozen=True, slots=True)
class _Cell:
    """``goes_on``: it is a further column of the cell before."""

    text: str
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    cells: list[_Cell]
    is_head: bool

    def texts(self) -> list[str]:
        return ["" if cell.goes_on else cell.text for cell in self.cells]

    def is_title(self) -> bool:
        """Whether one cell reaches over all columns."""
        return len(self.cells) > 1 and all(cell.goes_on for cell in self.cells[1:])


class Grid:
    """The rows of a data table, filled while its elements are met.

    What spans rows is said in each of them.
    """

    def __init__(self) -> None:
        self.is_in_cell = False
        self._rows: list[_Row] = []
        self._cells: list[_Cell] = []
        self._words: list[str] = []
        self._in_head = False
        self._has_data = False
        # By column: how many rows below a cell reaches into.
        self._held: dict[int, tuple[int, _Cell]] = {}

    def enter(self, node: Node) -> None:
        if node.tag in _CELLS:
            self.is_in_cell = True
        elif node.tag == "thead":
            self._in_head = True

    def leave(self, node: Node) -> None:
        if node.tag in _CELLS:
            self._add(node, " ".join(self._words))
            self._words.clear()
            self.is_in_cell = False
        elif node.tag == "tr":
            self._end_row()
        elif node.tag in _SECTIONS:
            # No cell reaches beyond its section.
            self._held.clear()
            self._in_head = False

    def pass_over(self, node: Node) -> None:
        """Meet an element that is not shown; a cell may leave its place blank."""
        if node.tag in _CELLS and keeps_its_place(node):
            self._add(node, "")

    def say(self, text: str) -> None:
        """Add to the cell that is open."""
        self._words.append(text)

    def pieces(self) -> Iterator[Piece]:
        """Give the table; a head of several rows as one that joins their words."""
        heads = list(takewhile(lambda row: row.is_head, self._rows))
        titles = list(takewhile(_Row.is_title, heads))
        # A row of one cell below the names is no name: it begins a part.
        heads = list(takewhile(lambda row: not row.is_title(), heads[len(titles) :]))
        above = len(titles) + len(heads)
        rows = [row.texts() for row in self._rows]
        if heads and 1 < above <= _MAX_HEADS and above < len(rows):
            for row in titles:
                yield piece("caption", row.cells[0].text)
            rows[:above] = [_joined(heads)]
        is_named = bool(self._rows) and self._rows[0].is_head
        yield piece("table", table_text(rows, header=is_named or None))

    def _add(self, node: Node, text: str) -> None:
        self._add_held()
        self._has_data |= node.tag == "td"
        down, wide = _span(node, "rowspan"), _span(node, "colspan")
        for i in range(wide):
            cell = _Cell(text, goes_on=i > 0)
            if down > 1:
                self._held[len(self._cells)] = (down - 1, cell)
            self._cells.append(cell)

    def _add_held(self) -> None:
        """Add the cells that reach down to this place from rows above."""
        while len(self._cells) in self._held:
            at = len(self._cells)
            left, cell = self._held.pop(at)
            if left > 1:
                self._held[at] = (left - 1, cell)
            self._cells.append(cell)

    def _end_row(self) -> None:
        self._add_held()
        is_head = self._in_head or not self._has_data
        self._rows.append(_Row(self._cells, is_head and bool(self._cells)))
        self._cells, self._has_data = [], False


def _joined(heads: list[_Row]) -> list[str]:
    """Names of columns: what stands above each other, said once."""
    columns = zip_longest(*([cell.text for cell in row.cells] for row in heads))
    return [" ".join(dict.fromkeys(filter(None, column))) for column in columns]


def _span(cell: Node, name: str) -> int:
    span = cell.attributes.get(name) or ""
    return min(max(int(span), 1), 51) if span.isdecimal() and len(span) < 4 else 1
