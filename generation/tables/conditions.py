"""Which rows a question is about: "in Kiel", "over 100 euros", "before 2027". Pure.

Each function takes what it finds from the reading, or raises Unclear.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from generation.periods import Period
from generation.tables.known import Kind, Mention
from generation.tables.reading import Reading, Unclear
from generation.tables.values import is_full
from generation.tables.words import Word, stands_in, term_of

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
_WHEN = re.compile(
    r"\b(?:(?P<how>before|after|since|until|till|by)|in|on|during|from|of)"
    r" (?:the year |the )?$",
    re.IGNORECASE,
)


def _within(one: Period, asked: Period) -> bool:
    return _first(one) >= _first(asked) and _end(one) <= _end(asked)


_TIMES: dict[str, Callable[[Period, Period], bool]] = {
    "before": lambda one, asked: _end(one) <= _first(asked),
    "after": lambda one, asked: _first(one) >= _end(asked),
    "since": lambda one, asked: _first(one) >= _first(asked),
    "until": lambda one, asked: _end(one) <= _end(asked),
    "till": lambda one, asked: _end(one) <= _end(asked),
    "by": lambda one, asked: _end(one) <= _end(asked),
}


def take_bounds(reading: Reading) -> None:
    """Take "more than 100 points", "2 medals" and "before 2027"."""
    for at, word in enumerate(reading.words):
        mention = reading.mention_at(at)
        is_told = _is_value(reading, mention) or _is_of_title(reading, at)
        if at in reading.taken or is_told:
            continue
        bound = _BOUND.search(reading.text[: word.start])
        if word.amount is not None and (bound or not word.period):
            _take_amount(reading, at, bound)
        elif word.period:
            _take_period(reading, at, word.period)


def _is_value(reading: Reading, mention: Mention | None) -> bool:
    """Whether words stand in cells, and not as a day in a column of days."""
    if mention is None or not mention.is_value:
        return False
    return not any(reading.known.kind(column) == "days" for column in mention.columns)


def _is_of_title(reading: Reading, at: int) -> bool:
    """Whether a number belongs to a name that the title has: "Alpha 3"."""
    title = reading.known.title
    return at > 0 and title.issuperset(
        word.term for word in reading.words[at - 1 : at + 1]
    )


def _take_amount(reading: Reading, at: int, bound: re.Match[str] | None) -> None:
    word = reading.words[at]
    column = _column_near(reading, at, "amount")
    amounts = reading.amounts(column)
    is_share = reading.text[word.end :].lstrip()[:1] == "%"
    has_shares = any("%" in one.unit for one in amounts if one)
    cells = reading.known.table.column(column)
    if (is_share and not has_shares) or not is_full(amounts, cells):
        raise Unclear
    name = str(bound.lastgroup) if bound else ""
    holds = _BOUNDS[name][0] if bound else operator.eq
    start = bound.start() if bound else word.start
    reading.take_text(start, word.end)
    unit = reading.words[at + 1 : at + 2]
    if unit and _has_unit(reading, column, unit[0]):
        reading.taken.add(at + 1)
    asked = word.amount or 0.0
    rows = [i for i, one in enumerate(amounts) if one and holds(one.value, asked)]
    said = f"{reading.text[start : word.end]}{'%' * is_share}"
    reading.hold(column, said, rows, is_bound=bool(bound))


def _take_period(reading: Reading, at: int, asked: Period) -> None:
    word = reading.words[at]
    column = _column_near(reading, at, "days")
    periods = reading.known.periods[column]
    if not is_full(periods, reading.known.table.column(column)):
        raise Unclear
    match = _WHEN.search(reading.text[: word.start])
    how = (match["how"] or "").lower() if match else ""
    start = match.start() if match else word.start
    reading.take_text(start, word.end)
    holds = _TIMES.get(how, _within)
    rows = [i for i, one in enumerate(periods) if one and holds(one, asked)]
    said = f"{how or 'in'} {word.text}"
    reading.hold(column, said, rows, is_bound=bool(how))


def _column_near(reading: Reading, at: int, kind: Kind) -> int:
    """Return the column of a number: the nearest that is named, or the only one.

    Raises:
        Unclear
    """
    named = [
        (min(abs(at - place) for place in mention.places), column, mention)
        for mention in reading.named
        for column in mention.columns
        if reading.known.kind(column) == kind
    ]
    if named:
        least = min(distance for distance, _, _ in named)
        nearest = [(column, m) for distance, column, m in named if distance == least]
        if len({column for column, _ in nearest}) > 1:
            raise Unclear
        column, mention = nearest[0]
        reading.take(mention)
        return column
    only = (
        reading.known.only("days") if kind == "days" else _column_of_unit(reading, at)
    )
    if only is None:
        raise Unclear
    return only


def _column_of_unit(reading: Reading, at: int) -> int | None:
    """Return the only column whose amounts have the unit that follows a number."""
    unit = next(iter(reading.words[at + 1 : at + 2]), None)
    columns = [
        column
        for column in reading.known.columns
        if unit and _has_unit(reading, column, unit)
    ]
    return columns[0] if len(columns) == 1 else None


def _has_unit(reading: Reading, column: int, unit: Word) -> bool:
    units = {one.unit for one in reading.amounts(column) if one}
    return unit.term in {term_of(word) for said in units for word in said.split()}


def take_values(reading: Reading, *, is_strict: bool) -> None:
    """Take what stands in cells.

    Args:
        is_strict: whether a name that is but a part of a cell is too little.
    """
    for mention in reading.mentions:
        if not mention.is_value or reading.is_taken(mention):
            continue
        if is_strict and not mention.is_whole:
            raise Unclear
        column = _column_of(reading, mention)
        reading.take(mention)
        reading.hold(
            column, reading.said(mention), _rows_with(reading, column, mention)
        )


def _column_of(reading: Reading, mention: Mention) -> int:
    """Return the column that a value is meant of: the only one, or one named beside it.

    Raises:
        Unclear
    """
    if len(mention.columns) == 1:
        return next(iter(mention.columns))
    beside = [
        other
        for other in reading.named
        if mention.first - other.end in (0, 1) or other.first - mention.end in (0, 1)
    ]
    shared = {column for other in beside for column in other.columns & mention.columns}
    if len(shared) != 1:
        raise Unclear
    for other in beside:
        reading.take(other)
    return next(iter(shared))


def _rows_with(reading: Reading, column: int, mention: Mention) -> list[int]:
    terms, known = reading.terms(mention), reading.known
    cells = enumerate(zip(known.cells[column], known.parts[column], strict=True))
    if mention.is_whole:
        return [i for i, (cell, parts) in cells if terms == cell or terms in parts]
    return [i for i, (cell, _) in cells if stands_in(terms, cell)]


def _first(period: Period) -> str:
    return str(period.after)


def _end(period: Period) -> str:
    return str(period.before)
