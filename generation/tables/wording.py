"""What the rows of a table say, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import shorten
from typing import Any

from generation.everything.listing import LISTED, PLAIN, SHOWN
from generation.grounding.words import fold
from generation.tables.asking import Query
from generation.tables.grid import Row
from generation.tables.known import Known
from generation.tables.openings import Op
from generation.tables.running import Result
from generation.types import Notice
from retrieval.tables import StoredTable

# Characters of a row that has no name.
_ROW_CHARS = 200
# Operations that say each value once, however many rows have it.
_OF_VALUES = frozenset((Op.COUNT, Op.LIST))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one table says, and where it was read."""

    stored: StoredTable
    known: Known
    query: Query
    result: Result

    @property
    def rows(self) -> list[Row]:
        """The rows that it rests on; of those that are called the same the first."""
        rows = [self.known.table.rows[at] for at in self.result.rows]
        if self.query.op not in _OF_VALUES or self.query.column is None:
            return rows
        first: dict[str, Row] = {}
        for row in rows:
            first.setdefault(self.called(row), row)
        return list(first.values())

    @property
    def shown(self) -> list[Row]:
        return self.rows[: LISTED if self.query.op == Op.LIST else SHOWN]

    @property
    def head(self) -> str:
        """What stands above the rows, "" where they are the answer."""
        said, count = self.result.values[0], len(self.result.rows)
        rows = f"{_rows(count)} of “{self.name}”{self._where}"
        if self.query.op == Op.SUM:
            told = f"{said}, added up from {rows}"
        elif self.query.op == Op.MEAN:
            told = f"{said} on average, of {rows}"
        elif self.query.op == Op.COUNT and said != str(count):
            told = f"{said} different ones, in {rows}"
        elif self.query.op == Op.COUNT:
            every = _rows(len(self.known.table.rows))
            told = f"{said}, counted from the {every} of “{self.name}”{self._where}"
        else:
            return ""
        return f"{told}{':' if count else '.'}".translate(PLAIN)

    @property
    def name(self) -> str:
        return self.stored.hit.document

    @property
    def _where(self) -> str:
        names = self.known.table.names
        said = [f"{names[one.column]}: {one.said}" for one in self.query.conditions]
        return f" ({', '.join(said)})" if said else ""

    def called(self, row: Row) -> str:
        """Return the cell by which a row is told, all of it if none names rows."""
        is_added = self.query.op in (Op.SUM, Op.MEAN)
        column = None if is_added else self.query.column
        if column is None and self.known.key == 0:
            column = 0
        if column is not None:
            return row.cells[column]
        return shorten(
            " | ".join(cell for cell in row.cells if cell), _ROW_CHARS, placeholder=" …"
        )

    def line(self, row: Row) -> str:
        """Return a row as the answer has it: its name, and what was looked at."""
        called, key = self.called(row), self.known.key
        is_read = self.query.op == Op.READ
        looked_at = [
            one.column
            for one in self.query.conditions
            # What the question has word for word need not be said again.
            if not (is_read and fold(row.cells[one.column]) == fold(one.said))
        ]
        looked_at += [at for at in (self.query.measure,) if at is not None]
        if self.query.column == self.query.measure and key is not None:
            looked_at.append(key)
        names = self.known.table.names
        beside = [
            f"{names[column]}: {row.cells[column]}"
            for column in dict.fromkeys(looked_at)
            if row.cells[column] and row.cells[column] not in called
        ]
        told = f"{called} ({', '.join(beside)})" if beside else called
        return told.translate(PLAIN)

    def notice(self) -> Notice:
        count = len(self.known.table.rows)
        every = "the 1 row" if count == 1 else f"all {count:,} rows"
        column = self.query.column if self.query.op == Op.READ else None
        of = f", column {self.known.table.names[column]}" if column is not None else ""
        told = f"Read from {every} of the table in “{self.name}”{self._where}{of}."
        return Notice(
            code="table_rows",
            message=f"{told} Other documents were not looked through.",
        )

    def receipt(self) -> dict[str, Any]:
        names = self.known.table.names
        return {
            "document": self.name,
            "operation": self.query.op.value,
            "rows": len(self.known.table.rows),
            "found": len(self.result.rows),
            "conditions": [
                f"{names[c.column]}: {c.said}" for c in self.query.conditions
            ],
        }


def not_told(op: Op, stored: StoredTable) -> Notice:
    """Say that rows that are asked for are not told, but what passages say of them."""
    why = (
        "for sure: words of the question are no column and no value of it, or what they "
        "are said of is not clear. This answer rests on the best passages only"
    )
    table = f"The rows of the table in “{stored.hit.document}” could not be"
    if op == Op.COUNT:
        return Notice(code="rows_not_counted", message=f"{table} counted {why}.")
    more = f"{table} listed {why}, and there may be more than it names."
    return Notice(code="rows_not_listed", message=more)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
