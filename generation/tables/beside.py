"""Rows of a passage that have another value than the one a question names. Pure.

All words of "64 euros" for France may stand in a table, and in the row of Switzerland.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generation.tables.asking import wants_rows
from generation.tables.grid import Table, read_table
from generation.tables.known import Known, Mention
from generation.tables.openings import Op
from generation.tables.words import Word, stands_in, words_of
from ingestion.parsing.tables import BETWEEN

# With these a question names a row, and asks for another one.
_RELATING = frozenset(
    """than before after besides except other next between later earlier or without not
    bigger larger smaller""".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class RowsBeside:
    """Where rows of a passage begin that do not tell what is asked.

    Attributes:
        others: a column of which the question names a cell has another one there.
        counted: of a table whose rows are to be counted: none of them tells how many.
    """

    others: frozenset[int] = frozenset()
    counted: frozenset[int] = frozenset()


ALL_ROWS_TELL = RowsBeside()


def rows_beside(question: str, text: str, heading: str) -> RowsBeside:
    """Return the rows of ``text`` that do not tell what ``question`` asks.

    Args:
        heading: path, and in a second line the first row of a table that ``text`` goes
            on with (ingestion.counting).
    """
    words = words_of(question)
    is_relating = any(word.plain in _RELATING for word in words)
    others: set[int] = set()
    counted: set[int] = set()
    for table in _tables(text, heading):
        known = Known(table)
        if wants_rows(question, known) == Op.COUNT:
            counted.update(row.start for row in known.table.rows)
        elif not is_relating:
            others |= _others(known, words)
    return RowsBeside(frozenset(others), frozenset(counted))


def record_at(text: str, heading: str, start: int) -> str:
    """Return the row of ``text`` that begins at ``start`` as "City: Oslo | People: 7".

    "" if there is none. A row by itself does not say what its cells are.
    """
    for table in _tables(text, heading):
        for row in table.rows:
            if row.start == start:
                named = zip(table.names, row.cells, strict=True)
                return BETWEEN.join(f"{name}: {cell}" for name, cell in named if cell)
    return ""


def _tables(text: str, heading: str) -> Iterator[Table]:
    """Yield the tables of a passage, the first with the header that it goes on with."""
    above = heading.partition("\n")[2]
    for start, lines in _tables_in(text):
        header = above if start == 0 and above else _names_in(lines)
        part = (start, lines)
        table = read_table([(-1, header), part] if header else [part])
        if table:
            yield table


def _names_in(lines: str) -> str:
    """Return the header of rows that name their columns, "" if they do not.

    A row leaves out what it has not, so that all are needed.
    """
    names: list[str] = []
    for line in lines.strip("\n").split("\n"):
        at = 0
        for cell in line.split(BETWEEN):
            name, is_named, _ = cell.partition(": ")
            if not is_named:
                return ""
            if name not in names:
                names.insert(at, name)
            at = names.index(name) + 1
    return BETWEEN.join(names)


def _tables_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield where lines with cells begin that follow each other, and these lines."""
    start, run = 0, ""
    for line in text.splitlines(keepends=True):
        if BETWEEN in line:
            run += line
            continue
        if run:
            yield start, run
        start += len(run) + len(line)
        run = ""
    if run:
        yield start, run


def _others(known: Known, words: Sequence[Word]) -> set[int]:
    named = [m for m in known.mentions(words) if m.is_value and m.is_whole]
    # "When can I open the Beta project?" is not about what is open.
    names = [m for m in named if any(words[at].is_name for at in m.places)]
    named = names or named
    return {
        row.start
        for at, row in enumerate(known.table.rows)
        if not _has_all(known, at, named, words)
    }


def _has_all(
    known: Known, at: int, named: Sequence[Mention], words: Sequence[Word]
) -> bool:
    """Whether row ``at`` has, of each set of columns, one of the cells that are named."""
    has: dict[frozenset[int], bool] = {}
    for mention in named:
        terms = tuple(words[place].term for place in mention.places)
        cells = (known.cells[column][at] for column in mention.columns)
        stands = any(stands_in(terms, cell) for cell in cells)
        has[mention.columns] = has.get(mention.columns, False) or stands
    return all(has.values())
