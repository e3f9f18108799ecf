"""What a question asks of the rows of a table. Pure.

    understand("How many suppliers are in Kiel?", Known(table, "Suppliers.csv"))

Every word must be one that the table has, one of the operation, or one that says
nothing by itself (`leftover`); any other may change what is asked, and raises Unclear.
Numbers and names are the table's own, so nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

from generation.tables.bounds import take_bounds
from generation.tables.conditions import take_values
from generation.tables.known import Known
from generation.tables.leftover import want_all_told
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
from generation.tables.sense import (
    has_units,
    is_spelled_twice,
    is_unique,
    may_be_added,
    signs_in,
    signs_of,
    stand_for_several,
    value_of,
)

# Longer ones ask for more than one thing.
MAX_CHARS = 200
_ASKING = frozenset("what which who when where how much until whose".split())  # noqa: SIM905
_ADDED = frozenset(("total", "altogether", "overall"))


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


def wants_rows(question: str, known: Known) -> Op | None:
    """Return COUNT or LIST if rows are to be counted or listed, whichever they are.

    None for what one cell says: "How many employees are at Kiel?"
    """
    for op, rest in opened(plain(question)):
        reading = Reading(text=rest, known=known)
        try:
            noun = take_noun(reading) if op in (Op.COUNT, Op.LIST) else None
        except Unclear:
            continue
        if op == Op.COUNT or (op == Op.LIST and _is_plural(reading)):
            is_thing = noun is None or known.is_id(noun) or known.kind(noun) == "text"
            return op if is_thing else None
    return None


def _is_plural(reading: Reading) -> bool:
    """Whether the thing that was taken is several: "which suppliers", not "supplier"."""
    last = reading.words[max(reading.taken)].plain
    return last.endswith("s") and not last.endswith("ss")


def _of_rows(op: Op, reading: Reading) -> Query:
    noun = take_noun(reading)
    ranked = _take_ranking(reading) if op == Op.LIST else None
    take_bounds(reading)
    take_values(reading, is_strict=True)
    if _take_column(reading) not in (None, reading.known.key):
        raise Unclear
    want_all_told(reading, _ADDED if op in (Op.COUNT, Op.SUM) else frozenset())
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
    want_all_told(reading, _ASKING)
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
    if measure is not None and has_units(known):
        raise Unclear
    looked_at = {one.column for one in conditions} | {column, measure}
    held = signs_of(known, (at for at in looked_at if at is not None))
    if not signs_in(reading.text) <= held:
        raise Unclear
    return Query(op=op, column=column, measure=measure, conditions=conditions)


def _ranked(ranked: tuple[Op, int], column: int | None, reading: Reading) -> Query:
    """Return the rows that rank first, by the cell of a column that is theirs alone."""
    op, measure = ranked
    known = reading.known
    # Of a customer with many invoices they may be meant together.
    if column not in (None, measure) and not is_unique(column, known):
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
    if noun is not None:
        _want_things(noun, reading)
    return _query(Op.LIST, reading, column=noun)


def _added(op: Op, noun: int | None, reading: Reading) -> Query:
    known = reading.known
    if noun is None or known.kind(noun) != "amount":
        raise Unclear
    if op == Op.SUM and not may_be_added(noun, known):
        raise Unclear
    return _query(op, reading, measure=noun)


def _counted(noun: int | None, reading: Reading) -> Query:
    known = reading.known
    if noun is not None and not known.is_id(noun) and known.kind(noun) != "text":
        return _cell(noun, reading)
    query = _query(Op.COUNT, reading, column=noun)
    if noun is None and stand_for_several(known):
        raise Unclear
    if noun is not None:
        _want_things(noun, reading)
    if noun is not None and not known.is_id(noun):
        rows = query.rows(len(known.table.rows))
        if known.has_numbers(noun) or any(known.parts[noun][row] for row in rows):
            raise Unclear
    # Rows that are named are known already.
    if known.key != noun and known.key in {one.column for one in query.conditions}:
        raise Unclear
    return query


def _want_things(noun: int, reading: Reading) -> None:
    """Raise Unclear unless cells of a column are things that the conditions are about.

    "Managers in Kiel" are not the managers of those in Kiel, where rows are employees.
    """
    known = reading.known
    if noun in {one.column for one in reading.conditions}:
        raise Unclear
    if is_spelled_twice(noun, known):
        raise Unclear
    if known.kind(noun) == "amount" and not known.is_id(noun):
        raise Unclear
    is_named = any(known.key in mention.columns for mention in reading.named)
    is_row = noun == known.key or is_unique(noun, known) or is_named
    if reading.conditions and not is_row:
        raise Unclear


def _cell(column: int | None, reading: Reading) -> Query:
    """Return the one cell that is asked for.

    Raises:
        Unclear: there is none, or more.
    """
    known = reading.known
    used = {one.column for one in reading.conditions}
    if column is None and wants_value(reading.text):
        column = value_of(known, used)
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
