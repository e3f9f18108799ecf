"""COPY into Postgres: rows stream in, whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from pgvector.psycopg.halfvec import register_halfvec_info
from psycopg.types import TypeInfo
from psycopg.types.json import Jsonb

from ingestion.types import PageText

#: Columns of a page in the order of ``page_values``.
PAGE_COLUMNS = "number, text, label, blocks, width, height"


def copy_in(
    cursor: Any,
    target: str,
    rows: Iterable[Sequence[object]],
    *,
    types: list[str] | None = None,
) -> None:
    """Write ``rows`` to ``target``, "table (columns)"; binary when ``types`` are given."""
    form = " (FORMAT binary)" if types else ""
    with cursor.copy(f"COPY {target} FROM STDIN{form}") as copy:
        if types:
            copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def page_values(page: PageText) -> tuple[object, ...]:
    blocks = Jsonb([asdict(block) for block in page.blocks])
    return (page.number, page.text, page.label, blocks, page.width, page.height)


def accept_halfvec(cursor: Any) -> None:
    """Let this cursor write half vectors; other queries of the connection are as before."""
    info = TypeInfo.fetch(cursor.connection, "halfvec")
    register_halfvec_info(cursor.cursor, info)
