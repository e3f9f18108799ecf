"""The day that a document's name speaks of: "Report 2024-03.pdf". Pure.

Files hold no date of their own that could be relied on, and those of an archive are
all added on one day; people write the date into the name.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905 - reads as the calendar
_YEAR = r"(?P<year>(?:19|20)\d{2})"
# The most exact form first. Between the parts stands what file names have there.
_FORMS = tuple(
    re.compile(rf"(?<!\d){form}(?!\d)", re.IGNORECASE)
    for form in (
        rf"{_YEAR}[-_. ]?(?P<month>0[1-9]|1[0-2])[-_. ]?(?P<day>0[1-9]|[12]\d|3[01])",
        rf"(?P<day>0?[1-9]|[12]\d|3[01])[-_. ](?P<month>0?[1-9]|1[0-2])[-_. ]{_YEAR}",
        rf"(?P<name>{'|'.join(_MONTHS)})[a-z]{{0,6}}[-_. ]?{_YEAR}",
        rf"{_YEAR}[-_. ](?P<name>{'|'.join(_MONTHS)})[a-z]{{0,6}}",
        rf"{_YEAR}[-_. ](?P<month>0[1-9]|1[0-2])",
        rf"{_YEAR}",
    )
)


class Dated(NamedTuple):
    """The first day of what a name names, and the day, month or year itself."""

    day: dt.date
    text: str


def date_in(name: str) -> Dated | None:
    for form in _FORMS:
        match = form.search(name)
        if match is None:
            continue
        parts = match.groupdict()
        month = parts.get("month") or ""
        if parts.get("name"):
            month = str(_MONTHS.index(parts["name"].lower()) + 1)
        given = [int(part) for part in (parts["year"], month, parts.get("day")) if part]
        try:
            day = dt.date(*([*given, 1, 1][:3]))
        except ValueError:  # 31 February
            continue
        return Dated(day, day.isoformat()[: (4, 7, 10)[len(given) - 1]])
    return None
