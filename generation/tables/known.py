"""What a table has that a question may speak of: columns, cells, what cells list. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from generation.periods import Period
from generation.tables.grid import Row, Table
from generation.tables.values import Amount, amounts_of, periods_of
from generation.tables.words import Terms, Word, stands_in, terms_in, terms_set
from generation.words import NEGATIONS, STOP_WORDS

Kind = Literal["text", "amount", "days"]

# Between the things that one cell lists.
_BETWEEN = re.compile(r"\s*(?:[,;/()\[\]]|\b(?:and|und)\b)\s*")
# Words of a phrase at most, of which a cell or a name may consist.
_PHRASE = 8
# Of a column's cells that name their rows, those that no other row has.
_KEY_SHARE = 0.9
# How rows begin that add up the others.
_SUMS = re.compile(
    r"(?:(?:grand |sub-?)?totals?|all|sum|overall|combined|average|mean|gesamt|summe)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[\W_]*\d")
_NUMBER_ONLY = re.compile(r"\W*\d+\W*")
# Columns whose smallest number is the best one.
_RANKS = terms_set("rank place position pos seed pick")
# A question's word and a column's name that speak of the same.
_ALIKE = tuple(
    map(
        terms_set,
        (
            "end ends ended ending expire expires expired expiry until till due deadline",
            "start starts started begin begins began",
            "cost costs price priced",
            "located based city town location place site address",
            "weigh weighs weight",
        ),
    )
)


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
        title: terms of the names of the document and of what the table stands under.
        names, cells: terms of each column's name, and of its cells.
        parts: of each cell, the things that it lists.
    """

    def __init__(self, table: Table, title: str = "") -> None:
        self.table = replace(
            table, rows=tuple(row for row in table.rows if not _is_sum(row))
        )
        self.columns = range(len(table.names))
        self.title = _title(title)
        self.names = [terms_in(name) for name in table.names]
        filled = [self.table.column(at) for at in self.columns]
        self.cells = [[terms_in(cell) for cell in cells] for cells in filled]
        self.parts = [[_parts(cell) for cell in cells] for cells in filled]
        self._whole: dict[Terms, set[int]] = defaultdict(set)
        self._single: dict[str, set[int]] = defaultdict(set)
        for at in self.columns:
            for cell, parts in zip(self.cells[at], self.parts[at], strict=True):
                for terms in (cell, *parts):
                    self._whole[terms].add(at)
                for term in cell:
                    self._single[term].add(at)

    @cached_property
    def amounts(self) -> list[list[Amount | None]]:
        """The amounts of each column; [] of a column of other things."""
        return [amounts_of(self.table.column(at)) for at in self.columns]

    @cached_property
    def periods(self) -> list[list[Period | None]]:
        """The days of each column; [] of a column of other things."""
        return [periods_of(self.table.column(at)) for at in self.columns]

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

    def kind(self, column: int) -> Kind:
        if self.periods[column]:
            return "days"
        return "amount" if self.amounts[column] else "text"

    def only(self, kind: Kind) -> int | None:
        """Return the one column of a kind, None if there is none, or more."""
        columns = [at for at in self.columns if self.kind(at) == kind]
        return columns[0] if len(columns) == 1 else None

    def has_numbers(self, column: int) -> bool:
        """Whether cells of a column of text are numbers with something else."""
        cells = [cell for cell in self.table.column(column) if cell]
        return sum(bool(_NUMBER.match(cell)) for cell in cells) * 4 > len(cells)

    def is_id(self, column: int) -> bool:
        """Whether a column numbers its rows: the first one, of different single words."""
        cells = self.table.column(column)
        is_word = all(cell and not re.search(r"\s", cell) for cell in cells)
        return column == 0 and is_word and len(set(cells)) == len(cells)

    def is_rank(self, column: int) -> bool:
        return bool(_RANKS & {*self.names[column]})

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
        named = frozenset(at for at in self.columns if self.names[at] == terms)
        whole = frozenset(self._whole.get(terms, ())) if _says_enough(said) else named
        partly = self._partly_named(said)
        inside = self._inside(said) if first else frozenset[int]()
        for columns, is_value, is_whole in (
            (named, False, True),
            (whole, True, True),
            (partly, False, False),
            (inside, True, False),
        ):
            if columns:
                return Mention(
                    first=first,
                    end=end,
                    columns=columns,
                    is_value=is_value,
                    is_whole=is_whole,
                )
        return None

    def _partly_named(self, said: Sequence[Word]) -> frozenset[int]:
        """Return the columns whose name has this one word, or one that means the same."""
        term = said[0].term
        alike = next((words for words in _ALIKE if term in words), frozenset())
        if len(said) > 1 or (said[0].plain in STOP_WORDS and not alike):
            return frozenset()
        found = (
            frozenset(at for at in self.columns if meant & {*self.names[at]})
            for meant in ({term}, alike)
        )
        return next((columns for columns in found if columns), frozenset())

    def _inside(self, said: Sequence[Word]) -> frozenset[int]:
        """Return the columns in whose cells these names stand beside other words."""
        if not all(word.is_name for word in said):
            return frozenset()
        terms = tuple(word.term for word in said)
        near = set.intersection(*(self._single.get(term, set()) for term in terms))
        return frozenset(
            at for at in near if any(stands_in(terms, cell) for cell in self.cells[at])
        )


def _title(text: str) -> frozenset[str]:
    """Return the terms of a title; of one that denies something none."""
    terms = frozenset(terms_in(text))
    return frozenset() if terms & NEGATIONS else terms


def _is_sum(row: Row) -> bool:
    first = next((cell for cell in row.cells if cell), "")
    return bool(_SUMS.match(first))


def _parts(cell: str) -> tuple[Terms, ...]:
    parts = _BETWEEN.split(cell)
    return (
        tuple(terms for part in parts if (terms := terms_in(part)))
        if len(parts) > 1
        else ()
    )


def _says_enough(words: Sequence[Word]) -> bool:
    """Whether words are more than a letter, a number or "in" by itself."""
    said = words[0].plain
    is_plain = said.isdigit() or said in STOP_WORDS or len(said) == 1
    return len(words) > 1 or not is_plain
