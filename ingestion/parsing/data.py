"""CSV, TSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from ingestion.errors import Corrupt, LimitExceeded
from ingestion.parsing.cleaning import cleaned, one_line
from ingestion.parsing.decoding import decoded
from ingestion.parsing.pieces import Piece, in_parts, piece
from ingestion.parsing.source import Source
from ingestion.parsing.tables import table_text
from ingestion.types import Parsed

_DELIMITERS = ",;\t|"
# What Excel is told by a first line, and shows to nobody.
_SAID = re.compile(r"\"?sep=(?P<mark>[^\n\"])\"?(?:\n|\Z)", re.IGNORECASE)
_SAMPLE_LINES = 50
_TITLE_CHARS = 120
_SAMPLE_CHARS = 1_000_000
_MAX_DEPTH = 100
_MAX_FIELD_CHARS = 1_000_000


def parse_csv(source: Source) -> Parsed:
    """Read a table with any of the usual delimiters; what stands above it apart."""
    text = cleaned(decoded(source.path.read_bytes()))
    csv.field_size_limit(_MAX_FIELD_CHARS)
    said = _SAID.match(text)
    text = text[said.end() :] if said else text
    sample = text[:_SAMPLE_CHARS].split("\n")[:_SAMPLE_LINES]
    mark = said["mark"] if said else _delimiter(sample)
    rows = csv.reader(io.StringIO(text), delimiter=mark, skipinitialspace=True)
    try:
        pieces = list(_with_titles(rows))
    except csv.Error as exc:
        raise Corrupt(
            "The table's quotes do not match up. Save it again as CSV and add that copy."
        ) from exc
    return Parsed(pages=tuple(in_parts(pieces)))


def _with_titles(rows: Iterator[list[str]]) -> Iterator[Piece]:
    """Set rows of one cell above a wider table apart, as in sheets: they name it."""
    first = list(islice(rows, _SAMPLE_LINES))
    filled = [sum(bool(cell.strip()) for cell in row) for row in first]
    start = next((i for i, count in enumerate(filled) if count > 1), 0)
    for row in first[:start]:
        text = "".join(row)
        yield piece(
            "heading" if len(text) < _TITLE_CHARS else "paragraph", text, level=2
        )
    table = table_text(chain(first[start:], rows))
    yield Piece(kind="table", text=table)


def _delimiter(lines: list[str]) -> str:
    """Choose the delimiter that cuts most lines into equally many cells (2+)."""
    sample = [line for line in lines if line.strip()]
    best = (0.0, ",")
    for mark in _DELIMITERS:
        counts = Counter(_widths(sample, mark))
        width, lines_so_wide = max(counts.items(), key=lambda kv: kv[1], default=(1, 0))
        if width > 1:
            best = max(best, (lines_so_wide + min(width, 50) / 100, mark))
    return best[1]


def _widths(sample: list[str], mark: str) -> Iterator[int]:
    try:
        yield from (
            len(row)
            for row in csv.reader(sample, delimiter=mark, skipinitialspace=True)
        )
    except csv.Error:
        return


def parse_json(source: Source) -> Parsed:
    """Read JSON, or JSON lines: a line a value, each with its path."""
    text = decoded(source.path.read_bytes())
    value = _loaded(text)
    if isinstance(value, list) and _is_records(value):
        names = list(dict.fromkeys(name for item in value for name in item))
        rows = [names] + [[_scalar(item.get(n, "")) for n in names] for item in value]
        pieces = [piece("table", table_text(rows, header=True))]
    else:
        pieces = [piece("table", "\n".join(group)) for group in _grouped(value)]
    return Parsed(pages=tuple(in_parts(pieces)))


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except RecursionError as exc:
        raise LimitExceeded(
            f"The JSON is nested more than {_MAX_DEPTH} levels deep, which is the limit."
        ) from exc
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError) as exc:
        raise Corrupt("The file is not valid JSON. Mend it and add it again.") from exc


def _is_records(value: list[Any]) -> bool:
    """Whether it is a list of flat objects with few names: a table."""
    if not value or not all(isinstance(item, dict) for item in value):
        return False
    names = {name for item in islice(value, 1000) for name in item}
    flat = all(
        not isinstance(cell, dict | list)
        for item in islice(value, 1000)
        for cell in item.values()
    )
    return flat and 1 < len(names) <= 50


def _grouped(value: object) -> Iterator[list[str]]:
    """One group of lines for each member of the outermost object or list."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield list(_lines(item, one_line(name), 1))
    elif isinstance(value, list):
        for i, item in enumerate(value, start=1):
            yield list(_lines(item, str(i) if isinstance(item, dict | list) else "", 1))
    else:
        yield [_scalar(value)]


def _lines(value: object, path: str, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise LimitExceeded(
            f"The JSON is nested more than {_MAX_DEPTH} levels deep, which is the limit."
        )
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _lines(item, _joined(path, one_line(name)), depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _lines(item, path, depth + 1)
    else:
        yield f"{path}: {_scalar(value)}" if path else _scalar(value)


def _joined(path: str, name: str) -> str:
    return f"{path} › {name}" if path else name


def _scalar(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return one_line(value)
    return json.dumps(value, ensure_ascii=False, default=str)
