"""What a question asks of the rows of a table. Pure.

    understand("How many suppliers are in Kiel?", Known(table, "Suppliers.csv"))

Every word must be one that the table has, one of the operation, or one that says
nothing by itself; any other may change what is asked, and raises Unclear. Numbers and
names are the table's own, so nothing is guessed. To add a word, add it to the lists
just below.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from generation.quantities import CURRENCIES
from generation.tables.bounds import take_bounds
from generation.tables.conditions import take_values
from generation.tables.known import Known
from generation.tables.nouns import take_noun
from generation.tables.openings import (
    Op,
    asks_for_cell,
    is_who,
    opened,
    plain,
    wants,
    wants_value,
)
from generation.tables.ranking import take_ranking
from generation.tables.reading import Condition, Reading, Unclear
from generation.tables.words import terms_set

# Longer ones ask for more than one thing.
MAX_CHARS = 200
# Only words that change nothing wherever they stand: not "to" ("to be done"), nor "my".
_SAYING_NOTHING = frozenset(
    """a an the of in at on for from with and or is are was were been do does did has have
    had that which who whom whose what there we our you your please as""".split()  # noqa: SIM905
)
_LIGHT = frozenset(
    """listed shown named found contained recorded stated list table chart sheet file
    located situated belong belongs got get exist exists""".split()  # noqa: SIM905
)
# These only before a place, or they may be what is asked: "which machines work?"
_PLACED = frozenset("work works working live lives living".split())  # noqa: SIM905
_ASKING = frozenset("what which who when where how much until whose".split())  # noqa: SIM905
_ADDED = frozenset(("total", "altogether", "overall"))
_PLACING = frozenset("in on at from with".split())  # noqa: SIM905
# Cells that are so common words that a sentence has them anyway.
_COMMON = frozenset("the of and or is are there what which who how".split())  # noqa: SIM905
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is asked of the rows for which all ``conditions`` hold.

    Attributes:
        column: whose cells are told; None are the rows themselves.
        measure: whose amounts or days are added up or compared.
    """

    op: Op
    column: int | None = None
    measure: int | None = None
    conditions: tuple[Condition, ...] = ()

    def rows(self, count: int) -> list[int]:
        return [at for at in range(count) if all(at in c.rows for c in self.conditions)]


def understand(question: str, known: Known) -> Query:
    """Return what ``question`` asks of the rows.

    Raises:
        Unclear: it asks another thing.
    """
    text = plain(question)
    if len(text) > MAX_CHARS or not known.table.rows:
        raise Unclear
    for op, rest in opened(text):
        try:
            return _of_rows(op, Reading(text=rest, known=known))
        except Unclear:
            continue
    return _of_cell(Reading(text=text, known=known))


def counts_rows(question: str, known: Known) -> bool:
    """Whether a number of rows is asked for, of whichever."""
    for op, rest in opened(plain(question)):
        if op == Op.COUNT:
            try:
                take_noun(Reading(text=rest, known=known))
            except Unclear:
                continue
            return True
    return False


def _of_rows(op: Op, reading: Reading) -> Query:
    noun = take_noun(reading)
    ranked = _take_ranking(reading) if op == Op.LIST else None
    take_bounds(reading)
    take_values(reading, is_strict=True)
    if _take_column(reading) not in (None, reading.known.key):
        raise Unclear
    _check(reading, _ADDED if op in (Op.COUNT, Op.SUM) else frozenset())
    if ranked:
        return _ranked(ranked, noun, reading)
    if op in (Op.SUM, Op.MEAN):
        return _added(op, noun, reading)
    if op == Op.COUNT:
        return _counted(noun, reading)
    return _listed(noun, reading)


def _of_cell(reading: Reading) -> Query:
    if not asks_for_cell(reading.text):
        raise Unclear
    ranked = _take_ranking(reading)
    take_bounds(reading)
    take_values(reading, is_strict=False)
    column = _take_column(reading)
    _check(reading, _ASKING)
    if column is None and is_who(reading.text):
        return _of_person(ranked, reading)
    if ranked is None:
        return _cell(column, reading)
    is_value = column is None and wants_value(reading.text)
    return _ranked(ranked, ranked[1] if is_value else column, reading)


def _take_ranking(reading: Reading) -> tuple[Op, int] | None:
    ranked = take_ranking(reading)
    reading.ranked = ranked[1] if ranked else None
    return ranked


def _take_column(reading: Reading) -> int | None:
    """Take the one column that is named besides.

    Names of columns of which something is said already are taken too.
    """
    left = [mention for mention in reading.named if not reading.is_taken(mention)]
    used = {condition.column for condition in reading.conditions}
    used |= {reading.ranked} if reading.ranked is not None else set()
    free = [mention for mention in left if not mention.columns & used]
    for mention in left:
        reading.take(mention)
    if not free:
        return None
    shared = frozenset.intersection(*(mention.columns for mention in free))
    if len(shared) != 1:
        raise Unclear
    return next(iter(shared))


def _check(reading: Reading, more: frozenset[str]) -> None:
    """Raise Unclear if a word is left that may change what is asked.

    And if "or" stands between what is said of two columns, of which both must hold.
    """
    known = reading.known
    for at, word in enumerate(reading.words):
        said = word.plain
        if at in reading.taken or (said in _COMMON and said in _SAYING_NOTHING):
            continue
        is_light = said in _SAYING_NOTHING | _LIGHT | more
        before = reading.words[at - 1].plain if at else ""
        # "In stock" is said of a thing, whatever "Stock.csv" is called.
        is_of_title = word.term in known.title.terms and before not in _PLACING
        behind = {one.plain for one in reading.words[at + 1 : at + 2]}
        is_placed = said in _PLACED and bool(behind & _PLACING)
        is_run = said == "run" and any(one.plain == "until" for one in reading.words)
        name = reading.mention_at(at - 1) if said == "number" and at else None
        is_label = name is not None and name.is_whole and not name.is_value
        is_told = is_light or is_of_title or is_placed or is_run or is_label
        if known.is_cell(word) or not is_told:
            raise Unclear
    if reading.has_or and len(reading.conditions) > 1:
        raise Unclear


def _query(
    op: Op, reading: Reading, *, column: int | None = None, measure: int | None = None
) -> Query:
    """Return the query with the conditions of the reading.

    Raises:
        Unclear: rows may not be all of one kind, or a sign is of no column.
    """
    known, conditions = reading.known, tuple(reading.conditions)
    asked = {word.term for word in reading.words}
    if op != Op.READ and (known.is_doubtful or not known.title.narrowing <= asked):
        raise Unclear
    if measure is not None and _has_units(known):
        raise Unclear
    looked_at = {one.column for one in conditions} | {column, measure}
    signs = {*_CURRENCY.findall(reading.text)}
    if not signs <= _signs(known, (at for at in looked_at if at is not None)):
        raise Unclear
    return Query(op=op, column=column, measure=measure, conditions=conditions)


def _has_units(known: Known) -> bool:
    """Whether a column tells other units, or currencies, of different rows."""
    return any(
        _UNITS & {*known.names[at]} and len({*known.table.column(at)}) > 1
        for at in known.columns
    )


def _signs(known: Known, columns: Iterable[int]) -> set[str]:
    """Return the signs of currencies and shares of columns."""
    found: set[str] = set()
    for at in columns:
        units = {word for one in known.amounts[at] if one for word in one.unit.split()}
        words = {*units, *known.table.names[at].lower().split()}
        found |= {
            CURRENCIES.get(word.strip("()[]"), word.strip("()[]")) for word in words
        }
        found |= {*_CURRENCY.findall(" ".join(words))}
    return found


def _ranked(ranked: tuple[Op, int], column: int | None, reading: Reading) -> Query:
    """Return the rows that rank first, by the cell of a column that is theirs alone."""
    op, measure = ranked
    known = reading.known
    if column is not None and column != measure:
        cells = [cell for cell in known.table.column(column) if cell]
        # Of a customer with many invoices they may be meant together.
        if len({*cells}) < len(cells):
            raise Unclear
    return _query(op, reading, column=column, measure=measure)


def _of_person(ranked: tuple[Op, int] | None, reading: Reading) -> Query:
    """Return who it is, where rows are people."""
    people = reading.known.people
    if people is None:
        raise Unclear
    if ranked:
        return _ranked(ranked, people, reading)
    if not reading.conditions or people in {one.column for one in reading.conditions}:
        raise Unclear
    return _query(Op.LIST, reading, column=people)


def _listed(noun: int | None, reading: Reading) -> Query:
    known = reading.known
    is_amount = noun is not None and known.kind(noun) == "amount"
    if noun in {one.column for one in reading.conditions} or _is_of_others(
        noun, reading
    ):
        raise Unclear
    if noun is not None and _is_spelled_twice(noun, known):
        raise Unclear
    if is_amount and not known.is_id(noun or 0):
        raise Unclear
    return _query(Op.LIST, reading, column=noun)


def _added(op: Op, noun: int | None, reading: Reading) -> Query:
    known = reading.known
    if noun is None or known.kind(noun) != "amount":
        raise Unclear
    if op == Op.SUM and not _may_be_added(noun, known):
        raise Unclear
    return _query(op, reading, measure=noun)


def _may_be_added(column: int, known: Known) -> bool:
    """Whether a sum of the column says something."""
    name = {*known.names[column]}
    others = {term for at in known.columns if at != column for term in known.names[at]}
    is_priced = name & _PRICES and others & _QUANTITIES
    is_share = any("%" in one.unit for one in known.amounts[column] if one)
    cells = {
        cell[0] for at in known.columns for cell in known.cells[at] if len(cell) == 1
    }
    return not (name & _NOT_ADDED or is_priced or is_share or cells & _OPPOSED)


def _counted(noun: int | None, reading: Reading) -> Query:
    known = reading.known
    if noun is not None and not known.is_id(noun) and known.kind(noun) != "text":
        return _cell(noun, reading)
    query = _query(Op.COUNT, reading, column=noun)
    used = {one.column for one in query.conditions}
    # Rows that are named are known already.
    is_named = known.key in used and noun != known.key
    if noun in used or is_named or _is_in_cells(query, known):
        raise Unclear
    if noun is not None and _is_spelled_twice(noun, known):
        raise Unclear
    if _is_of_others(noun, reading):
        raise Unclear
    return query


def _is_of_others(noun: int | None, reading: Reading) -> bool:
    """Whether conditions may be of the rows and not of what is asked for.

    "Managers in Kiel" are not the managers of those in Kiel, where rows are employees.
    """
    known = reading.known
    if noun is None or noun == known.key or not reading.conditions:
        return False
    cells = [cell for cell in known.table.column(noun) if cell]
    is_named = any(known.key in mention.columns for mention in reading.named)
    return len({*cells}) < len(cells) and not is_named


def _is_spelled_twice(column: int, known: Known) -> bool:
    """Whether cells are the same but for their spelling."""
    cells = {cell for cell in known.table.column(column) if cell}
    return len({*known.cells[column]} - {()}) < len(cells)


def _is_in_cells(query: Query, known: Known) -> bool:
    """Whether what is counted stands in cells: as numbers, or several in one."""
    at = query.column
    if at is None:
        kinds = [known.kind(column) for column in known.columns]
        named = {term for name in known.names for term in name}
        return bool(named & _QUANTITIES) or kinds.count("amount") == len(kinds) - 1
    if known.is_id(at):
        return False
    rows = query.rows(len(known.table.rows))
    return known.has_numbers(at) or any(known.parts[at][row] for row in rows)


def _cell(column: int | None, reading: Reading) -> Query:
    """Return the one cell that is asked for.

    Raises:
        Unclear: there is none, or more.
    """
    known = reading.known
    used = {one.column for one in reading.conditions}
    if column is None and wants_value(reading.text):
        column = _value_of(known, used)
    if column is None or not used or column in used:
        raise Unclear
    # The manager of Bonn is not that of the one who is in Bonn.
    days = {at for at in used if known.kind(at) == "days"}
    if not days and not used & {0 if known.key is None else known.key}:
        raise Unclear
    if wants(reading.text) not in (None, known.kind(column)):
        raise Unclear
    query = _query(Op.READ, reading, column=column)
    rows = query.rows(len(known.table.rows))
    if len(rows) != 1 or not known.table.rows[rows[0]].cells[column]:
        raise Unclear
    return query


def _value_of(known: Known, used: set[int]) -> int | None:
    """Return the second of two columns, where it says what the first one is."""
    is_of_two = len(known.columns) == 2 and used == {0}
    return 1 if is_of_two and _VALUES & {*known.names[1]} else None
