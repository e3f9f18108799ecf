"""The day that a document's name speaks of: "Report 2024-03.pdf". Pure.

Files hold no date of their own that could be relied on, and those of an archive are
all added on one day; people write the date into the name.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

# English, French, German, Spanish and Italian.
_MONTHS = (
    "jan(?:uary?|vier)?|ene(?:ro)?|gen(?:naio)?",
    "feb(?:ruary?|rero|braio)?|f[ée]v(?:rier)?", "mar(?:ch|s|zo)?|märz",
    "apr(?:ile?)?|avril|abr(?:il)?", "mayo?|mai|maggio", "june?|junio?|juin|giugno",
    "july?|julio?|juillet|luglio", "aug(?:ust)?|ao[uû]t|ago(?:sto)?",
    "sept?(?:ember|embre|iembre)?|setiembre|settembre",
    "o[ck]t(?:ober|obre|ubre)?|ottobre", "nov(?:ember|i?embre)?",
    "d[eé][cz](?:ember|embre)?|dic(?:iembre|embre)?",
)  # fmt: skip
# As a word of its own: Summary and Marketing are no March.
_NAME = rf"(?<![^\W\d_])(?P<name>{'|'.join(_MONTHS)})(?![^\W\d_])"
_YEAR = r"(?P<year>(?:19|20)\d{2})"
_MONTH, _DAY = r"(?P<month>0[1-9]|1[0-2])", r"(?P<day>0?[1-9]|[12]\d|3[01])"
_TH = r"(?:st|nd|rd|th)?"
# Between the parts stands what file names have there, and a comma in sentences, or the
# "de" of Spanish.
_BETWEEN = r"(?:[-_ ]del?[-_ ]|[-_., ]{0,2})"
# The most exact form first.
_FORMS = tuple(
    re.compile(rf"(?<!\d){form}(?!\d)", re.IGNORECASE)
    for form in (
        rf"{_YEAR}[-_. ]?{_MONTH}[-_. ]?(?P<day>0[1-9]|[12]\d|3[01])",
        # Not 1.2_2023, which is a version and a year.
        rf"{_DAY}(?P<sep>[-_. ])(?P<month>0?[1-9]|1[0-2])(?P=sep){_YEAR}",
        rf"{_NAME}{_BETWEEN}{_DAY}{_TH}{_BETWEEN}(?<!\d){_YEAR}",
        # Not the number of "v3 March 2024" or of a quarter.
        rf"(?<![^\W_]){_DAY}{_TH}{_BETWEEN}{_NAME}{_BETWEEN}{_YEAR}",
        rf"{_YEAR}{_BETWEEN}{_NAME}{_BETWEEN}{_DAY}",
        rf"{_NAME}{_BETWEEN}{_YEAR}",
        rf"{_YEAR}[-_. ]{_NAME}",
        rf"(?<![^\W\d_])(?P<part>Q[1-4]|H[12]){_BETWEEN}{_YEAR}",
        rf"{_YEAR}{_BETWEEN}(?P<part>Q[1-4]|H[12])",
        rf"{_YEAR}[-_. ]{_MONTH}",
        # By itself: Q03-2024 is no March.
        rf"(?<![^\W\d_]){_MONTH}[-_./]{_YEAR}",
        # Of two digits only where they can be nothing else: "March 24" is a day.
        r"(?<![^\W\d_])(?P<part>Q[1-4]|H[12])[-_ ]{0,2}['’]?(?P<year>\d\d)(?![^\W_])",
        rf"{_YEAR}",
    )
)
# 2011-12, but not 2011-12-05.
_YEAR_TO_YEAR = re.compile(r"(?<!\d)(?:19|20)(\d\d)[-–_/. ](\d\d)(?![-_. ]?\d)")
# The thing AX-2000. Of other years it may be a department, HR-2024.
_MODEL = re.compile(r"(?<![^\W_])(?!FY)[A-Z]{1,3}-?(?:19|20)00(?!\d)")
# ISO 27001-2022: its edition tells a document's year only if nothing else does. Not the
# 2024 of "List by ISO 2024-03".
_STANDARD = re.compile(
    r"(?<![^\W_])(?:(?:ISO|IEC|IEEE|DIN|ANSI|ASTM|RFC)[-_/ ]?(?:EN[-_/ ]?)?)+"
    r"(?!(?:19|20)\d\d(?![-:](?:19|20)\d\d))"
    r"\d{2,5}(?:[-:]\d{1,2})?(?:[-:](?P<edition>(?:19|20)\d\d))?(?!\d)",
    re.IGNORECASE,
)


class Dated(NamedTuple):
    """The first day of what a name names, and the day, month or part of a year itself."""

    day: dt.date
    text: str


def date_in(name: str) -> Dated | None:
    """Return the most exact date of a name, None if it has none."""
    name = _YEAR_TO_YEAR.sub(_first_year, _MODEL.sub(" ", name))
    return _date_in(_STANDARD.sub(" ", name)) or _date_in(
        _STANDARD.sub(r" \g<edition> ", name)
    )


def _date_in(name: str) -> Dated | None:
    for form in _FORMS:
        match = form.search(name)
        if match is None:
            continue
        parts = match.groupdict()
        if parts.get("part"):
            return _of_part(int(f"20{parts['year']}"[-4:]), parts["part"].upper())
        month = parts.get("month") or ""
        if parts.get("name"):
            month = str(_month_of(parts["name"]))
        given = [int(part) for part in (parts["year"], month, parts.get("day")) if part]
        try:
            day = dt.date(*([*given, 1, 1][:3]))
        except ValueError:  # 31 February
            continue
        return Dated(day, day.isoformat()[: (4, 7, 10)[len(given) - 1]])
    return None


def _first_year(match: re.Match[str]) -> str:
    """Return the year of 2011-12 alone, which is a business year and no December."""
    is_next = int(match[2]) == (int(match[1]) + 1) % 100
    return match[0][:4] if is_next else match[0]


def _month_of(name: str) -> int:
    forms = enumerate(_MONTHS, 1)
    return next(at for at, form in forms if re.fullmatch(form, name, re.IGNORECASE))


def _of_part(year: int, part: str) -> Dated:
    """Return the date of a quarter, "Q3", or of half a year, "H2"."""
    months = 3 if part[0] == "Q" else 6
    return Dated(dt.date(year, months * (int(part[1]) - 1) + 1, 1), f"{part} {year}")
