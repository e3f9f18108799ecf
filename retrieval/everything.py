"""All documents and all passages that speak of something, not the best few.

Counted and listed inside the asker's rights like a search. What the first statement
finds is ids; names, words and numbers are read under row-level security after it, so
that a count holds nothing that this user may not read.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from ingestion.visibility import Visible, reading_as
from retrieval.candidates import read_hits
from retrieval.filters import Filters
from retrieval.reach import measure_reach
from retrieval.sql import Fragment, readable_documents, within_rights
from retrieval.topics import Topic, pieces_of, topics_in
from retrieval.types import Hit, RetrievalConfig

#: Passages of one topic whose words are read; the rest is counted.
MAX_PASSAGES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which documents of those in reach.

    Attributes:
        topic: what a passage of each must speak of, "" for any.
        as_phrase: the topic word for word.
        named: what name, title, folder or a tag must hold in small letters, as a
            regular expression, "" for any.
        collection: name of theirs in any case, "" for any.
        is_oldest: oldest first, else newest first, by the day of the version.
        limit: documents that are read; all are counted.
    """

    topic: str = ""
    as_phrase: bool = False
    named: str = ""
    collection: str = ""
    is_oldest: bool = False
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A document and its passage to show: the best that matches, or its first one."""

    document_id: UUID
    version_id: UUID
    name: str
    title: str
    added: dt.date
    hit: Hit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """``total`` is exact; ``rows`` are the first ones, without their passages.

    Attributes:
        searched: documents in reach, of which ``total`` were found.
        best: the passage of each version that matches best; None without a topic.
        has_words: the topic has words that can be looked for; stop words are none.
    """

    total: int
    rows: tuple[Listed, ...] = ()
    searched: int = 0
    best: Mapping[UUID, int] | None = None
    has_words: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    """How often a phrase stands in the texts, and in how many documents."""

    count: int
    documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passages:
    """Passages with all words of a topic, best first; ``total`` counts all of them."""

    total: int
    hits: tuple[Hit, ...]


def find_documents(
    sought: Sought, visible: Visible, filters: tuple[Filters, ...] = ()
) -> Documents:
    """Return the documents that ``sought`` describes, counted and the first read."""
    scope = _scope(sought.topic, visible, filters, as_phrase=sought.as_phrase)
    if sought.topic and not scope.topics:
        return Documents(total=0, searched=scope.documents, has_words=False)
    best = _best_passages(scope) if sought.topic else None
    total, rows = _read_documents(sought, visible, filters, best)
    return Documents(total=total, rows=tuple(rows), searched=scope.documents, best=best)


def with_passages(
    documents: Documents, rows: Sequence[Listed], visible: Visible
) -> list[Listed]:
    """Return ``rows`` of ``documents``, each with its passage."""
    chunks = _first_passages(rows) if documents.best is None else documents.best
    ids = {row.version_id: chunks.get(row.version_id, 0) for row in rows}
    hits = read_hits(visible.user_id, list(ids.values()))
    return [replace(row, hit=hits.get(ids[row.version_id])) for row in rows]


def count_mentions(
    topic: str, visible: Visible, filters: tuple[Filters, ...] = ()
) -> Mentions:
    """Count how often ``topic``, word for word, stands in the text of the passages.

    Headings are not counted: each passage repeats those that it stands under.
    """
    scope = _scope(topic, visible, filters, as_phrase=True)
    if not scope.topics:
        return Mentions(count=0, documents=0)
    versions = _readable_versions(visible, list(_best_passages(scope)))
    sql = """
        WITH wanted AS MATERIALIZED (
            SELECT * FROM unnest(%s::text[], %s::tsquery[], %s::jsonb[])
                AS wanted (language, query, parts)
        )
        SELECT count(*), count(DISTINCT c.version_id)
        FROM wanted w
        JOIN ingestion_chunk c ON c.lexemes @@ w.query AND c.language = w.language
        CROSS JOIN LATERAL (SELECT lexemes_of(c.language, c.text) AS lexemes) said
        CROSS JOIN LATERAL unnest(said.lexemes) AS one (lexeme, positions, weights)
        CROSS JOIN LATERAL unnest(one.positions) AS at
        WHERE c.version_id = ANY(%s) AND one.lexeme = w.parts->0->>0 AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(w.parts) part WHERE NOT EXISTS (
                SELECT FROM unnest(said.lexemes) AS other (lexeme, positions, weights)
                WHERE other.lexeme = part->>0
                  AND at + (part->>1)::integer = ANY(other.positions)
            )
        )
    """
    languages, queries = _columns(scope.topics)
    parts = [_json(topic.phrase) for topic in scope.topics]
    count, documents = _one(Fragment(sql, (languages, queries, parts, versions)))
    return Mentions(count=count, documents=documents)


def find_passages(
    topic: str, visible: Visible, filters: tuple[Filters, ...] = ()
) -> Passages:
    """Return the passages that hold every word of ``topic``, at most MAX_PASSAGES."""
    scope = _scope(topic, visible, filters)
    if not scope.topics:
        return Passages(total=0, hits=())
    sql = f"""
        {_WANTED}
        SELECT c.id, count(*) OVER () FROM wanted w
        JOIN ingestion_chunk c ON c.lexemes @@ w.query AND c.language = w.language
        WHERE {scope.rights.sql}
        ORDER BY ts_rank(c.lexemes, w.query) DESC, c.id LIMIT %s
    """  # noqa: S608
    columns = _columns(scope.topics)
    rows = _run(Fragment(sql, (*columns, *scope.rights.params, MAX_PASSAGES)))
    ids = [row[0] for row in rows]
    found = read_hits(visible.user_id, ids)
    hits = tuple(found[pk] for pk in ids if pk in found)
    total = rows[0][1] if len(rows) == MAX_PASSAGES and hits else len(hits)
    return Passages(total=total, hits=hits)


def find_listed(visible: Visible, documents: Iterable[UUID]) -> dict[UUID, Listed]:
    """Return name, title and day of readable documents, by their id."""
    only = Filters(documents=tuple(documents))
    if not only.documents:
        return {}
    _, rows = _read_documents(Sought(limit=len(only.documents)), visible, (only,), None)
    return {row.document_id: row for row in rows}


_WANTED = """
WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest(%s::text[], %s::tsquery[]) AS wanted (language, query)
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    topics: list[Topic]
    rights: Fragment
    documents: int


def _scope(
    topic: str,
    visible: Visible,
    filters: tuple[Filters, ...],
    *,
    as_phrase: bool = False,
) -> _Scope:
    reach = measure_reach(topic, visible, filters)
    languages = [terms.language for terms in reach.terms]
    is_small = reach.chunks <= RetrievalConfig().exact_scan_chunks
    return _Scope(
        topics=topics_in(languages, pieces_of(topic, as_phrase=as_phrase)),
        rights=within_rights(visible, filters, is_small=is_small),
        documents=reach.documents,
    )


def _best_passages(scope: _Scope) -> dict[UUID, int]:
    """Return the passage of each version in which the topic comes out most."""
    sql = f"""
        {_WANTED}
        SELECT DISTINCT ON (c.version_id) c.version_id, c.id FROM wanted w
        JOIN ingestion_chunk c ON c.lexemes @@ w.query AND c.language = w.language
        WHERE {scope.rights.sql}
        ORDER BY c.version_id, ts_rank(c.lexemes, w.query) DESC, c.ordinal
    """  # noqa: S608
    columns = _columns(scope.topics)
    return dict(_run(Fragment(sql, (*columns, *scope.rights.params))))


def _columns(topics: Sequence[Topic]) -> tuple[list[str], list[str]]:
    return [topic.language for topic in topics], [topic.query for topic in topics]


def _read_documents(
    sought: Sought,
    visible: Visible,
    filters: tuple[Filters, ...],
    matching: Iterable[UUID] | None,
) -> tuple[int, list[Listed]]:
    documents = readable_documents(visible, filters)
    sql = f"""
        SELECT count(*) OVER (), d.id, v.id, d.name, d.folder, v.title, v.created_at
        FROM ingestion_document d
        JOIN ingestion_documentversion v ON v.id = d.current_version_id
        JOIN ingestion_collection l ON l.id = d.collection_id
        WHERE {documents.sql}
          AND (%s::uuid[] IS NULL OR v.id = ANY(%s))
          AND (%s = '' OR lower(l.name) = lower(%s))
          AND (%s = '' OR lower(concat_ws(
                ' ', d.name, d.folder, v.title, array_to_string(d.tags, ' '))) ~ %s)
        ORDER BY v.created_at {"" if sought.is_oldest else "DESC"}, d.name, d.id LIMIT %s
    """  # noqa: S608
    ids = None if matching is None else list(matching)
    name, piece = sought.collection, sought.named
    params = (*documents.params, ids, ids, name, name, piece, piece, sought.limit)
    with reading_as(visible.user_id):
        found = _run(Fragment(sql, params))
    rows = [
        Listed(
            document_id=document,
            version_id=version,
            name=f"{folder}/{name}" if folder else name,
            title=title,
            added=timezone.localdate(created_at),
        )
        for _, document, version, name, folder, title, created_at in found
    ]
    return (found[0][0] if found else 0), rows


def _first_passages(rows: Sequence[Listed]) -> dict[UUID, int]:
    sql = """
        SELECT DISTINCT ON (version_id) version_id, id FROM ingestion_chunk
        WHERE version_id = ANY(%s) ORDER BY version_id, ordinal
    """
    return dict(_run(Fragment(sql, ([row.version_id for row in rows],))))


def _readable_versions(visible: Visible, versions: list[UUID]) -> list[UUID]:
    sql = "SELECT id FROM ingestion_documentversion WHERE id = ANY(%s)"
    with reading_as(visible.user_id):
        return [row[0] for row in _run(Fragment(sql, (versions,)))]


def _json(phrase: Sequence[tuple[str, int]]) -> str:
    return json.dumps(phrase, ensure_ascii=False)


def _one(statement: Fragment) -> tuple[Any, ...]:
    return _run(statement)[0]


def _run(statement: Fragment) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.params)
        return list(cursor)
