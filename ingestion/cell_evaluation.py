"""How well cells of PDF tables are found: `manage.py evaluate cells DIR`.

DIR holds NAME.pdf beside NAME-str.xml, as the ICDAR 2013 table competition gives them.
Compared as there (Göbel, Hassan, Oro and Orsi, 2012): each cell with the next one to its
right and the next one below, empty ones left out and letters and digits only. Only pages
with a table are looked at; a table that is found where none is counts against precision.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from ingestion.parsing.markup import local, parse_xml
from ingestion.parsing.pdf import tables_of
from rag_site.errors import ValidationFailed

_SUFFIX = "-str.xml"
_ASIDE = re.compile(r"[\W_]+")

Place = tuple[int, int]
# A text, the next one, and whether that stands to the right or below.
Pairs = Counter[tuple[str, str, str]]


class CellsInvalid(ValidationFailed):
    """The folder needs NAME.pdf and NAME-str.xml, as the ICDAR 2013 set has them."""

    code = "cells_invalid"


@dataclass(frozen=True, slots=True)
class _Cell:
    """A text and the first of the places that it fills."""

    text: str
    first: Place


@dataclass(frozen=True, slots=True)
class _Counts:
    right: int
    wanted: int
    found: int

    @property
    def recall(self) -> float:
        return self.right / self.wanted if self.wanted else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 0.0


def run(
    directory: Path,
    *,
    limit: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Return recall and precision of neighbours, of all of them and mean by document.

    Raises:
        CellsInvalid
    """
    judged = sorted(directory.rglob(f"*{_SUFFIX}"))
    both = [(path, pdf) for path in judged if (pdf := _pdf_of(path)).is_file()][:limit]
    if not both:
        raise CellsInvalid(f"{directory} holds no NAME{_SUFFIX} with its NAME.pdf.")
    documents: dict[str, _Counts] = {}
    for done, (path, pdf) in enumerate(both, start=1):
        documents[pdf.stem] = _compared(path, pdf)
        progress(done, len(both))
    every = documents.values()
    total = _Counts(
        sum(one.right for one in every),
        sum(one.wanted for one in every),
        sum(one.found for one in every),
    )
    return {
        "dataset": directory.resolve().name,
        "documents": len(documents),
        "without_pdf": sum(not _pdf_of(path).is_file() for path in judged),
        "neighbours": total.wanted,
        "recall": round(total.recall, 4),
        "precision": round(total.precision, 4),
        "mean_recall": round(fmean(one.recall for one in every), 4),
        "mean_precision": round(fmean(one.precision for one in every), 4),
        "by_document": {
            name: [round(one.recall, 3), round(one.precision, 3)]
            for name, one in documents.items()
        },
    }


def _pdf_of(judged: Path) -> Path:
    return judged.with_name(judged.name.removesuffix(_SUFFIX) + ".pdf")


def _compared(judged: Path, pdf: Path) -> _Counts:
    wanted: Pairs = Counter()
    pages = set()
    for page, cells in _judged(judged):
        pages.add(page)
        wanted += _pairs(cells)
    found: Pairs = Counter()
    for page, table in tables_of(pdf):
        if page in pages:
            found += _pairs(
                {
                    (row, column): _Cell(_plain(text), (row, column))
                    for row, texts in enumerate(table.rows)
                    for column, text in enumerate(texts)
                }
            )
    right = sum((wanted & found).values())
    return _Counts(right, sum(wanted.values()), sum(found.values()))


def _judged(path: Path) -> Iterator[tuple[int, dict[Place, _Cell]]]:
    """Yield the page and the cells of each part of each table."""
    for region in parse_xml(path.read_bytes()).iter():
        if local(region) != "region":
            continue
        cells: dict[Place, _Cell] = {}
        for node in region:
            if local(node) != "cell":
                continue
            row, column = _number(node, "start-row"), _number(node, "start-col")
            text = "".join(n.text or "" for n in node if local(n) == "content")
            cell = _Cell(_plain(text), (row, column))
            for r in range(row, _number(node, "end-row", row) + 1):
                for c in range(column, _number(node, "end-col", column) + 1):
                    cells[r, c] = cell
        yield _number(region, "page", 1), cells


def _number(node: Any, name: str, otherwise: int = 0) -> int:
    return int(node.get(name) or otherwise)


def _pairs(cells: Mapping[Place, _Cell]) -> Pairs:
    """Count each cell beside the next one that is not empty; one that spans once."""
    rows, columns = (
        defaultdict[int, list[Place]](list),
        defaultdict[int, list[Place]](list),
    )
    for row, column in sorted(cells):
        if cells[row, column].text:
            rows[row].append((row, column))
            columns[column].append((row, column))
    found = set()
    for direction, lines in (("right", rows), ("below", columns)):
        for line in lines.values():
            for a, b in pairwise(line):
                if cells[a] != cells[b]:
                    found.add((cells[a], cells[b], direction))
    return Counter((a.text, b.text, direction) for a, b, direction in found)


def _plain(text: str) -> str:
    return _ASIDE.sub("", unicodedata.normalize("NFKC", text).casefold())
