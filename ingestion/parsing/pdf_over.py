"""Tables of a PDF that go on over the end of a page.

The later part gets the names of the columns, so that each of its rows can be read by
itself, and says that it continues, so that who counts rows counts all of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ingestion.parsing.cleaning import one_line
from ingestion.parsing.pdf_bands import is_number
from ingestion.parsing.pdf_frames import SAME_EDGE
from ingestion.parsing.pdf_whole import Page, in_margin, margin_key
from ingestion.parsing.pieces import Cells, Piece
from ingestion.parsing.tables import further_text, has_header

_ASIDE = frozenset({"note", "header"})
_PAGE_WORDS = frozenset("page pages pg p of seite s von sur de blatt no nr".split())  # noqa: SIM905
# Of the cells below a head, those that are values where the head has words.
_VALUES = 0.8


@dataclass(frozen=True, slots=True)
class Carried:
    """The table with which a page ends.

    Attributes:
        names: of its columns, none if it has none.
        margin: what stands in the margins of its page, so that the next one can tell
            what is said on both: a running head.
        below: what of that stands below the table.
    """

    cells: Cells
    names: tuple[str, ...]
    margin: frozenset[str]
    below: frozenset[str]


def carried_on(page: Page, before: Carried | None) -> tuple[Page, Carried | None]:
    """Return a page, its first table tied to the one ``before``, and what it ends with."""
    margin = {id(one): margin_key(one) for one in in_margin(page)}
    said = frozenset(margin.values())
    first = _first(page, margin, before.margin if before else frozenset())
    names: tuple[str, ...] | None = None
    if (
        before
        and first
        and first.cells
        and all(key in said or _is_number(key) for key in before.below)
        and _goes_on(before, first.cells)
    ):
        names = before.names
        tied = _tied(first, first.cells.rows, before.names)
        page = replace(page, pieces=[tied if p is first else p for p in page.pieces])
        first = tied
    body = [one for one in page.pieces if one.cells or _is_text(one, margin)]
    last = body[-1] if body else None
    if last is None or last.cells is None:
        return page, None
    if last is not first or names is None:
        names = _names(last.cells)
    behind = page.pieces[page.pieces.index(last) + 1 :]
    below = frozenset(margin[id(one)] for one in behind if id(one) in margin)
    return page, Carried(last.cells, names, said, below)


def stands_alone(page: Page) -> bool:
    """Whether what a page ends with is known without the page before."""
    margin = {id(one): "" for one in in_margin(page)}
    body = [one for one in page.pieces if one.cells or _is_text(one, margin)]
    return len(body) != 1 or body[0].cells is None


def _first(
    page: Page, margin: Mapping[int, str], said_before: Collection[str]
) -> Piece | None:
    """Return the first piece that is no note, running head or page number."""
    for one in page.pieces:
        key = margin.get(id(one))
        is_head = key is not None and (key in said_before or _is_number(key))
        if one.cells or not (is_head or one.kind in _ASIDE):
            return one
    return None


def _is_text(one: Piece, margin: Mapping[int, str]) -> bool:
    return id(one) not in margin and one.kind not in _ASIDE


def _is_number(key: str) -> bool:
    """Whether a line in the margin is a page number: "Page 3 of 9", "- 3 -"."""
    words = re.findall(r"[^\W\d_]+", key.casefold())
    return "#" in key and _PAGE_WORDS.issuperset(words)


def _goes_on(before: Carried, cells: Cells) -> bool:
    if not (_same_lines(before.cells, cells) or _same_places(before.cells, cells)):
        return False
    # A head of its own that differs begins another table.
    has_head = cells.is_bold and before.cells.is_bold
    has_head = has_head or _names_values(before.cells, cells.rows[0])
    return not has_head or _cleaned(cells.rows[0]) == before.names


def _names_values(before: Cells, row: Sequence[str]) -> bool:
    """Whether a row has words in a column that has values on the page before."""
    for cell, column in zip(row, zip(*before.rows[1:], strict=False), strict=False):
        filled = [one for one in column if one]
        values = sum(map(is_number, filled))
        is_word = bool(cell) and not any(map(str.isdigit, cell))
        if is_word and len(filled) > 1 and values >= _VALUES * len(filled):
            return True
    return False


def _same_lines(a: Cells, b: Cells) -> bool:
    """Whether columns part at the same places, as they do where lines part them."""
    alike = len(a.columns) == len(b.columns) > 0
    pairs = zip(a.columns, b.columns, strict=alike)
    return alike and all(abs(x - y) <= SAME_EDGE for x, y in pairs)


def _same_places(a: Cells, b: Cells) -> bool:
    """Whether the text of each column stands below that of one column, the same."""
    meeting = [
        [i for i, other in enumerate(a.extents) if _overlap(one, other)]
        for one in b.extents
    ]
    alike = len(a.extents) == len(b.extents)
    return alike and all(met in ([at], []) for at, met in enumerate(meeting))


def _overlap(a: tuple[float, float] | None, b: tuple[float, float] | None) -> bool:
    return bool(a and b and min(a[1], b[1]) > max(a[0], b[0]))


def _tied(table: Piece, rows: Sequence[Sequence[str]], names: Sequence[str]) -> Piece:
    if not names or _cleaned(rows[0]) == names:
        return replace(table, continues=True)
    return replace(table, text=further_text(names, rows), continues=True)


def _names(cells: Cells) -> tuple[str, ...]:
    names = _cleaned(cells.rows[0])
    used = [at for at in range(len(names)) if any(row[at] for row in cells.rows)]
    grid = [[row[at] for at in used] for row in (names, *cells.rows[1:])]
    return names if has_header(grid) else ()


def _cleaned(row: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(one_line, row))
