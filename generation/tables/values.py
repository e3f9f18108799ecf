"""What cells hold besides words: amounts and days. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from generation.everything.periods import MONTHS, days_of

# One number with its sign, and a currency or a unit of a word or two around it; behind
# it what brackets add. A minus may stand before the currency.
_AMOUNT = re.compile(
    r"(?P<minus>[-−–]?)(?P<before>(?:US)?\$|[€£¥]|USD|EUR|GBP|CHF|)\s?(?P<sign>[-−–+]?)"
    r"(?P<number>\d{1,3}(?:[ '’]\d{3})+|\d+(?:[.,]\d+)*)"
    r"(?P<behind>\s?[%‰°$€£¥]?(?:\s?[^\W\d_]+[²³]?(?:/[^\W\d_]+)?\.?){0,2})"
    r"(?:\s?\([^)]*\)|\s?\[[^\]]*\])*"
)
_COMMA_IS_DECIMAL = re.compile(r"\d,\d{1,2}(?!\d)|\.\d{3},\d|(?<!\d)0,\d")
_POINT_IS_DECIMAL = re.compile(r"\d\.\d{1,2}(?!\d)|\.\d{4}|,\d{3}\.\d|,\d{3},\d{3}")
# Longer cells are sentences.
_AMOUNT_CHARS = 60
# 1.200 is a little more than one, or 1,200.
_EITHER = re.compile(r"[1-9]\d{0,2}\.\d{3}(?!\d)")
_MONTH = "|".join(f"{month[:3]}(?:{month[3:]})?" for month in MONTHS)
#: A day, month or year; its groups are y, m and d with a number behind.
DAY = re.compile(
    rf"(?:(?P<y1>\d{{4}})-(?P<m1>\d{{2}})(?:-(?P<d1>\d{{2}}))?(?:[ T]\d\d:\d\d(?::\d\d)?)?"
    r"|(?P<d2>\d{1,2})\.(?P<m2>\d{1,2})\.(?P<y2>\d{4})"
    rf"|(?P<d3>\d{{1,2}})(?:st|nd|rd|th|\.)? (?P<m3>{_MONTH})\.?,? (?P<y3>\d{{4}})"
    rf"|(?P<m4>{_MONTH})\.? (?P<d4>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y4>\d{{4}})"
    rf"|(?P<m5>{_MONTH})\.?,? (?P<y5>\d{{4}})|(?P<y6>(?:1[5-9]|20)\d\d))(?![\w/-])",
    re.IGNORECASE,
)
# What people write into a cell that has nothing.
NOTHING = " -–—?/"
# Of a column's filled cells, those that hold what the column is taken to hold.
_MOST = 0.8


@dataclass(frozen=True, slots=True)
class Amount:
    """``unit`` stands around the number, in small letters, "" for none."""

    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Days:
    """From ``first`` on and earlier than ``end``: a day, a month or a year."""

    first: dt.date
    end: dt.date

    def lies_in(self, other: Days) -> bool:
        return self.first >= other.first and self.end <= other.end


def amounts_of(cells: Sequence[str]) -> list[Amount | None]:
    """Return the amount of each cell, None for cells without; [] if most have none.

    How its numbers are written is told from the whole column; 1.200 alone is not told.
    """
    text = "\n".join(cells)
    has_comma = bool(_COMMA_IS_DECIMAL.search(text))
    has_point = bool(_POINT_IS_DECIMAL.search(text))
    if has_comma == has_point and (has_comma or _EITHER.search(text)):
        return []
    amounts = [_amount(cell, is_comma=has_comma) for cell in cells]
    return amounts if _is_most(amounts, cells) else []


def _amount(cell: str, *, is_comma: bool) -> Amount | None:
    match = _AMOUNT.fullmatch(cell.strip()) if len(cell) <= _AMOUNT_CHARS else None
    if match is None:
        return None
    plain = re.sub(r"[ '’]", "", match["number"])
    plain = (
        plain.replace(".", "").replace(",", ".") if is_comma else plain.replace(",", "")
    )
    if plain.count(".") > 1:
        return None
    value = float(plain)
    is_negative = bool(match["minus"]) or match["sign"] in {"-", "−", "–"}
    unit = f"{match['before']} {match['behind']}".strip().lower()
    return Amount(-value if is_negative and value else value, unit)


def days_in_cells(cells: Sequence[str]) -> list[Days | None]:
    """Return the days of each cell, None for cells without; [] if most have none."""
    found = [days_in(cell) for cell in cells]
    return found if _is_most(found, cells) else []


def days_in(text: str) -> Days | None:
    """Return the days of a text that is a date, a month or a year, None of any other."""
    match = DAY.fullmatch(text.strip())
    return days_at(match) if match else None


def days_at(match: re.Match[str]) -> Days | None:
    """Return the days of a match of ``DAY``, None if there is no such day."""
    found = {name[0]: value for name, value in match.groupdict().items() if value}
    month, day = found.get("m", ""), found.get("d", "")
    try:
        if month and not month.isdigit():
            month = str(1 + [name[:3] for name in MONTHS].index(month[:3].lower()))
        parts = [found["y"], *(part for part in (month, day) if part)]
        first, end = days_of("-".join(parts))
    except ValueError:
        return None
    return Days(first, end)


def is_full(found: Sequence[object | None], cells: Sequence[str]) -> bool:
    """Whether each cell has what its column holds, but for those without anything."""
    return all(
        one is not None or not cell.strip(NOTHING)
        for one, cell in zip(found, cells, strict=True)
    )


def _is_most(found: Sequence[object | None], cells: Sequence[str]) -> bool:
    filled = sum(bool(cell.strip(NOTHING)) for cell in cells)
    return bool(filled) and sum(one is not None for one in found) >= _MOST * filled
