"""Sending, sweeping and yielding, on a real Redis and a real worker."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from datetime import timedelta

import pytest
from celery import current_app
from django.utils import timezone

from ingestion import pipeline, sweeping, tasks, yielding
from ingestion.embedding import load_embedder
from ingestion.leasing import Heartbeat, claim, kept_alive
from ingestion.models import Document, WorkerHeartbeat
from tests.factories import make_collection, make_document
from tests.fakes import HashEmbedder, word_tokenizer

pytestmark = pytest.mark.django_db
State = Document.State


@pytest.fixture(autouse=True)
def empty_queues():
    def purge() -> None:
        with current_app.connection_for_write() as link:
            for queue in ("small", "large"):
                link.default_channel.queue_declare(queue=queue)
                link.default_channel.queue_purge(queue)

    purge()
    yield
    purge()


def long_ago(document: Document, **fields) -> None:
    past = timezone.now() - timedelta(minutes=5)
    Document.objects.filter(pk=document.pk).update(updated_at=past, **fields)


def queued() -> dict[str, int]:
    counts = sweeping._queued_messages()
    return {name.rsplit("_", 1)[1]: count for name, count in counts.items()}


def test_files_are_sent_by_size(settings):
    document = make_document(make_collection())
    assert sweeping.send(document.pk, 1000)
    assert sweeping.send(document.pk, (settings.LARGE_FILE_MB << 20) + 1)
    assert queued() == {"document": 1, "large": 1}


def test_redis_away_loses_nothing(monkeypatch, caplog):
    document = make_document(make_collection())
    long_ago(document)
    away = current_app.connection_for_write("redis://127.0.0.1:1/0")
    with monkeypatch.context() as patch:
        patch.setattr(sweeping.current_app, "connection_for_write", lambda: away)
        assert sweeping.sweep() == 0
    assert "Redis is away" in caplog.text
    assert sweeping.sweep() == 1
    assert queued()["document"] == 1


def test_what_waits_is_sent_again_when_its_queue_is_empty():
    document = make_document(make_collection())
    assert sweeping.sweep() == 0, "its message may still be on the way"
    long_ago(document)
    assert sweeping.sweep() == 1
    long_ago(document)
    assert sweeping.sweep() == 0, "its message waits in the queue"
    assert queued()["document"] == 1


def test_an_expired_lease_is_sent_again_whatever_the_queue_holds():
    document = make_document(make_collection())
    sweeping.send(document.pk, 10)
    claim(document.pk)
    assert sweeping.sweep() == 0
    long_ago(document, lease_until=timezone.now() - timedelta(seconds=1))
    assert sweeping.sweep() == 1
    document.refresh_from_db()
    assert (document.state, document.lease_until) == (State.QUEUED, None)
    assert claim(document.pk).attempt == 2


def test_interrupted_too_often_it_is_set_aside_with_a_reason(settings):
    document = make_document(make_collection(), tries=settings.MAX_ATTEMPTS)
    long_ago(document, state=State.PARSING, lease_until=timezone.now() - timedelta(1))
    assert sweeping.sweep() == 0
    document.refresh_from_db()
    assert (document.state, document.failure_code) == (State.QUARANTINED, "interrupted")
    assert "3 times" in document.failure_message


def test_a_task_shows_that_its_worker_lives():
    assert not sweeping.has_live_worker()
    tasks.heartbeat("small")
    assert sweeping.has_live_worker()
    WorkerHeartbeat.objects.update(at=timezone.now() - timedelta(minutes=3))
    assert not sweeping.has_live_worker()


def test_each_timer_is_there_and_expires(settings):
    current_app.loader.import_default_modules()
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in current_app.tasks
        assert entry["options"]["expires"] < entry["schedule"] <= 30


def test_a_task_reads_one_document(monkeypatch):
    document = make_document(make_collection())
    monkeypatch.setattr(pipeline, "load_embedder", HashEmbedder)
    monkeypatch.setattr(pipeline, "tokenizer_for", lambda name: word_tokenizer())
    tasks.ingest_document(str(document.pk))
    tasks.ingest_document(str(document.pk))
    document.refresh_from_db()
    assert (document.state, document.attempt) == (State.READY, 1)
    assert WorkerHeartbeat.objects.get().name.startswith("small@")


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_while_the_work_goes_on(settings):
    settings.LEASE_S = 0.6
    document = make_document(make_collection())
    held = claim(document.pk)
    beats = threading.Event()
    with kept_alive(held, beats.set):
        assert beats.wait(5)
        time.sleep(0.7)
        assert claim(document.pk) is None
    time.sleep(0.7)
    assert claim(document.pk) is not None


@pytest.mark.django_db(transaction=True)
def test_without_progress_the_lease_runs_out(settings, monkeypatch, caplog):
    settings.LEASE_S = 0.3
    monkeypatch.setattr("ingestion.leasing._STALL_S", 0.2)
    held = claim(make_document(make_collection()).pk)
    with kept_alive(held) as heartbeat, caplog.at_level(logging.ERROR):
        time.sleep(1)
        assert isinstance(heartbeat, Heartbeat)
    assert "no progress" in caplog.text
    assert claim(held.document_id).attempt == 2


def test_embedding_waits_for_answers_and_not_for_ever():
    assert yielding.wait_for_quiet(5) < 1
    with yielding.answering():
        with yielding.answering():
            pass
        assert yielding.is_answering()
        assert 0.3 <= yielding.wait_for_quiet(0.3) < 3
    assert not yielding.is_answering()


async def test_an_answer_marks_itself_in_a_coroutine_too():
    async with yielding.answering():
        assert await asyncio.to_thread(yielding.is_answering)
    assert not await asyncio.to_thread(yielding.is_answering)


def test_an_answer_that_died_is_forgotten(monkeypatch):
    monkeypatch.setattr(yielding, "_FORGET_S", -1)
    with yielding.answering():
        assert not yielding.is_answering()


def test_nobody_yields_while_redis_is_away(settings, monkeypatch):
    yielding._client.cache_clear()
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    with yielding.answering():
        assert yielding.wait_for_quiet(5) < 3
    yielding._client.cache_clear()


@pytest.mark.models
def test_two_threads_load_one_model():
    from ingestion import embedding
    from rag_site.weights import WeightsMissing, locate

    try:
        locate("all-minilm-l6-v2")
    except WeightsMissing as exc:
        pytest.skip(exc.message)
    embedding._load.cache_clear()
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(load_embedder())) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1] is found[2]
