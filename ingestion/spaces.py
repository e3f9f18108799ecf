"""Embedding spaces: one embedder at one digest, with a table and an index of its own.

A search meets exactly one space, the live one. The vectors of a space are a
partition of ``ingestion_embedding``: a space that is not wanted any more goes by
dropping its table, whatever its size (docs/adr/0015).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from django.db import OperationalError, connection, transaction

from ingestion.embedding import Embedder
from ingestion.errors import EmbedderChanged, SpaceBusy, SpaceChanged
from ingestion.indexing import IndexConfig, index_name, index_sql, partition_of
from ingestion.models import Embedding, EmbeddingSpace

# Any constant will do; it only has to differ from other advisory locks here.
_SPACE_LOCK = 7_305_001
# A partition is made or dropped in no time, but waits for every write that is going
# on, and everybody else waits behind it: it must give up soon.
_LOCK_TIMEOUT = "3s"

State = EmbeddingSpace.State


class Described(Protocol):
    """What a space keeps of its embedder."""

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def dimension(self) -> int: ...


class Model(NamedTuple):
    """An embedder that is not loaded."""

    name: str
    digest: str
    dimension: int


def live_space() -> EmbeddingSpace | None:
    return EmbeddingSpace.objects.filter(state=State.LIVE).first()


def live_model_name() -> str | None:
    """Return the catalogue's name of the live space's embedder; None before one is.

    Whoever embeds uses this model, not the one of the settings: those only choose
    the first.
    """
    space = live_space()
    # An empty space gives way to the settings' embedder (ensure_live_space).
    if space is None or not Embedding.objects.filter(space=space).exists():
        return None
    return space.model_name


def ensure_live_space(embedder: Embedder) -> EmbeddingSpace:
    """Return the live space, made for ``embedder`` if there is none yet.

    Raises:
        EmbedderChanged: the live space holds vectors of other weights.
        SpaceChanged: those of ``embedder`` were live until a moment ago.
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
            raise _other_than(embedder, space)
        drop_space(space)
    space = create_space(embedder, State.LIVE)
    with connection.cursor() as cursor:
        # Instant, because a new space is empty.
        cursor.execute(index_sql(space, index_name(space), IndexConfig.from_settings()))
    return space


def _other_than(
    embedder: Embedder, live: EmbeddingSpace
) -> EmbedderChanged | SpaceChanged:
    rows = EmbeddingSpace.objects.filter(state=State.RETIRED)
    if rows.filter(model_digest=embedder.digest).exists():
        return SpaceChanged()
    return EmbedderChanged(detail={"live": live.model_name})


def hold_live(space: EmbeddingSpace) -> None:
    """Keep ``space`` live until the current transaction ends.

    Whoever writes vectors asks this first: a space that stops being live waits for
    them, and they never write into one that has stopped.

    Raises:
        SpaceChanged: it is live no longer; embed again for the one that is.
    """
    rows = EmbeddingSpace.objects.filter(pk=space.pk, state=State.LIVE)
    # FOR SHARE, which Django does not offer: writers do not wait for one another.
    sql, params = rows.values("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} FOR SHARE", params)
        if cursor.fetchone() is None:
            raise SpaceChanged


def create_space(model: Described, state: EmbeddingSpace.State) -> EmbeddingSpace:
    """Return a new space with an empty table and no index.

    Raises:
        SpaceBusy: documents are being written; try again.
    """
    from ingestion.chunking import CHUNKER_VERSION

    with transaction.atomic():
        space = EmbeddingSpace.objects.create(
            model_name=model.name,
            model_digest=model.digest,
            dimension=model.dimension,
            chunker_version=CHUNKER_VERSION,
            state=state,
        )
        _change_tables(
            f"CREATE TABLE {partition_of(space)} PARTITION OF ingestion_embedding "
            f"FOR VALUES IN ({space.pk:d})"
        )
    return space


def drop_space(space: EmbeddingSpace) -> None:
    """Drop the table with all vectors of ``space``, and its row.

    Raises:
        SpaceBusy: documents are being written; try again.
    """
    with transaction.atomic():
        _change_tables(f"DROP TABLE IF EXISTS {partition_of(space)}")
        space.delete()


def _change_tables(sql: str) -> None:
    try:
        with connection.cursor() as cursor:
            # Checks that wait for the commit would forbid it.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            cursor.execute(sql)
            cursor.execute("SET LOCAL lock_timeout = 0")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    except OperationalError as exc:
        raise SpaceBusy from exc
