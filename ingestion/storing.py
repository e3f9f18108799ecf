"""Writing what was read: one transaction swaps a document's passages in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models.functions import Now
from numpy.typing import NDArray
from pgvector import HalfVector

from ingestion import checkpoints
from ingestion.chunking import CHUNKER_VERSION, page_starts
from ingestion.copying import PAGE_COLUMNS, accept_halfvec, copy_in, page_values
from ingestion.errors import LeaseLost
from ingestion.languages import chosen_language, language_of
from ingestion.leasing import Claim, held_by
from ingestion.locking import hold_for_storing
from ingestion.models import Document, DocumentVersion, EmbeddingSpace
from ingestion.spaces import hold_live
from ingestion.types import Parsed, Passage


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


def store(
    claim: Claim, reading: Reading, on_row: Callable[[], None] = lambda: None
) -> None:
    """Replace what searches see of the document by ``reading``.

    Passages of every earlier reading go; the pages of earlier versions stay,
    because answers quote them. All or nothing: raises LeaseLost, with nothing
    changed, if the claim no longer holds, and SpaceChanged if the vectors are no
    longer of the live space. ``on_row`` runs as rows go out: a large
    document takes minutes.
    """
    detected = language_of(page.text for page in reading.parsed.pages)
    with transaction.atomic(), connection.cursor() as cursor:
        # The collection's language may have changed while the file was read.
        speaks = _held(claim)
        hold_live(reading.space)
        forget_passages(cursor, [claim.document_id])
        _forget_pages(cursor, claim)
        _copy_pages(cursor, claim, reading.parsed)
        language = chosen_language(detected, speaks)
        _copy_passages(cursor, replace(claim, language=language), reading, on_row)
        checkpoints.forget([claim.version.pk])
        _publish(claim, reading, detected)


def _held(claim: Claim) -> str:
    """Return the language of the collection, which stays until the transaction ends.

    Raises LeaseLost if the claim does not hold even now.
    """
    collection = held_by(claim).values_list("collection", flat=True).first()
    if collection is None:
        raise LeaseLost
    hold_for_storing(collection, claim.document_id)
    language = held_by(claim).values_list("collection__language", flat=True).first()
    if language is None:
        raise LeaseLost
    return language


def _forget_pages(cursor: Any, claim: Claim) -> None:
    """Delete the pages of this version; with masking, those of all versions."""
    cursor.execute(
        "DELETE FROM ingestion_page p USING ingestion_documentversion v "
        "WHERE p.version_id = v.id AND v.document_id = %s AND (v.id = %s OR %s)",
        [claim.document_id, claim.version.pk, claim.is_masked],
    )


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


def forget_text(document_ids: Sequence[object]) -> None:
    """Delete passages, vectors and the pages of all versions of these documents."""
    with connection.cursor() as cursor:
        forget_passages(cursor, document_ids)
        cursor.execute(
            "DELETE FROM ingestion_page p USING ingestion_documentversion v "
            "WHERE p.version_id = v.id AND v.document_id = ANY(%s)",
            [list(document_ids)],
        )


def _publish(claim: Claim, reading: Reading, language: str) -> None:
    """Make the version current, last: its row lock must not be held for long."""
    DocumentVersion.objects.filter(pk=claim.version.pk).update(
        title=reading.title[:300],
        page_count=len(reading.parsed.pages),
        chunk_count=len(reading.passages),
        parser_version=reading.parser_version,
        chunker_version=CHUNKER_VERSION,
        language=language,
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
    columns = f"version_id, start, {PAGE_COLUMNS}"
    starts = page_starts(parsed.pages)
    rows = (
        (claim.version.pk, start, *page_values(replace(page, label=page.label[:200])))
        for page, start in zip(parsed.pages, starts, strict=True)
    )
    copy_in(cursor, f"ingestion_page ({columns})", rows)


def _copy_passages(
    cursor: Any, claim: Claim, reading: Reading, on_row: Callable[[], None]
) -> None:
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
    copy_in(cursor, f"ingestion_chunk ({columns})", _each(rows, on_row))
    _copy_vectors(cursor, ids, reading, on_row)


def _copy_vectors(
    cursor: Any, ids: Sequence[int], reading: Reading, on_row: Callable[[], None]
) -> None:
    accept_halfvec(cursor)
    rows = (
        (chunk_id, reading.space.pk, HalfVector(vector))
        for chunk_id, vector in zip(ids, reading.vectors, strict=True)
    )
    copy_in(
        cursor,
        "ingestion_embedding (chunk_id, space_id, vector)",
        _each(rows, on_row),
        types=["int8", "int8", "halfvec"],
    )


def _reserve_ids(cursor: Any, count: int) -> list[int]:
    cursor.execute(
        "SELECT nextval(pg_get_serial_sequence('ingestion_chunk', 'id')) "
        "FROM generate_series(1, %s)",
        [count],
    )
    return [row[0] for row in cursor.fetchall()]


def _each(
    rows: Iterable[Sequence[object]], on_row: Callable[[], None]
) -> Iterator[Sequence[object]]:
    for row in rows:
        on_row()
        yield row
