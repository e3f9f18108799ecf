"""Which rows a question is about, by numbers and days: "over 100 euros", "before 2027".

Pure. What is found is taken from the reading; what is not clear raises Unclear.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence

from generation.grounding.quantities import CURRENCIES
from generation.tables.known import Kind, Known, Mention
from generation.tables.reading import Reading, Unclear
from generation.tables.values import Amount, Days, is_full
from generation.tables.words import Word, term_of, terms_set

_BOUNDS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "at_least": (operator.ge, "at least|a minimum of|no less than|no fewer than"),
    "more": (
        operator.gt,
        "more than|greater than|higher than|larger than|over|above|exceeding",
    ),
    "at_most": (operator.le, "at most|a maximum of|up to|no more than"),
    "less": (operator.lt, "less than|fewer than|lower than|smaller than|under|below"),
}
_BOUND = re.compile(
    "|".join(
        rf"(?P<{name}>\b(?:{forms}) [$€£¥]?$)" for name, (_, forms) in _BOUNDS.items()
    ),
    re.IGNORECASE,
)
# "Until" and "by" are said of what lasts and of what happens.
_WHEN = re.compile(
    r"\b(?:(?P<how>before|after|since)|(?P<doubtful>until|till|by)|in|on|during|from|of)"
    r" (?:the year |the )?$",
    re.IGNORECASE,
)
_ON = frozenset(("on", "onward", "onwards"))
# Words between a column's name and what is said of it.
_BETWEEN = frozenset("of a an the is are was were with has have had that".split())  # noqa: SIM905
_SCALES = terms_set("k m mn mio million millions bn billion billions thousand tsd mrd")


_TIMES: dict[str, Callable[[Days, Days], bool]] = {
    "before": lambda one, asked: one.end <= asked.first,
    "after": lambda one, asked: one.first >= asked.end,
    "since": lambda one, asked: one.first >= asked.first,
    "": Days.lies_in,
}


def take_bounds(reading: Reading) -> None:
    """Take "more than 100 points", "2 medals" and "before 2027"."""
    for at, word in enumerate(reading.words):
        bound = _BOUND.search(reading.text[: word.start])
        if at in reading.taken or _is_said_otherwise(reading, at, bound):
            continue
        if word.amount is not None and (bound or not word.days):
            _take_amount(reading, at, bound)
        elif word.days:
            _take_days(reading, at, word.days)


def _is_said_otherwise(reading: Reading, at: int, bound: re.Match[str] | None) -> bool:
    """Whether a number belongs to a name: of a cell, or of the title as in "Alpha 3"."""
    known, mention = reading.known, reading.mention_at(at)
    if mention and mention.is_value and not bound:
        return not any(known.kind(column) == "days" for column in mention.columns)
    two = {word.term for word in reading.words[at - 1 : at + 1]} if at else {""}
    return known.title.terms >= two


def _take_amount(reading: Reading, at: int, bound: re.Match[str] | None) -> None:
    word = reading.words[at]
    start = bound.start() if bound else word.start
    is_negative = reading.text[: word.start].endswith(("-", "−", "–"))
    # "The three rooms with the most seats" are three.
    if is_negative or (not bound and reading.ranked is not None):
        raise Unclear
    column = _column_near(reading, start, at, "amount")
    amounts = reading.known.amounts[column]
    _want_unit(reading, column, at)
    reading.take_text(start, word.end)
    if _is_unit(amounts, reading.words[at + 1 : at + 2]):
        reading.taken.add(at + 1)
    holds = _BOUNDS[str(bound.lastgroup)][0] if bound else operator.eq
    asked = word.amount or 0.0
    rows = [i for i, one in enumerate(amounts) if one and holds(one.value, asked)]
    said = reading.text[start : word.end]
    reading.hold(column, said, rows, is_bound=bool(bound))


def _want_unit(reading: Reading, column: int, at: int) -> None:
    """Raise Unclear if amounts cannot be compared with the one that is asked."""
    known, word = reading.known, reading.words[at]
    amounts = known.amounts[column]
    if not is_full(amounts, known.table.column(column)):
        raise Unclear
    units = {one.unit for one in amounts if one}
    if len(units) > 1 or any(terms_set(unit) & _SCALES for unit in units):
        raise Unclear
    before = reading.text[: word.start].rstrip()[-1:]
    behind = reading.text[word.end :].split(maxsplit=1)[:1]
    named = known.table.names[column].lower()
    for sign in (before, *behind):
        asked = "%" if sign.startswith("%") else CURRENCIES.get(sign.lower(), "")
        held = {CURRENCIES.get(unit, unit) for unit in units} | {named}
        if asked and not any(asked in one for one in held):
            raise Unclear


def _take_days(reading: Reading, at: int, asked: Days) -> None:
    word = reading.words[at]
    match = _WHEN.search(reading.text[: word.start])
    start = match.start() if match else word.start
    follows = {one.plain for one in reading.words[at + 1 : at + 2]}
    if follows & _ON or (match and match["doubtful"]):
        raise Unclear
    column = _column_near(reading, start, at, "days")
    found = reading.known.days[column]
    is_again = any(one.column == column for one in reading.conditions)
    if not is_full(found, reading.known.table.column(column)) or (
        is_again and not reading.has_or
    ):
        raise Unclear
    how = (match["how"] or "").lower() if match else ""
    reading.take_text(start, word.end)
    rows = [i for i, one in enumerate(found) if one and _TIMES[how](one, asked)]
    reading.hold(column, f"{how or 'in'} {word.text}", rows, is_bound=bool(how))


def _column_near(reading: Reading, start: int, at: int, kind: Kind) -> int:
    """Return the column of what is said from character ``start`` to word ``at``.

    It is named just before or behind, or is the only one that it can be.

    Raises:
        Unclear
    """
    first = next(i for i, word in enumerate(reading.words) if word.start >= start)
    unit = reading.words[at + 1 : at + 2]
    for mention in reading.named:
        if _is_before(reading, mention, first) or mention.first == at + 1:
            columns = [c for c in mention.columns if reading.known.kind(c) == kind]
            if len(columns) != 1 or columns[0] == reading.ranked:
                continue
            reading.take(mention)
            return columns[0]
    only = reading.known.own_days if kind == "days" else _of_unit(reading.known, unit)
    if only is None:
        raise Unclear
    return only


def _is_before(reading: Reading, mention: Mention, first: int) -> bool:
    """Whether a name stands before word ``first``, with small words between at most."""
    between = reading.words[mention.end : first]
    return mention.end <= first and all(word.plain in _BETWEEN for word in between)


def _of_unit(known: Known, unit: Sequence[Word]) -> int | None:
    """Return the only column whose amounts have this unit."""
    columns = [at for at in known.columns if _is_unit(known.amounts[at], unit)]
    return columns[0] if len(columns) == 1 else None


def _is_unit(amounts: Sequence[Amount | None], words: Sequence[Word]) -> bool:
    units = {one.unit for one in amounts if one}
    terms = {term_of(word) for unit in units for word in unit.split()}
    return any(word.term in terms for word in words)
