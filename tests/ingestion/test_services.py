"""Every write, with its rights: Alice owns, Bob shares, Charlie is a stranger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from ingestion import filing, selectors, services, sweeping
from ingestion.errors import DiskFull, EmptyFile, FileTooLarge
from ingestion.leasing import claim
from ingestion.models import Chunk, Collection, Document, DocumentVersion, Role
from ingestion.visibility import visible_to
from rag_site.errors import Conflict, NotFound, ValidationFailed
from rag_site.models import AuditEvent
from tests.factories import (
    alice,
    asker,
    bob,
    charlie,
    make_collection,
    make_document,
    make_ready_document,
)

pytestmark = pytest.mark.django_db
State = Document.State


@pytest.fixture(autouse=True)
def sent(monkeypatch):
    """What would go to the workers: a test's transaction never commits."""
    messages = []
    monkeypatch.setattr(
        sweeping, "send_on_commit", lambda pk, size: messages.append(pk)
    )
    return messages


@pytest.fixture
def upload(tmp_path):
    """Add a file as a user: upload(collection, "a.txt", b"bytes", who=...)."""

    def add(collection, name="a.txt", content=b"Some words.", who=None, **options):
        path = tmp_path / f"{uuid4()}.upload"
        path.write_bytes(content)
        return services.accept_upload(
            asker(who or alice()), collection.pk, path=path, name=name, **options
        )

    return add


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


def test_an_upload_is_stored_queued_sent_and_recorded(upload, sent):
    accepted = upload(make_collection(), "re\x00port.txt", b"Words.")
    document = accepted.document
    version = document.versions.get()
    assert accepted.outcome == "created"
    assert (document.name, document.state) == ("report.txt", State.QUEUED)
    assert filing.file_of(version.digest).read_bytes() == b"Words."
    assert (version.number, version.size_bytes) == (1, 6)
    assert version.media_type == "text/plain"
    assert sent == [document.pk]
    assert actions() == ["document.added"]
    assert not list((filing.file_of("ab").parent.parent / "incoming").iterdir())


def test_the_same_bytes_in_a_collection_are_one_document(upload, sent):
    collection = make_collection()
    first = upload(collection, "a.txt").document
    again = upload(collection, "b.txt")
    assert (again.outcome, again.document) == ("duplicate", first)
    assert upload(make_collection(name="Other"), "a.txt").outcome == "created"
    assert len(sent) == 2


def test_the_same_bytes_of_a_failed_document_are_read_again(upload, sent):
    collection = make_collection()
    first = upload(collection).document
    Document.objects.update(state=State.FAILED, failure_code="no_text", tries=3)
    again = upload(collection)
    assert (again.outcome, again.document) == ("duplicate", first)
    assert again.document.state == State.QUEUED
    assert again.document.failure_code == ""
    assert sent == [first.pk, first.pk]


def test_other_bytes_under_the_same_name(upload):
    collection = make_collection()
    first = upload(collection, content=b"one").document
    with pytest.raises(Conflict, match="already in Manuals") as caught:
        upload(collection, content=b"two", on_same_name="ask")
    assert caught.value.detail["document"] == str(first.pk)
    skipped = upload(collection, content=b"two", on_same_name="skip")
    assert (skipped.outcome, skipped.document) == ("skipped", first)
    replaced = upload(collection, content=b"two", on_same_name="replace")
    assert (replaced.outcome, replaced.document) == ("new_version", first)
    assert [v.number for v in first.versions.all()] == [2, 1]
    kept = upload(collection, content=b"three", on_same_name="keep")
    assert kept.outcome == "created"
    assert kept.document != first


def test_replacing_takes_the_document_from_its_worker(upload):
    collection = make_collection()
    document = upload(collection, content=b"one").document
    held = claim(document.pk)
    upload(collection, content=b"two", on_same_name="replace")
    document.refresh_from_db()
    assert document.state == State.QUEUED
    assert claim(document.pk).attempt > held.attempt


def test_what_is_refused_leaves_nothing(upload, settings):
    collection = make_collection()
    with pytest.raises(EmptyFile):
        upload(collection, content=b"")
    settings.MAX_UPLOAD_MB = 1
    with pytest.raises(FileTooLarge):
        upload(collection, content=b"x" * 1_100_000)
    settings.MIN_FREE_DISK_MB = 10**9
    with pytest.raises(DiskFull):
        upload(collection)
    assert not Document.objects.exists()
    assert actions() == []


def test_who_may_add(upload):
    collection = make_collection(shared_with=bob(), role=Role.READER)
    for who in (bob(), charlie()):
        with pytest.raises(NotFound):
            upload(collection, who=who)
    services.set_member(asker(alice()), collection.pk, user=bob(), role=Role.WRITER)
    assert upload(collection, who=bob()).document.added_by == bob()


def test_a_stranger_finds_nothing():
    collection = make_collection(shared_with=bob(), role=Role.WRITER)
    document = make_ready_document(collection)
    member = collection.memberships.get()
    stranger = asker(charlie())
    for call in (
        lambda: services.update_collection(stranger, collection.pk, name="x"),
        lambda: services.delete_collection(stranger, collection.pk),
        lambda: services.set_member(
            stranger, collection.pk, user=charlie(), role="reader"
        ),
        lambda: services.remove_member(stranger, member.pk),
        lambda: services.retry(stranger, document.pk),
        lambda: services.cancel(stranger, document.pk),
        lambda: services.delete_document(stranger, document.pk),
    ):
        with pytest.raises(NotFound):
            call()
    assert list(selectors.document_rows(stranger)) == []
    assert actions() == []


def test_a_writer_is_no_manager():
    collection = make_collection(shared_with=bob(), role=Role.WRITER)
    writer = asker(bob())
    for call in (
        lambda: services.update_collection(writer, collection.pk, name="x"),
        lambda: services.delete_collection(writer, collection.pk),
        lambda: services.set_member(
            writer, collection.pk, user=charlie(), role="reader"
        ),
    ):
        with pytest.raises(NotFound):
            call()


def test_collections_are_made_changed_and_checked():
    who = asker(alice())
    made = services.create_collection(who, name="  Laws ", language="german")
    assert (made.name, made.owner) == ("Laws", alice())
    odd = services.create_collection(who, name="A\r\nSet-Cookie: a\x07\u202egnp")
    assert odd.name == "A Set-Cookie: agnp"
    with pytest.raises(Conflict, match="already have a collection"):
        services.create_collection(who, name="Laws")
    for fields in (
        {"name": " "},
        {"name": "x" * 121},
        {"language": "klingon"},
        {"visibility": "world"},
        {"description": "x" * 2001},
    ):
        with pytest.raises(ValidationFailed):
            services.create_collection(who, **{"name": "New", **fields})
    services.update_collection(who, made.pk, name="Rules", visibility="everyone")
    made.refresh_from_db()
    assert (made.name, made.visibility, made.language) == (
        "Rules",
        "everyone",
        "german",
    )
    assert actions() == [*["collection.created"] * 2, "collection.changed"]


def test_another_language_reaches_the_chunks():
    collection = make_collection()
    make_ready_document(collection)
    services.update_collection(asker(alice()), collection.pk, language="german")
    assert Chunk.objects.get().language == "german"


def test_members_are_set_changed_and_removed():
    who, collection = asker(alice()), make_collection()
    member = services.set_member(who, collection.pk, user=bob(), role=Role.READER)
    same = services.set_member(who, collection.pk, user=bob(), role="manager")
    assert same == member
    assert services.update_collection(asker(bob()), collection.pk, name="Bob's")
    for wrong in ({"user": alice()}, {}, {"user": bob(), "role": "king"}):
        with pytest.raises(ValidationFailed):
            services.set_member(who, collection.pk, **{"role": "reader", **wrong})
    services.remove_member(who, member.pk)
    with pytest.raises(NotFound):
        services.retry(asker(bob()), uuid4())
    assert not collection.memberships.exists()


def test_deleting_takes_rows_at_once_and_then_files_nobody_uses(
    upload, django_capture_on_commit_callbacks
):
    here, there = make_collection(), make_collection(name="Other")
    shared = upload(here, content=b"shared").document
    upload(there, content=b"shared")
    alone = make_ready_document(here, "alone.txt", ["Only here."])
    files = [filing.file_of(d.versions.get().digest) for d in (shared, alone)]
    with django_capture_on_commit_callbacks(execute=True):
        for document in (shared, alone):
            services.delete_document(asker(alice()), document.pk)
    assert Document.objects.count() == 1
    assert not Chunk.objects.exists()
    assert [path.exists() for path in files] == [True, False]
    receipt = AuditEvent.objects.order_by("pk").last()
    assert receipt.detail["digests"] == [files[1].name]


def test_deleting_a_collection_takes_everything(django_capture_on_commit_callbacks):
    collection = make_collection()
    document = make_ready_document(collection)
    path = filing.file_of(document.versions.get().digest)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_collection(asker(alice()), collection.pk)
    assert not Collection.objects.exists()
    assert not DocumentVersion.objects.exists()
    assert not path.exists()


def test_retry_and_cancel(sent):
    document = make_document(make_collection())
    who = asker(alice())
    with pytest.raises(Conflict):
        services.retry(who, document.pk)
    assert services.cancel(who, document.pk).state == State.CANCELLED
    with pytest.raises(Conflict):
        services.cancel(who, document.pk)
    assert services.retry(who, document.pk).state == State.QUEUED
    assert sent == [document.pk]
    assert actions() == ["document.cancelled", "document.retried"]


def test_progress_goes_from_waiting_over_reading_to_ready():
    collection = make_collection()
    first = make_document(collection, content=b"one")
    second = make_document(collection, content=b"two")
    assert selectors.progress_of(first).place == 1
    waiting = selectors.progress_of(second)
    assert (waiting.percent, waiting.place, waiting.is_waiting) == (0, 2, True)
    now = timezone.now()
    second.state, second.lease_until = State.PARSING, now + timedelta(minutes=1)
    second.progress_done, second.progress_total = 5, 10
    second.started_at = now - timedelta(seconds=10)
    reading = selectors.progress_of(second)
    assert (reading.percent, reading.place) == (20, None)
    assert reading.eta_s == pytest.approx(40, abs=2)
    second.state = State.EMBEDDING
    assert 65 <= selectors.progress_of(second).percent <= 72
    second.lease_until = now - timedelta(seconds=1)
    assert selectors.progress_of(second).is_waiting
    second.state = State.READY
    assert selectors.progress_of(second).percent == 100


def test_unread_documents_are_those_within_reach():
    make_document(make_collection())
    make_document(make_collection(charlie(), "Secret"))
    make_ready_document(make_collection(name="Read"))
    assert len(selectors.unread_documents(visible_to(asker(alice())))) == 1
    assert selectors.unread_documents(visible_to(asker(bob()))) == []


def test_a_quote_is_read_from_the_pages():
    document = make_ready_document(
        make_collection(), pages=["The first page.", "The second.", "The third."]
    )
    version = document.current_version
    assert selectors.quote(version.pk, 4, 9) == "first"
    assert selectors.quote(version.pk, 22, 28) == "second"
    assert selectors.quote(version.pk, 10, 28) == "page.\nThe second"
    assert selectors.quote(uuid4(), 0, 5) == ""
    assert selectors.page_text(version, 2) == "The second."
    with pytest.raises(NotFound):
        selectors.page_text(version, 4)


@pytest.mark.django_db(transaction=True)
def test_the_same_file_sent_many_times_at_once_is_one_document(upload):
    collection = make_collection()

    def add(_: int) -> str:
        try:
            return upload(collection, content=b"the same").outcome
        finally:
            connection.close()

    alice()
    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(add, range(16)))
    assert outcomes == ["created"] + ["duplicate"] * 15
    assert Document.objects.count() == DocumentVersion.objects.count() == 1
