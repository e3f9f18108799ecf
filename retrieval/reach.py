"""What a question meets: how much the asker may read, and its words in those languages."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from ingestion.models import Document
from ingestion.visibility import Visible

_UNREAD = [state.value for state in Document.State if state not in Document.SETTLED]

#: Different words of a question that count, from its beginning: each costs a look
#: into an index. The embedder's window ends a pasted page at about as many.
MAX_LEXEMES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The size of the visible set, counted when asked.

    Attributes:
        collections, documents: that can be searched; a document whose new
            version is still being read counts by its current one.
        unread_documents: waiting or being read.
        chunks: of the documents, by the count kept with each version.
        lexemes: of the question, in every language of those collections, at
            most MAX_LEXEMES.
    """

    collections: int
    documents: int
    unread_documents: int
    chunks: int
    lexemes: tuple[str, ...]


def measure_reach(question: str, visible: Visible) -> Reach:
    readable, params = visible.documents_sql()
    sql = f"""
        WITH readable AS MATERIALIZED (
            SELECT d.collection_id, d.current_version_id, d.state, v.chunk_count
            FROM ingestion_document d
            LEFT JOIN ingestion_documentversion v ON v.id = d.current_version_id
            WHERE d.id IN ({readable})
        ), languages AS (
            SELECT DISTINCT language FROM ingestion_collection
            WHERE id IN (SELECT collection_id FROM readable)
        )
        SELECT count(DISTINCT collection_id) FILTER (
                   WHERE current_version_id IS NOT NULL),
               count(current_version_id),
               count(*) FILTER (WHERE state = ANY(%s)),
               coalesce(sum(chunk_count), 0),
               ARRAY(
                   SELECT lexeme
                   FROM languages, unnest(lexemes_of(language, %s))
                   GROUP BY lexeme
                   ORDER BY min(positions[1]), lexeme LIMIT %s
               )
        FROM readable
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, _UNREAD, question, MAX_LEXEMES])
        collections, documents, unread, chunks, lexemes = cursor.fetchone()
    return Reach(
        collections=collections,
        documents=documents,
        unread_documents=unread,
        chunks=int(chunks),
        lexemes=tuple(lexemes),
    )
