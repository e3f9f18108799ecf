"""Reading makes way for answers, and still goes on."""

from __future__ import annotations

import os
import threading
import time

import pytest

from ingestion import pipeline, yielding
from ingestion.models import Document
from tests.factories import make_collection, make_document
from tests.fakes import HashEmbedder, word_tokenizer


def test_a_worker_lowers_its_priority_once_and_for_all_it_starts():
    found: list[int] = []

    def own() -> int:
        return os.getpriority(os.PRIO_PROCESS, 0)

    def work() -> None:
        # In a thread of its own: a priority that was lowered cannot be raised again.
        yielding.give_way()
        yielding.give_way()
        found.append(own())
        child = threading.Thread(target=lambda: found.append(own()))
        child.start()
        child.join()

    before = own()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert found == [max(10, before)] * 2
    assert own() == before


@pytest.mark.django_db(transaction=True)
def test_a_document_is_read_under_questions_without_end(monkeypatch):
    monkeypatch.setattr(pipeline, "_MAX_YIELD_S", 0.3)
    document = make_document(make_collection(), content=b"A pump.\n\nA valve.")
    begun = time.monotonic()
    with yielding.answering():
        pipeline.ingest(
            document.pk, embedder=HashEmbedder(), tokenizer=word_tokenizer()
        )
    document.refresh_from_db()
    assert document.state == Document.State.READY
    # Once before embedding, once before storing.
    assert time.monotonic() - begun >= 0.6
