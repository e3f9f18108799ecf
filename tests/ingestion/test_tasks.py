"""Sending, sweeping and yielding, on a real Redis and a real worker."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import django.db
import pytest
from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from ingestion import (
    embedding_process,
    holding,
    pipeline,
    sweeping,
    taking,
    tasks,
    yielding,
)
from ingestion.embedding_process import start_embedder
from ingestion.leasing import Watch, claim, claim_next, kept_alive, waiting
from ingestion.models import Document, WorkerHeartbeat
from ingestion.taking import Takers
from tests.factories import make_collection, make_document, stored_file
from tests.fakes import HashEmbedder, word_tokenizer

pytestmark = pytest.mark.django_db
State = Document.State


def long_ago(document: Document, **fields) -> None:
    past = timezone.now() - timedelta(minutes=5)
    Document.objects.filter(pk=document.pk).update(updated_at=past, **fields)


def messages(queue: str) -> int:
    with current_app.connection_for_write() as link:
        return link.default_channel.queue_declare(queue=queue).message_count


def test_files_wait_by_size(settings):
    small, large = (make_document(make_collection(name=name)) for name in "ab")
    sweeping.send_on_commit(small.pk, 1000)
    sweeping.send_on_commit(large.pk, (settings.LARGE_FILE_MB << 20) + 1)
    assert list(waiting("small")) == [small]
    assert list(waiting("large")) == [large]


def test_workers_are_told_on_commit(django_capture_on_commit_callbacks):
    document = make_document(make_collection())
    with django_capture_on_commit_callbacks(execute=True):
        sweeping.send_on_commit(document.pk, 1000)
        assert messages("small") == 0
    assert (messages("small"), messages("large")) == (1, 0)


def test_redis_away_loses_nothing(monkeypatch, caplog):
    document = make_document(make_collection())
    away = current_app.amqp.producer_pool.__class__
    monkeypatch.setattr(away, "acquire", refuse)
    assert not sweeping.send("small")
    assert "Redis is away" in caplog.text
    assert claim_next("small").document_id == document.pk


def refuse(*_, **__):
    raise OperationalError


def test_the_one_that_waits_longest_is_next():
    first, second, held, worn_out, large = (
        make_document(make_collection(name=name)) for name in "abcde"
    )
    claim(held.pk)
    long_ago(second, queued_at=timezone.now() - timedelta(hours=1))
    long_ago(worn_out, tries=3)
    long_ago(large, queue="large")
    taken = [claim_next("small") for _ in range(3)]
    assert [one and one.document_id for one in taken] == [second.pk, first.pk, None]
    assert claim_next("large").document_id == large.pk


def test_an_expired_lease_is_taken_over():
    document = make_document(make_collection())
    claim(document.pk)
    assert claim_next("small") is None
    long_ago(document, lease_until=timezone.now() - timedelta(seconds=1))
    assert claim_next("small").attempt == 2


@pytest.mark.django_db(transaction=True)
def test_what_another_takes_just_now_is_passed_over_and_not_waited_for():
    first, second = (make_document(make_collection(name=name)) for name in "ab")
    found = []

    def take() -> None:
        found.append(claim_next("small").document_id)
        connection.close()

    with transaction.atomic():
        Document.objects.select_for_update().get(pk=first.pk)
        thread = threading.Thread(target=take)
        thread.start()
        thread.join(20)
    assert found == [second.pk]


def test_interrupted_too_often_it_is_set_aside_with_a_reason(settings):
    document = make_document(make_collection(), tries=settings.MAX_ATTEMPTS)
    long_ago(document, state=State.PARSING, lease_until=timezone.now() - timedelta(1))
    sweeping.sweep()
    document.refresh_from_db()
    assert (document.state, document.failure_code) == (State.QUARANTINED, "interrupted")
    assert "3 times" in document.failure_message


def test_a_beat_shows_that_its_worker_lives():
    assert not sweeping.has_live_worker()
    sweeping.beat("small@here")
    assert sweeping.has_live_worker()
    WorkerHeartbeat.objects.update(at=timezone.now() - timedelta(minutes=3))
    assert not sweeping.has_live_worker()


def test_each_timer_is_there_and_expires():
    current_app.loader.import_default_modules()
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in current_app.tasks
        assert entry["options"]["expires"] < entry["schedule"] <= 30


@pytest.fixture
def takers(monkeypatch):
    """The threads of a worker for small files, without weights."""
    monkeypatch.setattr(pipeline, "start_embedder", HashEmbedder)
    monkeypatch.setattr(pipeline, "tokenizer_for", lambda name: word_tokenizer())
    monkeypatch.setattr(taking, "_LOOK_S", 60)
    made = Takers("small", "small@here")
    monkeypatch.setattr(tasks, "_takers", [made])
    yield made
    made.ask_to_stop()
    made.join(20)


def settled(document: Document) -> Document:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        document.refresh_from_db()
        if document.state in Document.SETTLED:
            return document
        time.sleep(0.05)
    raise AssertionError(f"still {document.state}")


@pytest.mark.django_db(transaction=True)
def test_a_worker_finds_what_waits_and_a_message_wakes_it(takers):
    before, after = (make_document(make_collection(name=name)) for name in "ab")
    Document.objects.filter(pk=after.pk).update(queue="large")
    takers.start()
    assert settled(before).attempt == 1
    assert WorkerHeartbeat.objects.get().name == "small@here"
    Document.objects.filter(pk=after.pk).update(queue="small")
    tasks.look()
    assert (settled(after).state, after.attempt) == (State.READY, 1)


@pytest.mark.django_db(transaction=True)
def test_a_worker_removes_what_nobody_came_back_for(takers, monkeypatch):
    monkeypatch.setattr(taking, "_SWEEP_S", 0.05)
    monkeypatch.setattr(taking, "_ORPHANS_S", 0)
    held = settings.FILES_DIR / "held" / "left"
    held.parent.mkdir(parents=True, exist_ok=True)
    held.write_bytes(b"x")
    long_ago = time.time() - 2 * holding.HELD_S
    os.utime(held, (long_ago, long_ago))
    takers.start()
    deadline = time.monotonic() + 30
    while held.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not held.exists()


@pytest.mark.django_db(transaction=True)
def test_a_last_try_waits_until_nothing_else_is_in_hand(takers, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    class Slow(HashEmbedder):
        def embed_passages(self, texts):
            begun.set()
            assert go_on.wait(20)
            return super().embed_passages(texts)

    monkeypatch.setattr(pipeline, "start_embedder", lambda name: Slow())
    monkeypatch.setattr(taking, "_LOOK_S", 0.05)
    worn, fresh = (make_document(make_collection(name=name)) for name in "ab")
    long_ago(worn, tries=2, queued_at=timezone.now() - timedelta(hours=1))
    takers.start()
    assert begun.wait(20)
    time.sleep(0.3)
    assert list(Document.objects.filter(attempt=0)) == [worn]
    go_on.set()
    assert settled(fresh).state == settled(worn).state == State.READY
    fresh.refresh_from_db()
    worn.refresh_from_db()
    assert worn.started_at > fresh.started_at


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_stops_gives_its_document_back(takers, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    class Slow(HashEmbedder):
        def embed_passages(self, texts):
            begun.set()
            assert go_on.wait(20)
            return super().embed_passages(texts)

    monkeypatch.setattr(pipeline, "start_embedder", Slow)
    document = make_document(make_collection())
    takers.start()
    assert begun.wait(20)
    takers.ask_to_stop()
    go_on.set()
    takers.join(20)
    document.refresh_from_db()
    assert (document.state, document.lease_until) == (State.QUEUED, None)
    assert (document.attempt, document.tries) == (1, 0)


_OUTAGES = [django.db.OperationalError("gone"), django.db.InterfaceError("closed")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("outage", _OUTAGES, ids=lambda one: type(one).__name__)
def test_a_database_that_comes_back_is_found_again(takers, monkeypatch, caplog, outage):
    monkeypatch.setattr(taking, "_LOOK_S", 0.05)
    looked = threading.Event()

    def refused(queue):
        looked.set()
        raise outage

    monkeypatch.setattr(taking, "claim_next", refused)
    takers.start()
    assert looked.wait(20)
    monkeypatch.setattr(taking, "claim_next", claim_next)
    assert settled(make_document(make_collection())).state == State.READY
    assert 1 <= caplog.text.count("the database is away") <= 2
    assert "could not be read" not in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("failure", [*_OUTAGES, ValueError("unforeseen")], ids=str)
def test_a_sweep_that_fails_is_followed_by_another(takers, monkeypatch, failure):
    monkeypatch.setattr(taking, "_SWEEP_S", 0.02)
    swept = []

    def fail_once():
        swept.append(len(swept))
        if len(swept) == 1:
            raise failure

    monkeypatch.setattr(taking.sweeping, "sweep", fail_once)
    takers.start()
    deadline = time.monotonic() + 20
    while len(swept) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(swept) >= 3


def test_files_that_no_row_names_are_removed_after_a_while(settings, tmp_path):
    settings.FILES_DIR = tmp_path
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "uploads"
    kept = stored_file(make_document(make_collection()).versions.get().digest)
    orphan, fresh = (stored_file(letter * 64) for letter in "ab")
    arriving, cut_off = (tmp_path / "incoming" / name for name in "ab")
    for path in (orphan, fresh, arriving, cut_off):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    half, unpacked = (settings.FILE_UPLOAD_TEMP_DIR / name for name in ("x", "y"))
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"x")
    unpacked.mkdir()
    (unpacked / "member").write_bytes(b"x")
    for path in (kept, orphan, cut_off, half, unpacked):
        os.utime(path, (0, 0))
    assert sweeping.remove_orphans() == 4
    assert not half.exists()
    assert not unpacked.exists()
    assert kept.exists()
    assert fresh.exists()
    assert arriving.exists()
    assert not orphan.exists()
    assert not cut_off.exists()


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_while_the_work_goes_on(settings):
    settings.LEASE_S = 0.6
    document = make_document(make_collection())
    held = claim(document.pk)
    beats = threading.Event()
    with kept_alive(held, Watch(on_beat=beats.set)):
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
    hangs = threading.Event()
    with kept_alive(held, Watch(on_stall=hangs.set)), caplog.at_level(logging.ERROR):
        assert hangs.wait(20)
        time.sleep(0.5)
    assert "no progress" in caplog.text
    assert claim(held.document_id).attempt == 2


def test_embedding_waits_for_answers_and_not_for_ever():
    assert yielding.wait_for_quiet(5) < 1
    with yielding.answering():
        with yielding.answering():
            pass
        assert yielding.is_answering()
        # A Redis that takes over half a second for once is not waited for.
        waits = [yielding.wait_for_quiet(0.3) for _ in range(3)]
        assert 0.3 <= max(waits) < 3
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
def test_threads_that_ask_first_start_one_process():
    from rag_site.weights import WeightsMissing, locate

    try:
        locate("all-minilm-l6-v2")
    except WeightsMissing as exc:
        pytest.skip(exc.message)
    embedding_process.stop_all()
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: start_embedder(), range(3)))
    assert found[0] is found[1] is found[2]
