"""Partitions of vectors, and the command that builds their index."""

from __future__ import annotations

import json
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from ingestion import indexing
from ingestion.indexing import IndexConfig, estimated_mb, partition_of
from ingestion.models import Chunk, Embedding, EmbeddingSpace
from ingestion.spaces import Model, create_space, drop_space, live_space
from retrieval.search import search
from retrieval.synthetic import Library, make_library
from retrieval.types import RetrievalConfig
from tests.factories import make_collection, make_ready_document

CONFIG = IndexConfig(memory_mb=64, workers=0)
migration = import_module("ingestion.migrations.0008_embedding_partitions")


def sql(text: str, *params: object) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, params)
        return cursor.fetchall() if cursor.description else []


def tables() -> set[str]:
    rows = sql(
        "SELECT relname FROM pg_class WHERE relname ~ '^ingestion_embedding_\\d+$'"
    )
    return {name for (name,) in rows}


def indexes() -> set[str]:
    """Of the live space; tests that commit leave tables of others behind."""
    space = live_space()
    assert space is not None
    rows = sql(
        "SELECT indexname FROM pg_indexes WHERE indexname ~ %s",
        f"^embedding_space_{space.pk}(_|$)",
    )
    return {name for (name,) in rows}


def vectors() -> list[tuple[Any, ...]]:
    return sql(
        "SELECT chunk_id, space_id, vector::text FROM ingestion_embedding ORDER BY 1, 2"
    )


def second_space() -> EmbeddingSpace:
    model = Model("second", "2" * 64, 3)
    return create_space(model, EmbeddingSpace.State.BUILDING)


@pytest.mark.django_db
def test_a_space_is_a_table_that_is_dropped_at_once() -> None:
    # Tests that commit leave tables behind.
    others = tables()
    make_ready_document(make_collection(), pages=["A pump.\n\nA valve."])
    live, second = live_space(), second_space()
    assert live is not None
    for chunk in Chunk.objects.all():
        Embedding.objects.create(chunk=chunk, space=second, vector=[1, 2, 3])
    assert tables() - others == {partition_of(live), partition_of(second)}
    before = [row for row in vectors() if row[1] == live.pk]
    drop_space(second)
    assert tables() - others == {partition_of(live)}
    assert vectors() == before
    assert len(before) == 2


@pytest.mark.django_db
def test_a_vector_needs_a_space_and_a_chunk_and_is_there_once() -> None:
    make_ready_document(make_collection())
    chunk, space = Chunk.objects.get(), live_space()
    assert space is not None
    for bad in ((chunk.pk, space.pk), (chunk.pk, space.pk + 1), (0, space.pk)):
        with pytest.raises(IntegrityError):
            insert(*bad)


def insert(chunk: int, space: int) -> None:
    with transaction.atomic():
        sql(
            "INSERT INTO ingestion_embedding"
            " SELECT %s, %s, vector FROM ingestion_embedding LIMIT 1",
            *(chunk, space),
        )
        sql("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.django_db
def test_the_migration_carries_rows_and_indexes_there_and_back() -> None:
    make_ready_document(make_collection(), pages=["A pump.\n\nA valve.\n\nA cat."])
    space = live_space()
    assert space is not None
    rows = vectors()
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    with connection.schema_editor() as editor:
        migration.unite(apps, editor)
        assert (vectors(), tables()) == (rows, set())
        assert indexes() == {f"embedding_space_{space.pk}"}
        # As a worker writes it; the row has a key of its own again.
        sql(
            "INSERT INTO ingestion_embedding (chunk_id, space_id, vector)"
            " SELECT chunk_id, space_id, vector FROM ingestion_embedding WHERE false"
        )
        migration.partition(apps, editor)
    assert (vectors(), tables()) == (rows, {partition_of(space)})
    assert indexes() == {f"embedding_space_{space.pk}"}
    Chunk.objects.all().delete()
    assert vectors() == []


@pytest.fixture
def library(transactional_db: None) -> Library:
    return make_library(600, questions=3, shares=(1.0,))


def ranks(library: Library) -> list[list[int]]:
    """Return the chunks of each question, by the index where there is one."""
    config = RetrievalConfig(method="dense", exact_scan_chunks=0, candidates=10)
    visible = library.readers[1.0]
    return [
        [h.chunk_id for h in search(q, visible, config, embedder=library.embedder).hits]
        for q in library.questions
    ]


def test_an_index_is_dropped_built_and_rebuilt_and_what_was_cut_short_goes(
    library: Library,
) -> None:
    space = live_space()
    assert space is not None
    found = ranks(library)
    indexing.drop(space)
    assert (indexing.status(space).state, indexes()) == ("missing", set())
    assert ranks(library) == found  # by comparing every vector
    told: list[tuple[str, float]] = []
    assert indexing.build(space, CONFIG, progress=lambda *step: told.append(step))
    assert not indexing.build(space, CONFIG)
    before = sql("SELECT 'embedding_space_%s'::regclass::oid", space.pk)
    # A build that is killed leaves an index marked invalid.
    sql(
        f"CREATE INDEX {indexing.index_name(space)}_new ON {partition_of(space)}"
        " (chunk_id)"
    )
    assert indexing.status(space).state == "invalid"
    assert indexing.build(space, CONFIG, rebuild=True)
    status = indexing.status(space)
    assert (status.state, status.rows) == ("ready", 600)
    assert status.index_bytes > 0
    assert sql("SELECT 'embedding_space_%s'::regclass::oid", space.pk) != before
    assert indexes() == {f"embedding_space_{space.pk}"}
    assert ranks(library) == found


def test_the_command_builds_and_tells(library: Library) -> None:
    space = live_space()
    assert space is not None
    call_command("index", "drop", stdout=StringIO())
    out = StringIO()
    call_command("index", "build", "--json", "--memory-mb", "64", stdout=out)
    report = json.loads(out.getvalue())
    assert [row["state"] for row in report["indexes"]] == ["ready"]
    assert report["indexes"][0]["rows"] == 600
    assert report["seconds"] > 0
    out = StringIO()
    call_command("index", "status", stdout=out)
    assert "ready" in out.getvalue()
    with indexing._alone(), pytest.raises(CommandError, match="Another process"):
        call_command("index", "rebuild", stdout=StringIO())


def test_memory_is_estimated_before_it_is_used() -> None:
    assert 1_300 < estimated_mb(1_000_000, 384, 16) < 1_800
    assert estimated_mb(1_000_000, 768, 16) > estimated_mb(1_000_000, 384, 16)
