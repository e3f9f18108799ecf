"""Workbooks: a sheet a page (or several), a table for each filled region."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import IO, Any
from zipfile import BadZipFile

from ingestion.errors import Corrupt, LimitExceeded
from ingestion.parsing.archives import Archive
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.number_formats import formatted
from ingestion.parsing.pieces import Piece, in_parts, piece
from ingestion.parsing.source import Source
from ingestion.parsing.tables import table_text
from ingestion.parsing.xlsx_sheets import (
    Merged,
    Uncomputed,
    comments,
    is_to_be_calculated,
    merged_cells,
    sheet_xml,
    uncomputed,
)
from ingestion.types import PageText, Parsed

_MAX_CELLS = 5_000_000
# A title beside or above a table: this many filled cells in a row at most.
_TITLE_CELLS = 1

# Names that programs give by themselves say nothing.
_DEFAULT_NAME = re.compile(r"(?:Sheet|Tabelle|Feuil|Hoja|Foglio|Blad|Лист)\s?\d*")

Line = list[str]
# By column: the last row that a merged cell reaches, and its text.
_Held = dict[int, tuple[int, str]]

_STYLES = "xl/styles.xml"
# A format besides those of numbers as they are and of texts (ECMA-376, 18.8.30).
_FORMATTED = re.compile(rb'numFmtId="(?!(?:0|49)")')


def parse_xlsx(source: Source) -> Parsed:
    """Read the values of all sheets, as last computed; hidden ones too."""
    archive = Archive(source.path, source.limits)
    archive.check_markup()
    # An open file, because openpyxl refuses names without its extensions.
    with source.path.open("rb") as file:
        return _parsed(_opened(file), archive, source)


def _parsed(book: Any, archive: Archive, source: Source) -> Parsed:
    pages: list[PageText] = []
    sheets = [s for s in book.worksheets if hasattr(s, "iter_rows")]
    budget = _MAX_CELLS
    unknown = 0
    to_calculate = is_to_be_calculated(archive)
    styles = archive.read(_STYLES) if _STYLES in archive else b""
    has_formats = bool(_FORMATTED.search(styles))
    for i, sheet in enumerate(sheets, start=1):
        data = sheet_xml(archive, sheet)
        merged = merged_cells(data)
        formulas = uncomputed(data, is_to_be_calculated=to_calculate)
        unknown += formulas.count
        # All of the sheet, which the rows below hold once more.
        del data
        rows = list(_rows(sheet, budget, merged, formulas, has_formats=has_formats))
        budget -= sum(map(len, rows))
        notes = comments(archive, sheet)
        pieces = sheet_pieces(sheet.title, rows, merged.bridged, notes)
        pages += in_parts(pieces, first=len(pages) + 1, label=sheet.title)
        source.progress(i, len(sheets))
    return Parsed(pages=tuple(pages), notices=_notices(sheets, unknown))


def _opened(file: IO[bytes]) -> Any:
    # It imports both if it can and needs neither to read values: 0.2 s.
    with _absent("numpy", "PIL"):
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException

    try:
        return openpyxl.load_workbook(file, read_only=True, data_only=True)
    except (InvalidFileException, BadZipFile, KeyError, ValueError, TypeError) as exc:
        raise Corrupt from exc
    except (AttributeError, IndexError, SyntaxError) as exc:
        # openpyxl meets missing parts and bad XML with whatever comes first.
        raise Corrupt from exc


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Make imports of some packages fail for a while."""
    kept = {name: sys.modules.get(name) for name in names}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def _notices(sheets: list[Any], unknown: int) -> tuple[str, ...]:
    """Return what to tell; ``unknown`` is how many formulas hold no value."""
    notices = []
    hidden = [sheet.title for sheet in sheets if sheet.sheet_state != "visible"]
    if hidden:
        notices.append(f"Hidden sheets were read too: {', '.join(hidden)}.")
    if unknown:
        hold = "1 formula holds" if unknown == 1 else f"{unknown:,} formulas hold"
        notices.append(
            f"{hold} no computed value; open the file in Excel, save it, and upload "
            "it again."
        )
    return tuple(notices)


def _filled(line: Line, number: int, merged: Merged, held: _Held) -> Line:
    """Say again what a merged cell says of each row that it reaches over."""
    for column, (last, text) in list(held.items()):
        if number > last:
            del held[column]
        elif line and not any(line[column : column + 1]):
            line += [""] * (column + 1 - len(line))
            line[column] = text
    for column, last in merged.down.get(number, ()):
        if line[column : column + 1]:
            held[column] = (last, line[column])
    return line


def _rows(
    sheet: Any,
    budget: int,
    merged: Merged,
    formulas: Uncomputed,
    *,
    has_formats: bool,
) -> Iterator[Line]:
    """Rows as text without trailing blanks; the sheet's claimed size is ignored."""
    sheet.reset_dimensions()
    blank_before = True
    held: _Held = {}
    try:
        cells = sheet.iter_rows(values_only=not has_formats)
        for number, row in enumerate(cells, start=1):
            values = map(_value, row) if has_formats else row
            if unknown := formulas.zeros.get(number):
                values = [None if i in unknown else v for i, v in enumerate(values)]
            line = _trimmed(values)
            line = _filled(line, number, merged, held)
            budget -= len(line)
            if budget < 0:
                raise LimitExceeded(
                    f"The workbook has more than {_MAX_CELLS:,} cells, which is the limit."
                )
            # One blank row parts two tables; a million say nothing more.
            if line or not blank_before:
                yield line
            blank_before = not line
    except (ValueError, KeyError, TypeError, IndexError, BadZipFile) as exc:
        raise Corrupt from exc
    except SyntaxError as exc:  # the class of XML parse errors
        raise Corrupt from exc


def _value(cell: Any) -> object:
    """The value of a cell, a number or day as its format shows it."""
    value = cell.value
    if value is None or isinstance(value, str | bool):
        return value
    try:
        code = cell.number_format
    except IndexError:  # a style that the workbook does not have
        return value
    shown = formatted(value, code)
    return value if shown is None else shown


def _trimmed(row: Iterable[object]) -> Line:
    line = [_shown(value) for value in row]
    while line and not line[-1]:
        line.pop()
    return line


def _shown(value: object) -> str:
    """A value as people write it: no ".0", no midnight, ISO dates."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime):
        text = value.isoformat(sep=" ", timespec="minutes")
        return text.removesuffix(" 00:00")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        seconds = round(abs(value.total_seconds()))
        sign = "-" if value < timedelta() else ""
        return f"{sign}{seconds // 3_600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return one_line(str(value))


def _tables(rows: list[Line], bridged: frozenset[int]) -> Iterator[Piece]:
    """Cut a sheet into its tables: at blank rows, then at blank columns."""
    for band in _bands(rows):
        for table in _side_by_side(band, bridged):
            yield from _table(table)


def sheet_pieces(
    name: str, rows: list[Line], bridged: frozenset[int], notes: Iterable[Piece]
) -> list[Piece]:
    """Return what a sheet holds, below its name unless a program gave it.

    Args:
        rows: without trailing blanks; an empty one parts tables.
        bridged: columns that belong together with the one before, though empty.
        notes: put after the tables.
    """
    pieces = [*_tables(rows, bridged), *notes]
    if pieces and not _DEFAULT_NAME.fullmatch(name):
        pieces.insert(0, piece("heading", name, level=1))
    return pieces


def _bands(rows: list[Line]) -> Iterator[list[Line]]:
    band: list[Line] = []
    for row in [*rows, []]:
        if row:
            band.append(row)
        elif band:
            yield band
            band = []


def _side_by_side(band: list[Line], bridged: frozenset[int]) -> Iterator[list[Line]]:
    width = max(map(len, band))
    used = [
        i in bridged or any(i < len(row) and row[i] for row in band)
        for i in range(width)
    ]
    start = None
    for i, filled in enumerate([*used, False]):
        if filled and start is None:
            start = i
        elif not filled and start is not None:
            yield [row[start:i] for row in band]
            start = None


def _table(table: list[Line]) -> Iterator[Piece]:
    """Rows with one cell above a wider table are its title."""
    width = max(map(len, table))
    while width > 1 and table and sum(map(bool, table[0])) <= _TITLE_CELLS:
        yield piece("heading", " ".join(table.pop(0)), level=2)
    if len(table) == 1 and width == 1:
        # A cell by itself: most often the title of what follows.
        text = table[0][0]
        is_title = len(text) < 120 and any(map(str.isalpha, text))
        yield piece("heading" if is_title else "paragraph", text, level=2)
    elif table:
        yield piece("table", table_text(table))
