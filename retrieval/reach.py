"""What a question meets: how much the asker may read, and its words in those languages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from ingestion.languages import LANGUAGE_SQL
from ingestion.models import Document
from ingestion.visibility import Visible, reading_as
from retrieval.filters import Filters
from retrieval.sql import readable_documents

_UNREAD = [state.value for state in Document.State if state not in Document.SETTLED]

#: Different words of a question that count, from its beginning: each costs a look
#: into an index. The embedder's window ends a pasted page at about as many.
MAX_LEXEMES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The question as documents of one language know it.

    Attributes:
        language: a text-search configuration.
        chunks: visible ones in that language.
        lexemes: of the question, in its order.
    """

    language: str
    chunks: int
    lexemes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The size of the visible set, counted when asked.

    Attributes:
        collections, documents: that can be searched; a document whose new
            version is still being read counts by its current one.
        unread_documents: waiting or being read.
        chunks: of the documents, by the count kept with each version.
        total: of everybody, as Postgres last estimated; at least ``chunks``.
        terms: one for each language of the documents, together with at most
            MAX_LEXEMES lexemes.
    """

    collections: int
    documents: int
    unread_documents: int
    chunks: int
    total: int
    terms: tuple[Terms, ...]


def measure_reach(
    question: str, visible: Visible, filters: Iterable[Filters] = ()
) -> Reach:
    documents = readable_documents(visible, filters)
    sql = f"""
        WITH readable AS MATERIALIZED (
            SELECT d.collection_id, d.current_version_id, d.state, v.chunk_count,
                   {LANGUAGE_SQL} AS language
            FROM ingestion_document d
            JOIN ingestion_collection l ON l.id = d.collection_id
            LEFT JOIN ingestion_documentversion v ON v.id = d.current_version_id
            WHERE {documents.sql}
        ), languages AS (
            SELECT language, sum(chunk_count) AS chunks FROM readable
            WHERE current_version_id IS NOT NULL GROUP BY language
        )
        SELECT count(DISTINCT collection_id) FILTER (
                   WHERE current_version_id IS NOT NULL),
               count(current_version_id),
               count(*) FILTER (WHERE state = ANY(%s)),
               coalesce(sum(chunk_count), 0),
               (SELECT reltuples FROM pg_class
                WHERE oid = 'ingestion_chunk'::regclass),
               (SELECT json_agg(json_build_array(language, chunks, ARRAY(
                    SELECT lexeme FROM unnest(lexemes_of(language, %s))
                    GROUP BY lexeme ORDER BY min(positions[1]), lexeme
                    LIMIT %s / (SELECT count(*) FROM languages)
                )) ORDER BY language) FROM languages)
        FROM readable
    """  # noqa: S608
    with reading_as(visible.user_id), connection.cursor() as cursor:
        cursor.execute(sql, [*documents.params, _UNREAD, question, MAX_LEXEMES])
        collections, found, unread, chunks, total, terms = cursor.fetchone()
    return Reach(
        collections=collections,
        documents=found,
        unread_documents=unread,
        chunks=int(chunks),
        total=max(int(chunks), int(total)),
        terms=tuple(
            Terms(language=language, chunks=count, lexemes=tuple(lexemes))
            for language, count, lexemes in terms or ()
        ),
    )
