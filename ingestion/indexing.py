"""The HNSW index of an embedding space: built beside writers, with a memory budget.

An index is built CONCURRENTLY over a connection of its own. A run that is killed
leaves an invalid index, which the next run drops. Two runs never meet: an advisory
lock, which ends with its connection, is held by one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from ingestion.errors import IndexFailed, SpaceBusy
from ingestion.models import EmbeddingSpace
from rag_site.own_connection import own_connection

#: Told the phase in Postgres' words, and the share of it that is done, 0 to 1.
Progress = Callable[[str, float], None]

# Any constant will do; it only has to differ from other advisory locks here.
_INDEX_LOCK = 7_305_002
_POLL_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexConfig:
    """How an index is built.

    Attributes:
        m: connections of a vector on each layer but the lowest, which has twice
            as many. Costs memory and disk.
        ef_construction: candidates looked at for each vector. Costs time.
        memory_mb: of the whole build; a graph that outgrows it goes on on disk,
            several times slower.
        workers: processes beside the one that leads.
    """

    m: int = 16
    ef_construction: int = 64
    memory_mb: int = 1024
    workers: int = 1

    @classmethod
    def from_settings(cls) -> IndexConfig:
        return cls(
            m=settings.HNSW_M,
            ef_construction=settings.HNSW_EF_CONSTRUCTION,
            memory_mb=settings.INDEX_MEMORY_MB,
            workers=settings.INDEX_WORKERS,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexStatus:
    """What the database says of the index of one space.

    Attributes:
        state: missing, building, invalid (a build was cut short) or ready.
        rows: vectors, as last counted by ANALYZE; -1 if never.
        phase, done: of a build that is going on, ``done`` from 0 to 1.
    """

    space: int
    model: str
    state: str
    rows: int
    table_bytes: int
    index_bytes: int
    phase: str = ""
    done: float = 0.0


def partition_of(space: EmbeddingSpace) -> str:
    """Return the table that holds the vectors of ``space``."""
    return f"ingestion_embedding_{space.pk:d}"


def index_name(space: EmbeddingSpace) -> str:
    return f"embedding_space_{space.pk:d}"


def index_sql(
    space: EmbeddingSpace, name: str, config: IndexConfig, *, how: str = ""
) -> str:
    return (
        f"CREATE INDEX {how} {name} ON {partition_of(space)} "
        f"USING hnsw ((vector::halfvec({space.dimension:d})) halfvec_cosine_ops) "
        f"WITH (m = {config.m:d}, ef_construction = {config.ef_construction:d})"
    )


def estimated_mb(vectors: int, dimension: int, m: int) -> int:
    """Return the memory that the graph of ``vectors`` takes while it is built.

    An estimate: 2 bytes a number, 16 bytes for each of 2 m neighbours below and two
    above, and 200 bytes around them. A million vectors of 384 numbers were built
    in memory within 3 GB.
    """
    of_one = 2 * dimension + 16 * (2 * m + 2) + 200
    return vectors * of_one // 1_000_000 + 1


def build(
    space: EmbeddingSpace,
    config: IndexConfig,
    *,
    rebuild: bool = False,
    progress: Progress | None = None,
) -> bool:
    """Make sure that ``space`` has its whole index; return whether one was built.

    With ``rebuild`` a new one is built and takes the place of the old, which
    serves until then.

    Raises:
        SpaceBusy: another run builds.
        IndexFailed: Postgres could not build it; says why.
    """
    name = index_name(space)
    with _alone() as link:
        _drop_invalid(link, space)
        if _is_valid(link, name) and not rebuild:
            return False
        made = f"{name}_new"
        _set_budget(link, config)
        with _watched(space, progress):
            _run(link, index_sql(space, made, config, how="CONCURRENTLY"))
        with link.transaction():
            link.execute("SET LOCAL lock_timeout = '10s'")
            link.execute(f"DROP INDEX IF EXISTS {name}")
            link.execute(f"ALTER INDEX {made} RENAME TO {name}")
        link.execute(f"ANALYZE {partition_of(space)}")
    return True


def drop(space: EmbeddingSpace) -> None:
    """Drop the index, before much is loaded: rows without an index go in faster.

    Until it is built again, searches compare every visible vector.
    """
    with _alone() as link:
        _drop_invalid(link, space)
        _run(link, f"DROP INDEX CONCURRENTLY IF EXISTS {index_name(space)}")


def status(space: EmbeddingSpace) -> IndexStatus:
    name = index_name(space)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.indisvalid, coalesce(pg_relation_size(i.indexrelid), 0)"
            " FROM pg_index i WHERE i.indexrelid = to_regclass(%s)",
            [name],
        )
        is_valid, size = cursor.fetchone() or (None, 0)
        cursor.execute(
            "SELECT reltuples::bigint, pg_table_size(oid) FROM pg_class"
            " WHERE oid = to_regclass(%s)",
            [partition_of(space)],
        )
        rows, table_bytes = cursor.fetchone() or (-1, 0)
        going_on = _progress(cursor, space)
        left = _invalid(cursor, space)
    state = "building" if going_on else "ready" if is_valid else "missing"
    if left and not going_on:
        state = "invalid"
    phase, done = going_on or ("", 0.0)
    return IndexStatus(
        space=space.pk,
        model=space.model_name,
        state=state,
        rows=rows,
        table_bytes=table_bytes,
        index_bytes=size,
        phase=phase,
        done=done,
    )


@contextmanager
def _alone() -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection of its own that holds the lock of builders."""
    with only_one(_INDEX_LOCK) as link:
        if link is None:
            raise SpaceBusy("Another process builds an index. Wait for it to end.")
        yield link


@contextmanager
def only_one(key: int) -> Iterator[psycopg.Connection[Any] | None]:
    """Yield a connection that holds the advisory lock ``key``; None if another does.

    The lock ends with its connection, also after SIGKILL.
    """
    with contextlib.closing(own_connection()) as link:
        row = link.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone()
        try:
            yield link if row and row[0] else None
        finally:
            # The server ends a closed connection a little later.
            with contextlib.suppress(psycopg.Error):
                link.execute("SELECT pg_advisory_unlock_all()")


def _set_budget(link: psycopg.Connection[Any], config: IndexConfig) -> None:
    for name, value in (
        ("maintenance_work_mem", f"{config.memory_mb:d}MB"),
        ("max_parallel_maintenance_workers", f"{config.workers:d}"),
    ):
        link.execute("SELECT set_config(%s, %s, false)", [name, value])


def _run(link: psycopg.Connection[Any], sql: str) -> None:
    try:
        link.execute(sql)
    except psycopg.Error as exc:
        raise IndexFailed(
            "Postgres could not change the index. Its log says why; check memory "
            "(PLUMBLINE_INDEX_MEMORY_MB), shared memory and disk space."
        ) from exc


def _drop_invalid(link: psycopg.Connection[Any], space: EmbeddingSpace) -> None:
    for name in _invalid(link.cursor(), space):
        _run(link, f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _invalid(cursor: Any, space: EmbeddingSpace) -> list[str]:
    """Return the indexes of ``space`` that a killed build left behind."""
    cursor.execute(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = to_regclass(%s) AND (NOT i.indisvalid"
        " OR c.relname = %s)",
        [partition_of(space), f"{index_name(space)}_new"],
    )
    return [name for (name,) in cursor.fetchall()]


def _is_valid(link: psycopg.Connection[Any], name: str) -> bool:
    row = link.execute(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name]
    ).fetchone()
    return bool(row and row[0])


@contextmanager
def _watched(space: EmbeddingSpace, progress: Progress | None) -> Iterator[None]:
    """Tell ``progress`` from a thread of its own what Postgres says of the build."""
    if progress is None:
        yield
        return
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(space, progress, ended))
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _watch(space: EmbeddingSpace, progress: Progress, ended: threading.Event) -> None:
    with (
        contextlib.suppress(psycopg.Error),
        contextlib.closing(own_connection()) as link,
    ):
        while not ended.wait(_POLL_S):
            found = _progress(link.cursor(), space)
            if found:
                progress(*found)


def _progress(cursor: Any, space: EmbeddingSpace) -> tuple[str, float] | None:
    """Return phase and share done; pgvector counts tuples, other phases blocks."""
    cursor.execute(
        "SELECT phase, tuples_done, tuples_total, blocks_done, blocks_total"
        " FROM pg_stat_progress_create_index WHERE relid = to_regclass(%s)",
        [partition_of(space)],
    )
    row = cursor.fetchone()
    if row is None:
        return None
    phase, tuples, tuples_total, blocks, blocks_total = row
    if tuples_total:
        return phase, min(1.0, tuples / tuples_total)
    return phase, min(1.0, blocks / blocks_total) if blocks_total else 0.0
