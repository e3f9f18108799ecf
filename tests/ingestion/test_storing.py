"""One transaction swaps a document's passages: nobody ever sees half of them."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from ingestion import pipeline, services, storing
from ingestion.models import Chunk, Document, Page
from tests.factories import alice, asker, make_collection
from tests.fakes import HashEmbedder, word_tokenizer

pytestmark = pytest.mark.django_db(transaction=True)
State = Document.State


def text(word: str) -> bytes:
    return "\n\n".join(
        f"{word} number {n} holds {n} litres and is checked in week {n % 52}." * 4
        for n in range(150)
    ).encode()


def read(tmp_path, word: str) -> Document:
    """Upload and read the next version of the only document."""
    path = tmp_path / "manual.txt"
    path.write_bytes(text(word))
    there = Document.objects.first()
    collection = there.collection if there else make_collection()
    found = services.accept_upload(
        asker(alice()), collection.pk, path=path, name=path.name, on_same_name="replace"
    ).document
    pipeline.ingest(found.pk, embedder=HashEmbedder(), tokenizer=word_tokenizer())
    found.refresh_from_db()
    assert found.state == State.READY, found.failure_message
    return found


def seen() -> frozenset[str]:
    """Return the first words of what a search can find now, in one statement."""
    current = Chunk.objects.extra(
        where=[
            "version_id IN (SELECT current_version_id FROM ingestion_document)",
            "ingestion_chunk.id IN (SELECT chunk_id FROM ingestion_embedding)",
        ]
    )
    return frozenset(current.values_list("text_digest", flat=True))


class Onlooker(threading.Thread):
    """Looks again and again from a connection of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.views: set[frozenset[str]] = set()
        self.looks = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            self.views.add(seen())
            self.looks += 1
        connection.close()


def test_a_search_sees_all_of_the_old_version_or_all_of_the_new(tmp_path, monkeypatch):
    read(tmp_path, "Pump")
    old = seen()
    publish = storing._publish
    onlooker = Onlooker()

    def look_first(*args, **kwargs):
        # Old passages are deleted and new ones written, but nothing is committed.
        looks = onlooker.looks
        while onlooker.looks < looks + 3:
            onlooker.ended.wait(0.01)
        publish(*args, **kwargs)

    monkeypatch.setattr(storing, "_publish", look_first)
    onlooker.start()
    try:
        made = read(tmp_path, "Valve")
        looks = onlooker.looks
        while onlooker.looks < looks + 3:
            onlooker.ended.wait(0.01)
    finally:
        onlooker.ended.set()
        onlooker.join(20)
    new = seen()
    assert old
    assert not old & new
    assert onlooker.views == {old, new}
    assert not Chunk.objects.exclude(version=made.current_version).exists()
    assert Page.objects.filter(version__document=made).count() == 2


def test_a_store_that_fails_at_its_end_changes_nothing(tmp_path, monkeypatch):
    read(tmp_path, "Pump")
    old = seen()

    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(storing, "_publish", fail)
    with pytest.raises(AssertionError):
        read(tmp_path, "Valve")
    assert Document.objects.get().state == State.QUEUED
    assert seen() == old
