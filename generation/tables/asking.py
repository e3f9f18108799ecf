"""What a question asks of the rows of a table. Pure.

    understand("How many suppliers are in Kiel?", Known(table, "Suppliers.csv"))

Every word must be one that the table has, one of the operation, or one that says
nothing by itself; any other may change what is asked, and raises Unclear. Numbers and
names are the table's own, so nothing is guessed. To add a word, add it to the lists
just below.
"""

from __future__ import annotations

from dataclasses import dataclass

from generation.tables.conditions import take_bounds, take_values
from generation.tables.known import Known
from generation.tables.nouns import take_noun
from generation.tables.openings import (
    Op,
    asks_for_cell,
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
_SAYING_NOTHING = frozenset(
    """a an the of in at on for from to by with and or is are was were be been do does did
    has have had that which who whom whose what it its their theirs there they i we our us
    you your this these those my me please can could as""".split()  # noqa: SIM905
)
_LIGHT = terms_set(
    "listed shown named given found included contained recorded stated list table chart "
    "sheet file based located situated work live belong got get run exist"
)
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
    ranked = take_ranking(reading) if op == Op.LIST else None
    take_bounds(reading)
    take_values(reading, is_strict=True)
    if _take_column(reading, ranked) not in (None, reading.known.key):
        raise Unclear
    _check(reading, _ADDED if op in (Op.COUNT, Op.SUM) else frozenset())
    conditions = tuple(reading.conditions)
    if ranked:
        return Query(
            op=ranked[0], column=noun, measure=ranked[1], conditions=conditions
        )
    if op in (Op.SUM, Op.MEAN):
        return _added(op, noun, reading)
    if op == Op.COUNT:
        return _counted(noun, reading)
    if noun in {one.column for one in conditions}:
        raise Unclear
    return Query(op=Op.LIST, column=noun, conditions=conditions)


def _of_cell(reading: Reading) -> Query:
    if not asks_for_cell(reading.text):
        raise Unclear
    ranked = take_ranking(reading)
    take_bounds(reading)
    take_values(reading, is_strict=False)
    column = _take_column(reading, ranked)
    _check(reading, _ASKING)
    if ranked is None:
        return _cell(column, reading)
    op, measure = ranked
    told = measure if column is None and wants_value(reading.text) else column
    return Query(
        op=op, column=told, measure=measure, conditions=tuple(reading.conditions)
    )


def _take_column(reading: Reading, ranked: tuple[Op, int] | None) -> int | None:
    """Take the one column that is named besides.

    Names of columns of which something is said already are taken too.
    """
    left = [mention for mention in reading.named if not reading.is_taken(mention)]
    used = {condition.column for condition in reading.conditions}
    used |= {ranked[1]} if ranked else set()
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
    """Raise Unclear if a word is left that may change what is asked."""
    for at, word in enumerate(reading.words):
        is_known = word.plain in _SAYING_NOTHING | more or word.term in _LIGHT
        if (
            at not in reading.taken
            and not is_known
            and word.term not in reading.known.title
        ):
            raise Unclear


def _added(op: Op, noun: int | None, reading: Reading) -> Query:
    if noun is None or reading.known.kind(noun) != "amount":
        raise Unclear
    return Query(op=op, measure=noun, conditions=tuple(reading.conditions))


def _counted(noun: int | None, reading: Reading) -> Query:
    known, conditions = reading.known, tuple(reading.conditions)
    if noun is not None and not known.is_id(noun) and known.kind(noun) != "text":
        return _cell(noun, reading)
    query = Query(op=Op.COUNT, column=noun, conditions=conditions)
    used = {one.column for one in conditions}
    # Rows that are named are known already.
    is_named = known.key in used and noun != known.key
    if noun in used or is_named or _is_in_cells(query, known):
        raise Unclear
    return query


def _is_in_cells(query: Query, known: Known) -> bool:
    """Whether what is counted stands in cells as numbers, or several in one."""
    at = query.column
    if at is None or known.is_id(at):
        return False
    rows = query.rows(len(known.table.rows))
    return known.has_numbers(at) or any(known.parts[at][row] for row in rows)


def _cell(column: int | None, reading: Reading) -> Query:
    """Return the one cell that is asked for.

    Raises:
        Unclear: there is none, or more.
    """
    known, conditions = reading.known, tuple(reading.conditions)
    used = {one.column for one in conditions}
    if column is None and len(known.columns) == 2 and len(used) == 1:
        # Of two columns the second is what is said of the first.
        column = 1 if used == {0} else None
    if column is None or not conditions or column in used:
        raise Unclear
    if wants(reading.text) not in (None, known.kind(column)):
        raise Unclear
    query = Query(op=Op.READ, column=column, conditions=conditions)
    rows = query.rows(len(known.table.rows))
    if len(rows) != 1 or not known.table.rows[rows[0]].cells[column]:
        raise Unclear
    return query
