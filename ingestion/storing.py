"""Writing what was read: one transaction swaps a document's passages in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models.functions import Now
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.psycopg.halfvec import register_halfvec_info
from psycopg.types import TypeInfo
from psycopg.types.json import Jsonb

from ingestion.chunking import CHUNKER_VERSION, page_starts
from ingestion.errors import LeaseLost
from ingestion.leasing import Claim, held_by
from ingestion.models import Document, DocumentVersion, EmbeddingSpace
from ingestion.types import Parsed, Passage

# A large document writes its rows and their index entries for minutes, which
# the limit for requests would cut off.
_STATEMENT_TIMEOUT = "15min"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that was made of a version: pages, passages and their vectors.

    ``vectors`` is (len(passages), space.dimension), L2-normalised.
    """

    parsed: Parsed
    title: str
    passages: Sequence[Passage]
    vectors: NDArray[np.float32]
    space: EmbeddingSpace
    parser_version: str


def text_digest(passage: Passage) -> str:
    return hashlib.sha256(passage.embedded_text.encode()).hexdigest()


def store(claim: Claim, reading: Reading) -> None:
    """Replace what searches see of the document by ``reading``.

    Passages of every earlier reading go; the pages of earlier versions stay,
    because answers quote them. All or nothing: raises LeaseLost, with nothing
    changed, if the claim no longer holds.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT}'")
        forget_passages(cursor, [claim.document_id])
        cursor.execute(
            "DELETE FROM ingestion_page WHERE version_id = %s", [claim.version.pk]
        )
        _copy_pages(cursor, claim, reading.parsed)
        _copy_passages(cursor, claim, reading)
        _publish(claim, reading)


def forget_passages(cursor: Any, document_ids: Sequence[object]) -> None:
    """Delete chunks and vectors of these documents, without loading a row."""
    ids = [list(document_ids)]
    cursor.execute(
        "DELETE FROM ingestion_embedding e "
        "USING ingestion_chunk c, ingestion_documentversion v "
        "WHERE e.chunk_id = c.id AND c.version_id = v.id AND v.document_id = ANY(%s)",
        ids,
    )
    cursor.execute(
        "DELETE FROM ingestion_chunk c USING ingestion_documentversion v "
        "WHERE c.version_id = v.id AND v.document_id = ANY(%s)",
        ids,
    )


def _publish(claim: Claim, reading: Reading) -> None:
    """Make the version current, last: its row lock must not be held for long."""
    DocumentVersion.objects.filter(pk=claim.version.pk).update(
        title=reading.title[:300],
        page_count=len(reading.parsed.pages),
        chunk_count=len(reading.passages),
        parser_version=reading.parser_version,
        chunker_version=CHUNKER_VERSION,
    )
    changed = held_by(claim).update(
        state=Document.State.READY,
        current_version=claim.version,
        lease_until=None,
        tries=0,
        progress_done=len(reading.passages),
        progress_total=len(reading.passages),
        notices=list(reading.parsed.notices),
        updated_at=Now(),
    )
    if changed != 1:
        raise LeaseLost


def _copy_pages(cursor: Any, claim: Claim, parsed: Parsed) -> None:
    columns = "version_id, number, start, text, label, blocks, width, height"
    starts = page_starts(parsed.pages)
    rows = (
        (
            claim.version.pk,
            page.number,
            start,
            page.text,
            page.label[:200],
            Jsonb([asdict(block) for block in page.blocks]),
            page.width,
            page.height,
        )
        for page, start in zip(parsed.pages, starts, strict=True)
    )
    _copy(cursor, f"ingestion_page ({columns})", rows)


def _copy_passages(cursor: Any, claim: Claim, reading: Reading) -> None:
    ids = _reserve_ids(cursor, len(reading.passages))
    columns = (
        "id, version_id, ordinal, text, heading, text_digest, start, "
        '"end", page_first, page_last, token_count, language'
    )
    rows = (
        (
            chunk_id,
            claim.version.pk,
            passage.ordinal,
            passage.text,
            passage.heading,
            text_digest(passage),
            passage.start,
            passage.end,
            passage.page_first,
            passage.page_last,
            passage.token_count,
            claim.language,
        )
        for chunk_id, passage in zip(ids, reading.passages, strict=True)
    )
    _copy(cursor, f"ingestion_chunk ({columns})", rows)
    _copy_vectors(cursor, ids, reading)


def _copy_vectors(cursor: Any, ids: Sequence[int], reading: Reading) -> None:
    # On this cursor only: other queries of the connection keep what they read.
    info = TypeInfo.fetch(cursor.connection, "halfvec")
    register_halfvec_info(cursor.cursor, info)
    rows = (
        (chunk_id, reading.space.pk, HalfVector(vector))
        for chunk_id, vector in zip(ids, reading.vectors, strict=True)
    )
    _copy(
        cursor,
        "ingestion_embedding (chunk_id, space_id, vector)",
        rows,
        types=["int8", "int8", "halfvec"],
    )


def _reserve_ids(cursor: Any, count: int) -> list[int]:
    cursor.execute(
        "SELECT nextval(pg_get_serial_sequence('ingestion_chunk', 'id')) "
        "FROM generate_series(1, %s)",
        [count],
    )
    return [row[0] for row in cursor.fetchall()]


def _copy(
    cursor: Any,
    target: str,
    rows: Iterable[Sequence[object]],
    *,
    types: list[str] | None = None,
) -> None:
    """Stream ``rows`` in; binary when ``types`` are given."""
    form = " (FORMAT binary)" if types else ""
    with cursor.copy(f"COPY {target} FROM STDIN{form}") as copy:
        if types:
            copy.set_types(types)
        for row in rows:
            copy.write_row(row)
