"""Days that a question names: "since 2024", "added last month". Pure."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_DATE = (
    rf"(?:\d{{4}}-\d{{2}}-\d{{2}}|\d{{4}}-\d{{2}}|(?:{'|'.join(MONTHS)}) \d{{4}}"
    r"|(?:19|20)\d{2})"
)
_ADDED = (
    r"(?:(?:that |which )?(?:(?:were|was|are|have been|has been) )?(?:added|uploaded) )"
)
# A bare "since 2024" ends a question; anything else may be what it is about, so it
# counts only behind "added".
_PERIOD = re.compile(
    rf"\s*\b(?:{_ADDED}(?P<how>since|after|before|in|during|from|on) (?P<when>{_DATE})"
    rf"|(?P<since>since) (?P<day>{_DATE})"
    rf"|{_ADDED}(?:in |within |during )?(?:the )?(?P<relative>today|yesterday"
    r"|this (?:week|month|year)|(?:last|past) (?:\d{1,3} )?(?:days?|weeks?|months?|years?))"
    r")\s*$",
    re.IGNORECASE,
)


# "From 2023" is what a document is of, which only its readers know; "for 2000-X" is not.
_IS_OF = re.compile(
    r"(?:that |which )?(?:are |is |were |was )?(?:dated |written |signed |issued |made )?"
    rf"(?:from|of|in|for|before|after|until|between|during) {_DATE}(?![\w/-])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From ``after`` on and earlier than ``before``; None is open."""

    after: dt.date | None = None
    before: dt.date | None = None

    def __str__(self) -> str:
        since = f"since {self.after}" if self.after else ""
        until = f"before {self.before}" if self.before else ""
        return " and ".join(part for part in (since, until) if part)

    def __bool__(self) -> bool:
        return bool(self.after or self.before)


ALWAYS = Period()


def cut_period(text: str, today: dt.date) -> tuple[str, Period]:
    """Return ``text`` without the period at its end, and the period."""
    match = _PERIOD.search(text)
    if match is None:
        return text, ALWAYS
    try:
        period = _period(match, today)
    except ValueError:  # no such day
        return text, ALWAYS
    return text[: match.start()], period


def is_of_day(text: str) -> bool:
    """Whether ``text``, after "documents", begins with the time that these are of."""
    return bool(_IS_OF.match(text.strip()))


def _period(match: re.Match[str], today: dt.date) -> Period:
    if match["relative"]:
        return _relative(match["relative"].lower(), today)
    first, end = days_of(match["when"] or match["day"])
    how = (match["how"] or match["since"]).lower()
    if how in {"since", "from"}:
        return Period(after=first)
    if how == "after":
        return Period(after=end)
    if how == "before":
        return Period(before=first)
    return Period(after=first, before=end)


def days_of(text: str) -> tuple[dt.date, dt.date]:
    """Return the first day of "2025", "2025-03", "March 2025", and the day after the last.

    Raises:
        ValueError: there is no such day.
    """
    words = text.lower().split()
    if len(words) == 2:
        text = f"{words[1]}-{MONTHS.index(words[0]) + 1:02}"
    numbers = [int(part) for part in text.split("-")]
    first = dt.date(*([*numbers, 1, 1])[:3])
    if first.year == dt.MAXYEAR:  # "never"; no day is after it
        return first, dt.date.max
    if len(numbers) == 3:
        return first, first + dt.timedelta(days=1)
    return first, _months_on(first, 1 if len(numbers) == 2 else 12)


def _relative(words: str, today: dt.date) -> Period:
    unit = words.rsplit(maxsplit=1)[-1].rstrip("s")
    if words == "today":
        return Period(after=today)
    if words == "yesterday":
        return Period(after=today - dt.timedelta(days=1), before=today)
    count = re.search(r"\d+", words)
    if count or unit == "day":
        return Period(after=_back(today, int(count[0]) if count else 1, unit))
    begin = _begin_of(unit, today)
    if words.startswith("this"):
        return Period(after=begin)
    return Period(after=_back(begin, 1, unit), before=begin)


def _begin_of(unit: str, today: dt.date) -> dt.date:
    if unit == "week":
        return today - dt.timedelta(days=today.weekday())
    return today.replace(day=1) if unit == "month" else today.replace(month=1, day=1)


def _back(day: dt.date, count: int, unit: str) -> dt.date:
    if unit in {"day", "week"}:
        return day - dt.timedelta(days=count * (7 if unit == "week" else 1))
    return _months_on(day, -count * (12 if unit == "year" else 1))


def _months_on(day: dt.date, months: int) -> dt.date:
    """Return the same day so many months on, or the 28th where that may not exist."""
    at = day.year * 12 + day.month - 1 + months
    return dt.date(at // 12, at % 12 + 1, min(day.day, 28))
