"""Storing a document beside those who delete it or change its collection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from ingestion import pipeline, services, storing
from ingestion.masking_models import Masking
from ingestion.models import Chunk, Collection, Document, Page
from rag_site.errors import NotFound
from tests.factories import alice, asker, make_collection, make_document
from tests.fakes import HashEmbedder, word_tokenizer

pytestmark = pytest.mark.django_db(transaction=True)
MAIL = "jane.doe@example.org"
TEXT = f"Write to {MAIL}. The pump holds 40 litres.".encode()
State = Document.State


def ingest(document: Document) -> None:
    pipeline.ingest(document.pk, embedder=HashEmbedder(), tokenizer=word_tokenizer())


def speak_german(document: Document) -> None:
    services.update_collection(
        asker(alice()), document.collection_id, language="german"
    )


class Deed(threading.Thread):
    """Something done from another connection; ``problem`` is what it raised."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._work = work
        self.problem: Exception | None = None

    def run(self) -> None:
        try:
            self._work()
        except Exception as exc:  # noqa: BLE001 - the test tells
            self.problem = exc
        finally:
            connection.close()


@contextmanager
def while_storing(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]
) -> Iterator[Deed]:
    """Do ``work`` once all is written of a document but not yet published."""
    publish, deed = storing._publish, Deed(work)

    def begin_first(*args: Any) -> None:
        monkeypatch.setattr(storing, "_publish", publish)
        deed.start()
        # It waits for the transaction that this is in, or would be in its way.
        deed.join(1.5)
        assert deed.is_alive(), deed.problem
        publish(*args)

    monkeypatch.setattr(storing, "_publish", begin_first)
    yield deed
    deed.join(30)
    assert not deed.is_alive()


@pytest.fixture
def document() -> Document:
    return make_document(make_collection(), content=TEXT)


def test_masking_turned_on_while_a_document_is_stored(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    def turn_on() -> None:
        services.update_collection(
            asker(alice()), document.collection_id, masking=Masking.DOCUMENTS
        )

    with while_storing(monkeypatch, turn_on) as deed:
        ingest(document)
    assert deed.problem is None
    assert not Chunk.objects.exists()
    assert not Page.objects.exists()
    document.refresh_from_db()
    assert document.state == State.QUEUED
    assert document.current_version is None
    ingest(document)
    assert MAIL not in Page.objects.get().text


def test_a_language_chosen_while_a_document_is_stored(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    with while_storing(monkeypatch, lambda: speak_german(document)) as deed:
        ingest(document)
    assert deed.problem is None
    assert Chunk.objects.get().language == "german"


def test_a_language_chosen_while_a_document_is_read(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = pipeline.store

    def choose_first(*args: Any) -> None:
        speak_german(document)
        store(*args)

    monkeypatch.setattr(pipeline, "store", choose_first)
    ingest(document)
    assert Chunk.objects.get().language == "german"


def test_a_document_deleted_while_its_next_version_is_stored(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(document)
    services.retry(asker(alice()), document.pk)
    with while_storing(
        monkeypatch, lambda: services.delete_document(asker(alice()), document.pk)
    ) as deed:
        ingest(document)
    assert deed.problem is None
    assert not Document.objects.exists()
    assert not Chunk.objects.exists()


def test_a_collection_deleted_while_a_document_is_stored(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(document)
    services.retry(asker(alice()), document.pk)
    with while_storing(
        monkeypatch,
        lambda: services.delete_collection(asker(alice()), document.collection_id),
    ) as deed:
        ingest(document)
    assert deed.problem is None
    assert not Collection.objects.exists()


def test_a_file_for_a_collection_deleted_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = make_collection()
    path = tmp_path / "pump.txt"
    path.write_bytes(TEXT)
    check_room = services.filing.check_room

    def delete_first(size: int) -> None:
        services.delete_collection(asker(alice()), collection.pk)
        check_room(size)

    monkeypatch.setattr(services.filing, "check_room", delete_first)
    with pytest.raises(NotFound):
        services.accept_upload(
            asker(alice()), collection.pk, path=path, name="pump.txt"
        )
    assert not list((services.filing.settings.FILES_DIR / "incoming").glob("*"))
