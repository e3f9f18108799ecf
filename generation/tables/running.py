"""A query, run over the rows of its table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from generation.tables.asking import Query
from generation.tables.known import Known
from generation.tables.openings import Op
from generation.tables.reading import Unclear
from generation.tables.values import is_full


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What rows say.

    Attributes:
        values: the answer: cells, each once, or one number.
        rows: places of the rows that it rests on.
    """

    values: tuple[str, ...]
    rows: tuple[int, ...]


def run(query: Query, known: Known) -> Result:
    """Return what the rows say.

    Raises:
        Unclear: their cells do not tell.
    """
    rows = query.rows(len(known.table.rows))
    if query.op == Op.COUNT:
        return _counted(query, known, rows)
    if query.op in (Op.SUM, Op.MEAN):
        return _added(query, known, rows)
    found = _ranked(query, known, rows) if query.op in (Op.MOST, Op.LEAST) else rows
    return _told(query, known, found)


def _counted(query: Query, known: Known, rows: Sequence[int]) -> Result:
    if query.column is None:
        return Result(values=(str(len(rows)),), rows=tuple(rows))
    cells = {row: known.table.rows[row].cells[query.column] for row in rows}
    filled = tuple(row for row in rows if cells[row])
    return Result(values=(str(len({cells[row] for row in filled})),), rows=filled)


def _told(query: Query, known: Known, rows: Sequence[int]) -> Result:
    column = (known.key or 0) if query.column is None else query.column
    cells = {row: known.table.rows[row].cells[column] for row in rows}
    filled = tuple(row for row in rows if cells[row])
    values = tuple(dict.fromkeys(cells[row] for row in filled))
    if not values:
        raise Unclear
    return Result(values=values, rows=filled)


def _added(query: Query, known: Known, rows: Sequence[int]) -> Result:
    assert query.measure is not None  # noqa: S101 - no sum without
    amounts = [(row, known.amounts[query.measure][row]) for row in rows]
    _want_all(known, query.measure)
    filled = [(row, one) for row, one in amounts if one]
    if not filled:
        raise Unclear
    value = fsum(one.value for _, one in filled)
    if query.op == Op.MEAN:
        value /= len(filled)
    said = f"{value:,.4f}".rstrip("0").rstrip(".")
    told = f"{said} {filled[0][1].unit}".strip()
    return Result(values=(told,), rows=tuple(row for row, _ in filled))


def _ranked(query: Query, known: Known, rows: Sequence[int]) -> list[int]:
    """Return the rows whose amount or day is the largest, or the smallest."""
    assert query.measure is not None  # noqa: S101 - no order without
    sizes = {row: _size(known, query.measure, row) for row in rows}
    told = {row: size for row, size in sizes.items() if size is not None}
    _want_all(known, query.measure)
    if not told:
        raise Unclear
    best = (max if query.op == Op.MOST else min)(told.values())
    return [row for row, size in told.items() if size == best]


def _want_all(known: Known, column: int) -> None:
    """Raise Unclear unless all cells of the column can be compared."""
    found = known.days[column] or known.amounts[column]
    units = {one.unit for one in known.amounts[column] if one}
    if len(units) > 1 or not is_full(found, known.table.column(column)):
        raise Unclear


def _size(known: Known, column: int, row: int) -> float | None:
    if known.kind(column) == "days":
        days = known.days[column][row]
        return float(days.first.toordinal()) if days else None
    amount = known.amounts[column][row]
    return amount.value if amount else None
