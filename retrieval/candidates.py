"""Both rankings in one statement, then the words of what they found in another.

The first knows ids and scores only. The second reads under row-level security:
a chunk that the asker may not read has no words, whatever the first one found.
A search by words counts them before, in a statement of its own (retrieval.lexical).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from ingestion.models import EmbeddingSpace
from ingestion.visibility import Visible, reading_as
from retrieval import dense, lexical, replica
from retrieval.filters import Filters
from retrieval.reach import Reach
from retrieval.replica import connection_for_ranking
from retrieval.sql import Fragment, within_rights
from retrieval.types import Hit, RetrievalConfig

_NO_ROWS = Fragment("SELECT NULL::bigint AS chunk_id, 0.0 AS distance WHERE false", ())
_NO_WORDS = Fragment(
    "SELECT NULL::text AS language, NULL::sparsevec AS vector WHERE false", ()
)

# Similarity and BM25 are computed for the chunks of either ranking: fusion of
# scores needs both of each. Rights were applied inside the rankings.
_RANKED = """
WITH question AS MATERIALIZED ({question}),
dense AS (
    SELECT chunk_id, row_number() OVER (ORDER BY distance, chunk_id) AS rank
    FROM ({dense}) nearest
), lexical AS (
    SELECT chunk_id, row_number() OVER (ORDER BY distance, chunk_id) AS rank
    FROM ({lexical}) matching
)
SELECT c.id, 1 - (e.vector <=> %s::halfvec), -{bm25}, dense.rank, lexical.rank
FROM dense FULL JOIN lexical USING (chunk_id)
JOIN ingestion_chunk c ON c.id = chunk_id
LEFT JOIN ingestion_embedding e ON e.chunk_id = c.id AND e.space_id = %s
"""
_WORDS = """
SELECT c.id, d.id, c.version_id, d.collection_id, d.name, c.heading, c.text,
       c.start, c."end", c.page_first, c.page_last, c.token_count
FROM ingestion_chunk c JOIN ingestion_document d ON d.current_version_id = c.version_id
WHERE c.id = ANY(%s)
"""
_RANKED_FIELDS = ("chunk_id", "similarity", "bm25", "dense_rank", "lexical_rank")
_WORDS_FIELDS = (
    *("chunk_id", "document_id", "version_id", "collection_id", "document"),
    *("heading", "text", "start", "end", "page", "page_last", "token_count"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question as the database meets it.

    Attributes:
        space, vector: the question's vector in the live space; None for a
            search by words alone.
    """

    visible: Visible
    filters: tuple[Filters, ...] = ()
    config: RetrievalConfig
    reach: Reach
    space: EmbeddingSpace | None
    vector: NDArray[np.float32] | None


def find_candidates(query: Query) -> list[Hit]:
    """Return the chunks of the dense and of the lexical ranking, not yet fused.

    Every visible vector is compared where that costs less than a walk through
    the index (``dense.is_exact_cheaper``), and where the walk came back with too
    few rows: a search never returns fewer than there are.
    """
    ranked = replica.ranked(partial(_ranked, query))
    words = _words_of(query.visible.user_id, _ids_of(ranked))
    if len(words) < len(ranked):
        # A document was read again in between: its passages have new ids. Or the
        # replica did not know yet what is revoked or gone: now the primary ranks.
        ranked = _ranked(query)
        words = _words_of(query.visible.user_id, _ids_of(ranked))
    return [
        Hit(score=0.0, **{**words[row["chunk_id"]], **row})
        for row in ranked
        if row["chunk_id"] in words
    ]


def read_hits(user_id: int, ids: Sequence[int]) -> dict[int, Hit]:
    """Return chunks by their id, those that this user may read, with no score."""
    found = _words_of(user_id, list(ids))
    return {pk: Hit(score=0.0, **words) for pk, words in found.items()}


def _ids_of(ranked: Iterable[dict[str, Any]]) -> list[int]:
    return [row["chunk_id"] for row in ranked]


def _words_of(user_id: int, ids: list[int]) -> dict[int, dict[str, Any]]:
    with reading_as(user_id):
        rows = _run(Fragment(_WORDS, (ids,)))
    return {row[0]: dict(zip(_WORDS_FIELDS, row, strict=True)) for row in rows}


def _ranked(query: Query) -> list[dict[str, Any]]:
    config, reach = query.config, query.reach
    if query.vector is None or dense.is_exact_cheaper(
        reach.chunks, reach.total, config
    ):
        return _rank(_statement(query, is_exact=True))
    with transaction.atomic(using=connection_for_ranking().alias):
        dense.prepare_index_scan(config)
        ranked = _rank(_statement(query, is_exact=False))
    walked = sum(row["dense_rank"] is not None for row in ranked)
    if walked >= min(config.candidates, reach.chunks):
        return ranked
    return _rank(_statement(query, is_exact=True))


def _statement(query: Query, *, is_exact: bool) -> Fragment:
    is_small = query.reach.chunks <= query.config.exact_scan_chunks
    rights = within_rights(query.visible, query.filters, is_small=is_small)
    limit = query.config.candidates
    question, nearest, matching = _NO_WORDS, _NO_ROWS, _NO_ROWS
    vector, space = None, query.space
    if space is not None and query.vector is not None:
        vector = dense.halfvec(query.vector)
        rank = dense.exact_neighbours if is_exact else dense.indexed_neighbours
        nearest = rank(vector, space, rights, limit)
    words = _words(query, rights, is_small=is_small)
    if words:
        question = lexical.question_vectors(words)
        matching = lexical.best_matches(words, rights, limit, is_small=is_small)
    return Fragment(
        _RANKED.format(
            question=question.sql,
            dense=nearest.sql,
            lexical=matching.sql,
            bm25=lexical.DISTANCE,
        ),
        (
            *(*question.params, *nearest.params, *matching.params),
            *(vector, space.pk if space else None),
        ),
    )


def _words(query: Query, rights: Fragment, *, is_small: bool) -> list[lexical.Word]:
    if query.config.method == "dense":
        return []
    return lexical.count_words(query.reach.terms, rights, is_small=is_small)


def _rank(statement: Fragment) -> list[dict[str, Any]]:
    rows = _run(statement, connection_for_ranking())
    return [dict(zip(_RANKED_FIELDS, row, strict=True)) for row in rows]


def _run(statement: Fragment, link: Any = connection) -> list[tuple[Any, ...]]:
    with link.cursor() as cursor:
        cursor.execute(statement.sql, statement.params)
        return list(cursor)
