"""Which of several documents is the latest, and by which date. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.dating import Dated, date_in
from retrieval.everything import Listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The documents of the latest date, of those that were compared.

    Attributes:
        rows: several, where they have the same date.
        is_by_name: the date stands in their names; else it is the day on which they
            were added.
        compared: documents that have such a date.
    """

    rows: tuple[Listed, ...]
    date: str
    is_by_name: bool
    compared: int

    @property
    def how(self) -> str:
        if self.is_by_name:
            return f"by the date in its name, {self.date}"
        return f"by the day it was added, {self.date}"

    @property
    def note(self) -> str:
        if self.is_by_name:
            return f"dated {self.date} in its name"
        return f"added {self.date}"


def newest_of(rows: Sequence[Listed], *, is_oldest: bool = False) -> Newest | None:
    """Return the latest, or the oldest, of ``rows``; None of none.

    People write dates into names, and an archive is added on one day: where two
    names hold a date, those are compared. Else it is the day of adding.
    """
    named = [(found, row) for row in rows if (found := _named_date(row))]
    is_by_name = bool(named) and len(named) >= min(2, len(rows))
    added = [(Dated(row.added, str(row.added)), row) for row in rows]
    dated = named if is_by_name else added
    if not dated:
        return None
    choose = min if is_oldest else max
    best = choose(found for found, _ in dated)
    return Newest(
        rows=tuple(row for found, row in dated if found.day == best.day),
        date=best.text,
        is_by_name=is_by_name,
        compared=len(dated),
    )


def _named_date(row: Listed) -> Dated | None:
    return date_in(row.name) or date_in(row.title)
