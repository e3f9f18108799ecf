"""Values as their number formats show them (ECMA-376, 18.8.30 and 18.8.31). Pure.

What is written is what Excel shows in an English locale, but where that would be read
as something else: a negative number has a minus, where a format may put it in brackets
or only paint it red, and days are in ISO order. A format that is not known in full
gives nothing, and the value is written as it is.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

Value = int | float | date | time | timedelta


class _Token(NamedTuple):
    """A part of a format: its kind is the name of a group of ``_TOKEN``."""

    kind: str
    text: str


_Section = tuple[_Token, ...]

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]'
    # As wide as a sign, and a sign that fills the cell.
    r"|_(?P<space>.)|\*(?P<fill>.)"
    r"|\[(?P<colour>black|blue|cyan|green|magenta|red|white|yellow|colou?r ?\d+)\]"
    r"|\[(?P<elapsed>h+|m+|s+)\]|(?P<unit>y+|m+|d+|h+|s+(?:\.0+)?)"
    r"|(?P<half>am/pm|a/p)|(?P<general>general)|(?P<text>@)|(?P<end>;)"
    r"|(?P<digits>[0#?][0#?,]*(?:\.[0#?]*)?,*|\.[0#?]+,*)"
    r"|(?P<plain>[^\w\[\]\\\"@*#?])",
    re.IGNORECASE,
)
_LITERAL = frozenset(("quoted", "escaped", "currency", "space", "plain"))
_NUMBER = frozenset(("digits", "general"))
_PERCENT = _Token("plain", "%")
# Excel takes no longer ones.
_MAX_CHARS = 255
# A float holds each whole number below.
_MAX_NUMBER = 10**15
_MAX_PLACES, _MAX_COMMAS = 10, 4
_MS_A_SECOND, _MS_A_DAY = 1_000, 86_400_000
_THOUSANDS = re.compile(r"(?<=\d)(?=(?:\d{3})+$)")
_LETTER = re.compile(r"[^\W\d_]")
# Day 0 of the calendar that Excel counts in, and of the older one of the Macintosh.
_DAY_0, _DAY_0_OF_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - days of no zone


def formatted(value: Value, code: str) -> str | None:
    """Return ``value`` as the format shows it, None if the format is not known."""
    if code == "General" or isinstance(value, bool):
        return None
    sections = _sections(code)
    if sections is None:
        return None
    if isinstance(value, int | float):
        return _number(value, code, len(sections))
    return _moment(value, sections[0])


def formatted_number(number: float, code: str, *, is_1904: bool = False) -> str | None:
    """Return a number as the format shows it: of days, if that is what it counts.

    None if the format is not known, or there is no such day.
    """
    first, *_ = _sections(code) or ((),)
    kinds = {token.kind for token in first}
    if not kinds & {"unit", "elapsed"}:
        return formatted(number, code)
    try:
        passed = timedelta(milliseconds=round(number * _MS_A_DAY))
        day = (_DAY_0_OF_1904 if is_1904 else _DAY_0) + passed
    except (OverflowError, ValueError):
        return None
    return formatted(passed if "elapsed" in kinds else day, code)


@lru_cache(maxsize=512)
def _sections(code: str) -> tuple[_Section, ...] | None:
    """Return the sections of a format, None if a part of it is not known."""
    sections: list[list[_Token]] = [[]]
    at = 0
    while at < len(code):
        match = _TOKEN.match(code, at)
        if match is None or len(code) > _MAX_CHARS:
            return None
        at, kind = match.end(), match.lastgroup or "quoted"
        if kind == "end":
            sections.append([])
        elif kind not in {"fill", "colour"}:
            text = " " if kind == "space" else match[kind]
            sections[-1].append(_Token(kind, text))
    return tuple(map(tuple, sections))


# --- Numbers ---------------------------------------------------------------


class _Pattern(NamedTuple):
    """How a section writes a number.

    Attributes:
        head: what stands before the digits; ``tail`` behind them.
        step: the last digit that is shown; None for a number as it is.
        shift: powers of ten that it is multiplied by.
        whole: digits before the point that are shown at least.
        least: digits behind it that are shown at least.
        spelled: how Python spells it: ",f" with a comma at thousands, or "f".
    """

    head: str
    tail: str
    step: Decimal | None = None
    shift: int = 0
    whole: int = 1
    least: int = 0
    spelled: str = "f"


def _number(value: float, code: str, count: int) -> str | None:
    if not abs(value) < _MAX_NUMBER:
        return None
    at = 1 if value < 0 and count > 1 else 2 if value == 0 and count > 2 else 0
    pattern = _pattern(code, at)
    if pattern is None or isinstance(pattern, str):
        return pattern
    digits = _digits(abs(value), pattern)
    sign = "-" if value < 0 and digits.strip("0.,") else ""
    return f"{sign}{pattern.head}{digits}{pattern.tail}"


@lru_cache(maxsize=512)
def _pattern(code: str, at: int) -> _Pattern | str | None:
    """Return how a section writes numbers: with digits, a word, None if not known."""
    section = (_sections(code) or ())[at]
    places = [i for i, token in enumerate(section) if token.kind in _NUMBER]
    if len(places) > 1 or any(t.kind not in _LITERAL | _NUMBER for t in section):
        return None
    if not places:
        # Such as "Yes". A dash for zero would be read as no value at all.
        word = _joined(section)
        return word.strip() if _LETTER.search(word) else None
    head, tail = _joined(section[: places[0]]), _joined(section[places[0] + 1 :])
    if at:
        head, tail = re.sub(r"[(\-−]", "", head), tail.rstrip(" )-−")
    around = _Pattern(head.lstrip(), tail.rstrip())
    return _with_digits(around, section[places[0]], section.count(_PERCENT))


def _joined(tokens: _Section) -> str:
    return "".join(token.text for token in tokens)


def _with_digits(around: _Pattern, token: _Token, percents: int) -> _Pattern | None:
    digits = token.text.rstrip(",")
    whole, _, places = digits.partition(".")
    # Each comma behind the digits divides by a thousand.
    commas = len(token.text) - len(digits) + len(whole) - len(whole.rstrip(","))
    if percents > 1 or commas > _MAX_COMMAS or len(places) > _MAX_PLACES:
        return None
    pattern = around._replace(shift=2 * percents - 3 * commas)
    if token.kind == "general":
        return pattern
    return pattern._replace(
        step=Decimal(1).scaleb(-len(places)),
        # ".5" is seldom taken for a number.
        whole=max(1, whole.count("0")),
        least=len(places.rstrip("#?")),
        spelled=",f" if "," in whole.rstrip(",") else "f",
    )


def _digits(value: float, pattern: _Pattern) -> str:
    """Return the digits of a number that is not negative."""
    exact = Decimal(value if isinstance(value, int) else f"{value:.15g}")
    if pattern.shift:
        exact = exact.scaleb(pattern.shift)
    if pattern.step is None:
        return f"{exact:f}"
    rounded = exact.quantize(pattern.step, ROUND_HALF_UP)
    before, _, behind = f"{rounded:{pattern.spelled}}".partition(".")
    if pattern.whole > 1:
        before = before.replace(",", "").zfill(pattern.whole)
        if pattern.spelled == ",f":
            before = _THOUSANDS.sub(",", before)
    if len(behind) > pattern.least:
        behind = behind[: pattern.least] + behind[pattern.least :].rstrip("0")
    if len(behind) == len("000") and pattern.spelled == "f":
        # By itself 1.500 may be 1,500 as well.
        behind = behind.rstrip("0")
    return f"{before}.{behind}" if behind else before


# --- Days and times --------------------------------------------------------


def _moment(value: date | time | timedelta, section: _Section) -> str | None:
    units = _units(section)
    if {"y", "month", "d"} & {*units}:
        return _day(value, units)
    at_ms = _since_midnight(value)
    is_known = all(
        token.kind in _LITERAL or unit
        for token, unit in zip(section, units, strict=True)
    )
    if at_ms < 0 or not any(units) or not is_known:
        return None
    has_halves = "half" in units
    parts = (
        _part(at_ms, token.text, unit, has_halves=has_halves)
        for token, unit in zip(section, units, strict=True)
    )
    return "".join(parts).strip()


def _units(section: _Section) -> list[str]:
    """Return what each part of a format counts, "" for those that count nothing.

    An m is minutes between hours and seconds, and else the month.
    """
    letters = [
        token.text[0].lower() if token.kind in {"unit", "elapsed", "half"} else ""
        for token in section
    ]
    said = [(i, letter) for i, letter in enumerate(letters) if letter]
    for at, (i, letter) in enumerate(said):
        kind = section[i].kind
        before, behind = said[at - 1][1] if at else "", said[at + 1 : at + 2]
        if kind == "half":
            letters[i] = "half"
        elif kind == "elapsed":
            letters[i] = f"all {letter}"
        elif letter == "m" and before != "h" and [two for _, two in behind] != ["s"]:
            letters[i] = "month"
    return letters


def _day(value: date | time | timedelta, units: list[str]) -> str | None:
    """Return a day, month or year in ISO order, with the time that the format has."""
    if not isinstance(value, date):
        return None
    text = value.isoformat()[: len("2024-03-09")]
    if "d" not in units and "y" in units:
        text = text[: len("2024-03" if "month" in units else "2024")]
    if "h" in units and isinstance(value, datetime) and value.time() != time():
        precision = "seconds" if "s" in units else "minutes"
        text += f" {value.time().isoformat(precision)}"
    return text


def _since_midnight(value: date | time | timedelta) -> int:
    """Return the milliseconds of a duration, or those of its day that have passed."""
    if isinstance(value, timedelta):
        return round(value / timedelta(milliseconds=1))
    at = value.time() if isinstance(value, datetime) else value
    if not isinstance(at, time):
        return 0
    seconds = at.hour * 3_600 + at.minute * 60 + at.second
    return seconds * _MS_A_SECOND + at.microsecond // 1_000


def _part(at_ms: int, text: str, unit: str, *, has_halves: bool) -> str:
    """Return what a part of a format shows of a time; what counts nothing as it is."""
    seconds = at_ms // _MS_A_SECOND
    hour = seconds // 3_600 % 24
    counts = {
        "all h": seconds // 3_600,
        "all m": seconds // 60,
        "all s": seconds,
        "h": (hour - 1) % 12 + 1 if has_halves else hour,
        "m": seconds // 60 % 60,
        "s": seconds % 60,
    }
    if unit == "half":
        return ("PM" if hour >= 12 else "AM")[: len(text) // 2]  # AM/PM or A/P
    if unit not in counts:
        return text
    whole, dot, places = text.partition(".")
    fraction = f"{at_ms % _MS_A_SECOND:03}".ljust(len(places), "0")[: len(places)]
    return f"{counts[unit]:0{len(whole)}}{dot}{fraction}"
