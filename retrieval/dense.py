"""Nearest neighbours by cosine similarity, inside the asker's rights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from ingestion.models import EmbeddingSpace
from retrieval.replica import connection_for_ranking
from retrieval.sql import Fragment
from retrieval.types import RetrievalConfig

# Vectors that one iterative scan may visit. A filtered HNSW scan goes on until it
# has enough visible rows, so this bounds the cost of a question whose
# neighbourhood is all foreign; pgvector's default of 20,000 was short of rows
# at 1 visible chunk in 100.
MAX_SCAN_TUPLES = 200_000


def is_exact_cheaper(visible: int, total: int, config: RetrievalConfig) -> bool:
    """Whether to compare every visible vector, not to walk the index.

    A walk meets ``candidates`` visible rows after about ``candidates * total /
    visible`` steps, each of which costs as much as ``walk_cost`` comparisons. It is
    also the only exact way once that many steps are more than a walk may take.
    Measured in docs/scaling.md.
    """
    if visible <= config.exact_scan_chunks:
        return True
    steps = config.candidates * total / visible
    return steps > MAX_SCAN_TUPLES or visible <= config.walk_cost * steps


def halfvec(vector: NDArray[np.float32]) -> str:
    """Return the text form of ``vector``, cast it with ``::halfvec``."""
    text: str = HalfVector(vector).to_text()
    return text


def exact_neighbours(
    question: str, space: EmbeddingSpace, rights: Fragment, limit: int
) -> Fragment:
    """Compare the question with every visible vector.

    Returns rows (chunk_id, distance), nearest first. The distance is taken
    without the cast that the HNSW index is built on: that index cannot be used
    by mistake.
    """
    sql = f"""
        SELECT e.chunk_id, e.vector <=> %s::halfvec AS distance
        FROM ingestion_embedding e
        WHERE e.space_id = %s AND e.chunk_id = ANY(ARRAY(
            SELECT c.id FROM ingestion_chunk c WHERE {rights.sql}))
        ORDER BY distance LIMIT %s
    """  # noqa: S608
    return Fragment(sql, (question, space.pk, *rights.params, limit))


def indexed_neighbours(
    question: str, space: EmbeddingSpace, rights: Fragment, limit: int
) -> Fragment:
    """Walk the HNSW index of the space and keep what may be read.

    Returns rows like ``exact_neighbours``. Needs ``prepare_index_scan``. Space
    and dimension are in the text, as integers: a partial index matches only a
    condition that the planner can compare with its own.
    """
    vector = f"e.vector::halfvec({space.dimension:d})"
    sql = f"""
        SELECT e.chunk_id, ({vector}) <=> %s::halfvec({space.dimension:d}) AS distance
        FROM ingestion_embedding e JOIN ingestion_chunk c ON c.id = e.chunk_id
        WHERE e.space_id = {space.pk:d} AND {rights.sql}
        ORDER BY distance LIMIT %s
    """  # noqa: S608
    return Fragment(sql, (question, *rights.params, limit))


def of_everybody(question: str, space: EmbeddingSpace, limit: int) -> Fragment:
    """Walk the index with no rights: only to check a space, never for a person.

    Returns rows like ``exact_neighbours``.
    """
    everything = Fragment("true", ())
    return indexed_neighbours(question, space, everything, limit)


def prepare_index_scan(config: RetrievalConfig) -> None:
    """Set how the current transaction walks an HNSW index.

    Without the iterative scan a filter takes its rows out of the first
    ``ef_search`` alone, and a reader of a tenth of the library gets a tenth of
    them (pgvector README, "Filtering"). In strict order it drops rows that it meets
    too late, and such a reader of a million chunks missed an eighth of the nearest
    ten; in relaxed order a hundredth. Whoever asks sorts the rows again.
    """
    with connection_for_ranking().cursor() as cursor:
        cursor.execute(
            "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),"
            " set_config('hnsw.ef_search', %s, true),"
            " set_config('hnsw.max_scan_tuples', %s, true)",
            [str(config.ef_search), str(MAX_SCAN_TUPLES)],
        )
