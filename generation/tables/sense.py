"""Whether an operation on columns says something, and only one thing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from generation.grounding.quantities import CURRENCIES
from generation.tables.known import Known
from generation.tables.words import terms_set

# Columns that tell how many things a row stands for.
_QUANTITIES = terms_set(
    "quantity qty count headcount stock number units pieces copies seats hand available "
    "persons owned licences licenses anzahl menge stück"
)
_UNITS = terms_set("currency unit uom währung einheit")
# Numbers that are not added up, and cells of which some count against others.
_NOT_ADDED = terms_set(
    "balance per unit rate rating stars floor level change age percent year average avg "
    "mean score temperature saldo"
)
_PRICES = terms_set("price cost preis kosten")
_OPPOSED = terms_set("income expense credit debit refund in out")
# Columns of tables that have a property in each row.
_VALUES = terms_set("value amount description definition meaning setting price wert")
_CURRENCY = re.compile(r"[$€£¥%]")


def has_units(known: Known) -> bool:
    """Whether a column tells other units, or currencies, of different rows."""
    return any(
        _UNITS & {*known.names[at]} and len({*known.table.column(at)}) > 1
        for at in known.columns
    )


def signs_in(text: str) -> set[str]:
    return {*_CURRENCY.findall(text)}


def signs_of(known: Known, columns: Iterable[int]) -> set[str]:
    """Return the signs of currencies and shares of columns."""
    found: set[str] = set()
    for at in columns:
        units = {word for one in known.amounts[at] if one for word in one.unit.split()}
        words = {*units, *known.table.names[at].lower().split()}
        found |= {
            CURRENCIES.get(word.strip("()[]"), word.strip("()[]")) for word in words
        }
        found |= signs_in(" ".join(words))
    return found


def may_be_added(column: int, known: Known) -> bool:
    """Whether a sum of the column says something."""
    name = {*known.names[column]}
    others = {term for at in known.columns if at != column for term in known.names[at]}
    is_priced = name & _PRICES and others & _QUANTITIES
    is_share = any("%" in one.unit for one in known.amounts[column] if one)
    cells = {
        cell[0] for at in known.columns for cell in known.cells[at] if len(cell) == 1
    }
    return not (name & _NOT_ADDED or is_priced or is_share or cells & _OPPOSED)


def is_spelled_twice(column: int, known: Known) -> bool:
    """Whether cells are the same but for their spelling."""
    cells = {cell for cell in known.table.column(column) if cell}
    return len({*known.cells[column]} - {()}) < len(cells)


def is_unique(column: int, known: Known) -> bool:
    """Whether no two rows have the same cell."""
    cells = [cell for cell in known.table.column(column) if cell]
    return len({*cells}) == len(cells)


def stand_for_several(known: Known) -> bool:
    """Whether a row tells of how many things it is, or of nothing but amounts."""
    kinds = [known.kind(column) for column in known.columns]
    named = {term for name in known.names for term in name}
    return bool(named & _QUANTITIES) or kinds.count("amount") == len(kinds) - 1


def value_of(known: Known, used: set[int]) -> int | None:
    """Return the second of two columns, where it says what the first one is."""
    is_of_two = len(known.columns) == 2 and used == {0}
    return 1 if is_of_two and _VALUES & {*known.names[1]} else None
