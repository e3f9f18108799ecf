"""Row-level security alone: what holds when every filter above it is forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from ingestion.models import Chunk, Collection, Document, DocumentVersion, Page
from ingestion.visibility import reading_as, visible_to
from rag_site.models import User
from retrieval.search import search
from retrieval.types import RetrievalConfig
from tests.factories import (
    alice,
    asker,
    bob,
    charlie,
    make_collection,
    make_ready_document,
    make_user,
)
from tests.fakes import HashEmbedder

pytestmark = pytest.mark.django_db

READ = (Collection, Document, DocumentVersion, Page, Chunk)
METHODS = ("hybrid", "dense", "lexical")


@pytest.fixture
def shared() -> Document:
    """A document of Alice's that Bob may read and Charlie may not."""
    return make_ready_document(make_collection(shared_with=bob()), "pump.txt")


def found(user: User, method: Any) -> list[str]:
    config = RetrievalConfig(k=20, candidates=50, method=method)
    visible = visible_to(asker(user))
    result = search("How many litres?", visible, config, embedder=HashEmbedder())
    return [hit.document for hit in result.hits]


@pytest.mark.parametrize("method", METHODS)
def test_a_search_that_forgot_its_filter_finds_nothing_foreign(
    shared: Document, no_filter: None, method: str
) -> None:
    assert found(alice(), method) == found(bob(), method) == ["pump.txt"]
    assert found(charlie(), method) == []


@pytest.mark.parametrize("model", READ)
def test_each_table_gives_its_rows_to_those_who_may_read_them(
    shared: Document, model: Any
) -> None:
    every = model.objects.count()
    assert every
    for user, rows in ((alice(), every), (bob(), every), (charlie(), 0)):
        with reading_as(user.pk):
            assert model.objects.count() == rows
    assert model.objects.count() == every


def test_nobody_without_a_name_a_suspended_user_and_one_who_was_removed(
    shared: Document,
) -> None:
    User.objects.filter(pk=bob().pk).update(is_active=False)
    with reading_as(bob().pk):
        assert not Document.objects.exists()
    with reading_as(-1):
        assert not Document.objects.exists()
    shared.collection.memberships.all().delete()
    User.objects.filter(pk=bob().pk).update(is_active=True)
    with reading_as(bob().pk):
        assert not Document.objects.exists()


def test_the_setting_alone_opens_nothing_and_the_role_alone_sees_nothing(
    shared: Document,
) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE plumbline_reader")
        assert not Chunk.objects.exists()
        cursor.execute("SET LOCAL ROLE NONE")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ingestion_document SET name = 'x'",
        "DELETE FROM ingestion_chunk",
        "SELECT * FROM ingestion_embedding",
        "SELECT password FROM rag_site_user",
        "SELECT * FROM rag_site_apikey",
        "SELECT * FROM ingestion_membership",
        "SELECT * FROM generation_answer",
        "ALTER TABLE ingestion_document DISABLE ROW LEVEL SECURITY",
    ],
)
def test_a_reader_reads_and_does_nothing_else(shared: Document, statement: str) -> None:
    def run() -> None:
        with reading_as(alice().pk), connection.cursor() as cursor:
            cursor.execute(statement)

    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        run()
    assert Document.objects.get().name == "pump.txt"


def test_after_the_block_the_connection_is_its_own_again(shared: Document) -> None:
    with reading_as(make_user("dora").pk):
        pass
    assert Document.objects.update(name="renamed") == 1


def test_every_table_with_words_of_documents_is_under_it() -> None:
    """A new table that belongs to documents must be thought of."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity "
            "AND relnamespace = 'public'::regnamespace"
        )
        under = {name for (name,) in cursor}
        cursor.execute(
            "SELECT table_name FROM information_schema.role_table_grants "
            "WHERE grantee = 'plumbline_reader' AND table_schema = 'public'"
        )
        granted = {name for (name,) in cursor}
    assert under == granted == {model._meta.db_table for model in READ}
