"""Which rows a question is about, by what stands in their cells: "in Kiel". Pure."""

from __future__ import annotations

from generation.grounding.words import fold
from generation.tables.known import Known, Mention
from generation.tables.reading import Reading, Unclear
from generation.tables.words import Terms, stands_in, terms_set

# Words between a column's name and a value of it.
_BETWEEN = frozenset("is are was were the".split())  # noqa: SIM905
# Columns of where something goes, of which "from" says the opposite.
_GOALS = terms_set("destination to arrival target until end")


def take_values(reading: Reading, *, is_strict: bool) -> None:
    """Take what stands in cells.

    Args:
        is_strict: whether all rows that may be meant must be found.

    Raises:
        Unclear
    """
    for mention in reading.mentions:
        if not mention.is_value or reading.is_taken(mention):
            continue
        column = _column_of(reading, mention)
        is_sure = mention.is_whole and _is_sure(reading, mention, column)
        if is_strict and (not is_sure or _may_be_verb(reading, mention)):
            raise Unclear
        reading.take(mention)
        rows = rows_with(reading.known, column, reading.terms(mention))
        reading.hold(column, reading.said(mention), rows)


def _column_of(reading: Reading, mention: Mention) -> int:
    """Return the column that a value is meant of: the only one, or one named beside it.

    Raises:
        Unclear
    """
    known, columns = reading.known, mention.columns
    others = columns - {known.key}
    is_alike = any(known.is_like(at, c) for at in others for c in known.columns)
    if len(columns) > 1 or is_alike:
        beside = [
            other for other in reading.named if _is_beside(reading, other, mention)
        ]
        columns = frozenset(c for other in beside for c in other.columns & columns)
        for other in beside:
            reading.take(other)
    if len(columns) != 1:
        raise Unclear
    column = next(iter(columns))
    before = reading.words[mention.first - 1].plain if mention.first else ""
    if before == "from" and _GOALS & {*reading.known.names[column]}:
        raise Unclear
    return column


def _is_beside(reading: Reading, name: Mention, value: Mention) -> bool:
    """Whether the name of a column says which a value is of: not "manager of Ben"."""
    if reading.words[value.end - 1].is_owner:
        return False
    if name.end <= value.first:
        between = reading.words[name.end : value.first]
        return len(between) < 2 and all(word.plain in _BETWEEN for word in between)
    return name.first == value.end


def _is_sure(reading: Reading, mention: Mention, column: int) -> bool:
    """Whether no other cell may be meant by this value too.

    That is one with the value and more beside it, one that is spelled otherwise, and an
    empty one below, which may go on with it.
    """
    known, terms = reading.known, reading.terms(mention)
    cells = known.table.column(column)
    rows = {*rows_with(known, column, terms)}
    is_inside = any(
        stands_in(terms, cell) and at not in rows
        for at, cell in enumerate(known.cells[column])
    )
    same = {fold(cells[at]) for at in rows if known.cells[column][at] == terms}
    goes_on = any(at + 1 < len(cells) and not cells[at + 1] for at in rows)
    return not is_inside and len(same) < 2 and not goes_on


def _may_be_verb(reading: Reading, mention: Mention) -> bool:
    """Whether a small word stands before what it may be done to: "support Linux"."""
    behind = reading.words[mention.end : mention.end + 1]
    has_article = any(word.plain in ("the", "a", "an") for word in behind)
    follows = reading.mention_at(mention.end + has_article)
    is_small = not any(reading.words[at].is_name for at in mention.places)
    return bool(mention.first and is_small and follows and follows.is_value)


def rows_with(known: Known, column: int, terms: Terms) -> list[int]:
    """Return the rows with a cell of these terms; with a longer one if there is none."""
    cells = known.cells[column]
    parts = known.parts[column]
    whole = [at for at, cell in enumerate(cells) if terms == cell or terms in parts[at]]
    return whole or [at for at, cell in enumerate(cells) if stands_in(terms, cell)]
