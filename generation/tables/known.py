"""What a table has that a question may speak of: columns, cells, what cells list. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import fsum, isclose
from typing import Literal

from generation.grounding.words import STOP_WORDS, fold
from generation.tables.grid import Row, Table
from generation.tables.titles import Title
from generation.tables.values import NOTHING, Amount, Days, amounts_of, days_in_cells
from generation.tables.words import Terms, Word, stands_in, terms_in, terms_set

Kind = Literal["text", "amount", "days"]

# Between the things that one cell lists.
_PART_END = re.compile(r"\s*(?:[,;/]|\b(?:and|und)\b)\s*")
# Words of a phrase at most, of which a cell or a name may consist.
_PHRASE = 8
# Of a column's cells that name their rows, those that no other row has.
_KEY_SHARE = 0.9
# The first cell of a row that adds up the others, and of one that may.
_SUM = re.compile(
    r"(?:(?:grand |sub-?)?total|sum|overall|average|mean|gesamt(?:summe)?|summe)s?:?",
    re.IGNORECASE,
)
_MAY_BE_SUM = re.compile(r"\btotals?\b|\ball\b|summe\b|\bgesamt", re.IGNORECASE)
_NUMBER = re.compile(r"[\W_]*\d")
_NUMBER_ONLY = re.compile(r"\W*\d+\W*")
# Columns whose smallest number is the best one, and whose numbers are no amounts.
_RANKS = terms_set("rank place position pos seed pick")
_LABELS = terms_set(
    "version release phone telephone tel fax mobile zip postcode postal code id ip isbn "
    "serial extension room telefon plz"
)
# Days of such columns are those of the row itself.
_OF_ROWS = terms_set("date day year month datum tag jahr monat")
_FLAGS = frozenset(
    ("yes", "no", "y", "n", "x", "true", "false", "ja", "nein", "✓", "-")
)
_PEOPLE_COLUMNS = tuple(
    frozenset(terms_in(name))
    for name in (
        "name",
        "full name",
        "person",
        "employee",
        "member",
        "colleague",
        "player",
    )
)
# What a question says with a word, and the names of columns that tell it.
_END, _START = (
    terms_set("end until till expiry expires expiration"),
    terms_set("start begin"),
)
_PLACE = terms_set("city town location")
_TOLD_BY: dict[str, frozenset[str]] = {
    **dict.fromkeys(terms_set("end ended ending expire expired until till"), _END),
    **dict.fromkeys(terms_set("start started begin began"), _START),
    **dict.fromkeys(terms_set("located based"), _PLACE),
    "due": terms_set("due deadline"),
    "cost": terms_set("price cost"),
    "weigh": terms_set("weight"),
}
# Words of a column's name that a question may leave out.
_SMALL = terms_set("date name day on at by in of the until is no")
# A unit in a name: "Flow (l/min)", "Value in euros", "Weight kg".
_SYMBOL = r"(?:eur|€|usd|\$|gbp|£|chf|%|kg|km|m²|l/min|kwh|kw|mb|gb|tb)"
_MEASURE = (
    rf"(?:{_SYMBOL}|euros?|(?:us )?dollars?|pounds?|francs?|percent|per cent|kilos?|tons?|"
    r"tonnes?|metres?|meters?|litres?|liters?|hours?|minutes?|days?|months?|years?)"
)
_UNIT = re.compile(rf"\s*[(\[].*?[)\]]|\s+in\s+{_MEASURE}$", re.IGNORECASE)
# One without which a name says all of what it did: not "(net)", nor the "days" of leave.
_UNIT_ONLY = re.compile(
    rf"\s*[(\[](?:in )?(?:{_MEASURE}|g|t|m|l|h|hrs?|min|sec)[)\]]$"
    rf"|\s+in\s+{_MEASURE}$|\s+{_SYMBOL}$",
    re.IGNORECASE,
)
# What stands in a cell for nothing, besides marks.
_NO_VALUE = frozenset("n/a na none tbd tba n.n. vacant unknown keine".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """Words first to end of a question that the table has, in these columns.

    Attributes:
        is_value: in their cells, else in their names.
        is_whole: all of a cell, of a thing that it lists, or of a name.
    """

    first: int
    end: int
    columns: frozenset[int]
    is_value: bool
    is_whole: bool

    @property
    def places(self) -> range:
        return range(self.first, self.end)


class Known:
    """A table without its sums, as the words of a question meet it.

    Attributes:
        names, cells: terms of each column's name, and of its cells.
        bare: terms of each column's name without its unit.
        parts: of each cell, the things that it lists if it lists several.
    """

    def __init__(self, table: Table, *titles: str) -> None:
        filled = (replace(row, cells=_filled(row.cells)) for row in table.rows)
        rows = tuple(row for row in filled if not _SUM.fullmatch(_first(row)))
        self.table = replace(table, rows=rows)
        self.columns = range(len(table.names))
        self.title = Title(titles)
        self.names = [terms_in(name) for name in table.names]
        self.bare = [terms_in(_UNIT_ONLY.sub("", name)) for name in table.names]
        columns = [self.table.column(at) for at in self.columns]
        self.cells = [[terms_in(cell) for cell in cells] for cells in columns]
        self.parts = [[_parts(cell) for cell in cells] for cells in columns]
        self._whole: dict[Terms, set[int]] = defaultdict(set)
        for at in self.columns:
            for cell, parts in zip(self.cells[at], self.parts[at], strict=True):
                for terms in (cell, *parts):
                    self._whole[terms].add(at)

    @cached_property
    def amounts(self) -> list[list[Amount | None]]:
        """The amounts of each column; [] of a column of other things."""
        return [
            [] if _LABELS & {*self.names[at]} else amounts_of(self.table.column(at))
            for at in self.columns
        ]

    @cached_property
    def days(self) -> list[list[Days | None]]:
        """The days of each column; [] of a column of other things."""
        return [days_in_cells(self.table.column(at)) for at in self.columns]

    @cached_property
    def is_doubtful(self) -> bool:
        """Whether some rows may add up, or stand above, others."""
        rows = self.table.rows
        return any(map(_is_doubtful, rows)) or self._adds_up(0) or self._adds_up(-1)

    def _adds_up(self, place: int) -> bool:
        """Whether a row is the sum of all others, whatever it is called."""
        sums: list[bool] = []
        for column in filter(None, self.amounts):
            values = [one.value for one in column if one]
            if column[place] and len(values) > 2:
                sums.append(isclose(fsum(values), 2 * values[place]))
        return bool(sums) and all(sums)

    @cached_property
    def key(self) -> int | None:
        """The column that names rows: the first of words that are all but different."""
        if self.is_id(0) and not all(map(_NUMBER_ONLY.fullmatch, self.table.column(0))):
            return 0
        for at in self.columns:
            cells = [cell for cell in self.table.column(at) if cell]
            is_named = len(set(cells)) >= _KEY_SHARE * len(self.table.rows)
            if is_named and self.kind(at) == "text" and not self.has_numbers(at):
                return at
        return None

    @property
    def people(self) -> int | None:
        """The key where it names people."""
        key = self.key
        is_people = key is not None and frozenset(self.names[key]) in _PEOPLE_COLUMNS
        return key if is_people else None

    @property
    def own_days(self) -> int | None:
        """The column of the days of rows, where one alone has days, and is named so."""
        columns = [at for at in self.columns if self.kind(at) == "days"]
        if len(columns) != 1:
            return None
        name = {*self.names[columns[0]]}
        is_own = name & _OF_ROWS and name - _OF_ROWS <= self.title.things
        return columns[0] if is_own else None

    def kind(self, column: int) -> Kind:
        if self.days[column]:
            return "days"
        return "amount" if self.amounts[column] else "text"

    def has_numbers(self, column: int) -> bool:
        """Whether cells of a column of text are numbers with something else."""
        cells = [cell for cell in self.table.column(column) if cell]
        return sum(bool(_NUMBER.match(cell)) for cell in cells) * 4 > len(cells)

    def has_lists(self, column: int) -> bool:
        return any(self.parts[column])

    def is_id(self, column: int) -> bool:
        """Whether a column numbers its rows: the first one, of different single words."""
        cells = self.table.column(column)
        is_word = all(cell and not re.search(r"\s", cell) for cell in cells)
        return column == 0 and is_word and len(set(cells)) == len(cells)

    def is_flag(self, column: int) -> bool:
        """Whether cells say yes or no to the name of their column."""
        return {fold(cell) for cell in self.table.column(column)} <= _FLAGS | {""}

    def is_rank(self, column: int) -> bool:
        return bool(_RANKS & {*self.names[column]})

    def is_cell(self, word: Word) -> bool:
        """Whether some cell is this word."""
        return (word.term,) in self._whole

    def mentions(self, words: Sequence[Word]) -> list[Mention]:
        """Return what the table has of ``words``, in their order, the longest first."""
        return list(self._mentions(words))

    def _mentions(self, words: Sequence[Word]) -> Iterator[Mention]:
        at = 0
        while at < len(words):
            longest = range(min(len(words), at + _PHRASE), at, -1)
            found = next(
                (m for end in longest if (m := self._at(words, at, end))), None
            )
            if found:
                yield found
            at = found.end if found else at + 1

    def _at(self, words: Sequence[Word], first: int, end: int) -> Mention | None:
        said = words[first:end]
        terms = tuple(word.term for word in said)
        named = frozenset(
            at for at in self.columns if terms in (self.names[at], self.bare[at])
        )
        is_value = _says_enough(said) and not _is_verb(words, first)
        whole = frozenset(self._whole.get(terms, ())) if is_value else named
        inside = self._inside(said) if first else frozenset[int]()
        for columns, of_cells, is_whole in (
            (named, False, True),
            (whole, True, True),
            (
                self._partly_named(words, first) if end == first + 1 else named,
                False,
                False,
            ),
            (inside, True, False),
        ):
            if columns:
                return Mention(
                    first=first,
                    end=end,
                    columns=columns,
                    is_value=of_cells,
                    is_whole=is_whole,
                )
        return None

    def _partly_named(self, words: Sequence[Word], at: int) -> frozenset[int]:
        """Return the columns whose name has this word, or one that tells the same.

        What else the name says must be small, or in the question too: a shipping cost is
        no price.
        """
        word = words[at]
        meant = _TOLD_BY.get(word.term, frozenset()) | {word.term}
        if word.plain in STOP_WORDS and len(meant) == 1:
            return frozenset()
        asked = {one.term for one in words} | _SMALL
        return frozenset(
            column
            for column, name in enumerate(self.table.names)
            if meant & {*self.names[column]}
            and {*terms_in(_UNIT.sub("", name))} - meant <= asked
        )

    def _inside(self, said: Sequence[Word]) -> frozenset[int]:
        """Return the column of people in whose cells these are parts of names."""
        if self.people is None or not all(word.is_name for word in said):
            return frozenset()
        terms = tuple(word.term for word in said)
        is_held = any(stands_in(terms, cell) for cell in self.cells[self.people])
        return frozenset((self.people,)) if is_held else frozenset()

    def is_like(self, column: int, other: int) -> bool:
        """Whether two columns of text hold the same values, as two ratings do."""
        if column == other or "text" not in (self.kind(column), self.kind(other)):
            return False
        one, two = ({*self.cells[at]} - {()} for at in (column, other))
        return len(one & two) * 2 >= min(len(one), len(two)) > 0


def _filled(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple("" if _is_nothing(cell) else cell for cell in cells)


def _is_nothing(cell: str) -> bool:
    return not cell.strip(NOTHING) or cell.casefold() in _NO_VALUE


def _first(row: Row) -> str:
    return next((cell for cell in row.cells if cell), "")


def _is_doubtful(row: Row) -> bool:
    """Whether a row may be a sum, the head of a section, or go on with the one above."""
    is_alone = len(row.cells) > 2 and sum(map(bool, row.cells)) == 1
    return is_alone or not row.cells[0] or bool(_MAY_BE_SUM.search(row.cells[0]))


def _parts(cell: str) -> tuple[Terms, ...]:
    parts = _PART_END.split(cell)
    terms = tuple(terms_in(part) for part in parts) if len(parts) > 1 else ()
    return tuple(one for one in terms if one)


def _is_verb(words: Sequence[Word], at: int) -> bool:
    """Whether a word is what somebody does: "who leaves", where a cell is "leave"."""
    return at > 0 and words[at - 1].plain == "who" and words[at].plain.endswith("s")


def _says_enough(words: Sequence[Word]) -> bool:
    """Whether words are more than a letter, a number or "in" by itself."""
    said = words[0].plain
    is_plain = said.isdigit() or len(said) == 1
    is_small = said in STOP_WORDS and not words[0].is_capitals
    return len(words) > 1 or not (is_plain or is_small)
