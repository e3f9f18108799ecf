"""What a sheet's XML says and the streaming reader leaves out.

Merged cells, comments, and formulas of which nobody knows the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ingestion.parsing.archives import Archive
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.markup import Element, local, read_xml, relations
from ingestion.parsing.pieces import Piece, piece
from ingestion.parsing.tables import BRIDGE

_WORKBOOK = "xl/workbook.xml"
_MERGE = re.compile(
    rb'<(?:\w+:)?mergeCell\s[^<>]*?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"'
)
_MAX_MERGED = 20_000

# A cell with a formula, and the value that was saved with it.
_FORMULA = re.compile(
    rb"<(?:\w+:)?c(?P<cell>\s[^<>]*)>\s*<(?:\w+:)?f\b[^<>]*(?:/>|>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:<(?:\w+:)?v\b[^<>/]*>(?P<value>[^<]*)<)?"
)
_AT = re.compile(rb'\sr="([A-Z]{1,3})(\d{1,7})"')
# The value is a text, which may be empty, or says true or false.
_NO_NUMBER = re.compile(rb'\st="(?:str|b)"')
_ZERO = re.compile(rb"-?0(?:\.0*)?(?:[eE][-+]?\d+)?")
# By the standard a program sets it to false once it has calculated the workbook
# (ISO/IEC 29500-1, 18.2.2): where it is true, the writer left that to the next one.
_TO_BE_CALCULATED = re.compile(
    rb'<(?:\w+:)?calcPr\b[^<>]*\sfullCalcOnLoad="(?:1|true)"', re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Merged:
    """Merged cells of a sheet.

    Attributes:
        down: by first row: column and last row of those that reach over rows.
        bridged: columns that narrow ones reach over, though nothing is in them.
    """

    down: dict[int, list[tuple[int, int]]]
    bridged: frozenset[int]


@dataclass(frozen=True, slots=True)
class Uncomputed:
    """Formulas of a sheet that hold no value that a program computed.

    Attributes:
        zeros: by row, counted from 1: columns whose 0 stands for no value.
    """

    count: int
    zeros: dict[int, set[int]]


def sheet_xml(archive: Archive, sheet: Any) -> bytes:
    """Return the sheet's part, nothing if there is none."""
    part = getattr(sheet, "_worksheet_path", "")
    return archive.read(part) if part in archive else b""


def merged_cells(data: bytes) -> Merged:
    down: dict[int, list[tuple[int, int]]] = {}
    bridged: set[int] = set()
    for match in islice(_MERGE.finditer(data), _MAX_MERGED):
        left, top, right, bottom = (group.decode("ascii") for group in match.groups())
        first, last = _column(left), _column(right)
        if int(bottom) > int(top):
            down.setdefault(int(top), []).append((first, int(bottom)))
        if 0 < last - first < BRIDGE:
            bridged.update(range(first + 1, last + 1))
    return Merged(down, frozenset(bridged))


def _column(letters: str) -> int:
    """The index of a column, counted from 0: A, B, ..., Z, AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def is_to_be_calculated(archive: Archive) -> bool:
    """Whether the workbook was saved by a program that does not calculate."""
    data = archive.read(_WORKBOOK) if _WORKBOOK in archive else b""
    return bool(_TO_BE_CALCULATED.search(data))


def uncomputed(data: bytes, *, is_to_be_calculated: bool) -> Uncomputed:
    """Find the formulas without a value.

    Libraries that write workbooks and do not calculate leave the value out, or put
    a 0 in its place and ask whoever opens the workbook to calculate it.
    """
    count, zeros = 0, dict[int, set[int]]()
    for match in _FORMULA.finditer(data):
        cell, value = match["cell"], match["value"]
        is_zero = is_to_be_calculated and _ZERO.fullmatch(value or b"")
        if _NO_NUMBER.search(cell) or (value and not is_zero):
            continue
        count += 1
        if found := _AT.search(cell):
            row, column = int(found[2]), _column(found[1].decode("ascii"))
            zeros.setdefault(row, set()).add(column)
    return Uncomputed(count, zeros)


def comments(archive: Archive, sheet: Any) -> Iterator[Piece]:
    part = getattr(sheet, "_worksheet_path", "")
    for kind, target in relations(archive, part).values():
        if kind in {"comments", "threadedComment"} and target in archive:
            for node in read_xml(archive, target).iter():
                if local(node) in {"comment", "threadedComment"}:
                    yield from _comment(node)


def _comment(node: Element) -> Iterator[Piece]:
    text = "".join(t.text or "" for t in node.iter() if local(t) in {"t", "text"})
    # A stand-in for programs that do not know threads; the thread is read itself.
    if text and not text.startswith("[Threaded comment]"):
        yield piece("note", f"Comment on {node.get('ref', '?')}: {one_line(text)}")
