"""How well rows tell what people ask of tables: `manage.py evaluate tables DIR`.

DIR is laid out as WikiTableQuestions is (Pasupat and Liang, 2015): ``csv/`` with the
tables and ``data/NAME.tsv`` with id, question, table and accepted cells. No model and no
search: what is measured is what rows tell of a table that is the right one, and how
often they leave a question to the passages.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from generation.evaluating.intervals import share
from generation.tables.asking import understand
from generation.tables.grid import read_table
from generation.tables.known import Known
from generation.tables.openings import Op
from generation.tables.reading import Unclear
from generation.tables.running import Result, run
from ingestion.parsing.tables import table_text
from rag_site.errors import ValidationFailed

DEFAULT_SPLIT = "pristine-unseen-tables"
_TABLES_KEPT = 64


class TablesInvalid(ValidationFailed):
    """The folder needs csv/ and data/NAME.tsv as WikiTableQuestions has them."""

    code = "tables_invalid"


def evaluate(
    directory: Path,
    *,
    split: str = DEFAULT_SPLIT,
    limit: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Return the shares of questions that rows tell, and of those told right.

    Raises:
        TablesInvalid
    """
    asked = list(islice(_asked(directory / "data" / f"{split}.tsv"), limit))
    load = lru_cache(_TABLES_KEPT)(lambda name: _known(directory / name))
    told: dict[str, list[bool]] = defaultdict(list)
    read = 0
    for done, (question, name, accepted) in enumerate(asked, start=1):
        known = load(name)
        read += known is not None
        found = _told(question, known) if known else None
        if found:
            told[found[0].value].append(_is_right(*found, accepted))
        progress(done, len(asked))
    every = [is_right for one in told.values() for is_right in one]
    return {
        "dataset": f"{directory.resolve().name}/{split}",
        "questions": len(asked),
        "of_tables_read": read,
        "told": len(every),
        "right": share(every),
        "operations": {name: share(one) for name, one in sorted(told.items())},
    }


def _asked(path: Path) -> Iterator[tuple[str, str, frozenset[str]]]:
    if not path.is_file():
        raise TablesInvalid(f"{path} does not exist.")
    with path.open(encoding="utf-8", newline="\n") as lines:
        next(lines, "")
        for number, line in enumerate(lines, start=2):
            fields = line.rstrip("\n").split("\t")
            if len(fields) < 4:
                raise TablesInvalid(f"{path}, line {number}: four fields are needed.")
            _, question, name, accepted = fields[:4]
            yield question, name, frozenset(map(_plain, accepted.split("|")))


def _known(path: Path) -> Known | None:
    if not path.is_file():
        raise TablesInvalid(f"{path} does not exist.")
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines, escapechar="\\"))
    table = read_table([(0, table_text(rows))])
    return Known(table) if table else None


def _told(question: str, known: Known) -> tuple[Op, Result] | None:
    try:
        query = understand(question, known)
        return query.op, run(query, known)
    except Unclear:
        return None


def _is_right(op: Op, result: Result, accepted: frozenset[str]) -> bool:
    """Whether exactly the accepted cells are told; of rows and values either number."""
    told = frozenset(map(_plain, result.values))
    rows = frozenset((_plain(str(len(result.rows))),))
    return accepted == told or (op == Op.COUNT and accepted == rows)


def _plain(cell: str) -> str:
    """Return a cell without case, marks and what brackets add; numbers in one form."""
    bare = re.sub(r'\([^)]*\)|\[[^\]]*\]|[",]', "", cell.casefold()).strip()
    try:
        return f"{float(bare):g}"
    except ValueError:
        return re.sub(r"\W+", " ", bare).strip()
