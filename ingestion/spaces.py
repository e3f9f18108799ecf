"""Embedding spaces: one embedder at one digest, with an index of its own.

A search meets exactly one space, the live one. Each space has a partial HNSW
index on its own vectors, cast to the space's dimension.
"""

from __future__ import annotations

from django.db import connection, transaction

from ingestion.embedding import Embedder
from ingestion.errors import EmbedderChanged
from ingestion.models import Embedding, EmbeddingSpace

# Any constant will do; it only has to differ from other advisory locks here.
_SPACE_LOCK = 7_305_001
# Connections a layer and candidates while building: pgvector's defaults, at
# which recall of 384-dimensional text vectors is above 0.95.
_HNSW_M, _HNSW_EF_CONSTRUCTION = 16, 64


def live_space() -> EmbeddingSpace | None:
    return EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.LIVE).first()


def ensure_live_space(embedder: Embedder) -> EmbeddingSpace:
    """Return the live space, made for ``embedder`` if there is none yet.

    Raises:
        EmbedderChanged: the live space holds vectors of other weights.
    """
    space = live_space()
    if space is not None and space.model_digest == embedder.digest:
        return space
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SPACE_LOCK])
        return _make_live(embedder)


def _make_live(embedder: Embedder) -> EmbeddingSpace:
    space = live_space()
    if space is not None and space.model_digest == embedder.digest:
        return space
    if space is not None:
        if Embedding.objects.filter(space=space).exists():
            raise EmbedderChanged(detail={"live": space.model_name})
        _drop(space)
    space = EmbeddingSpace.objects.create(
        model_name=embedder.name,
        model_digest=embedder.digest,
        dimension=embedder.dimension,
        state=EmbeddingSpace.State.LIVE,
    )
    _create_index(space)
    return space


def _drop(space: EmbeddingSpace) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS embedding_space_{space.pk:d}")
    space.delete()


def _create_index(space: EmbeddingSpace) -> None:
    """Index the space's vectors; instant, because a new space has none."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE INDEX embedding_space_{space.pk:d} ON ingestion_embedding "
            f"USING hnsw ((vector::halfvec({space.dimension:d})) halfvec_cosine_ops) "
            f"WITH (m = {_HNSW_M}, ef_construction = {_HNSW_EF_CONSTRUCTION}) "
            f"WHERE space_id = {space.pk:d}"
        )
