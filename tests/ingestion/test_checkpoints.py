"""What a reading that was cut off leaves, and how the next one goes on from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.utils import timezone

from ingestion import checkpoints, pipeline, services, sweeping
from ingestion.checkpoint_models import Checkpoint, CheckpointPage, CheckpointVector
from ingestion.errors import LeaseLost
from ingestion.leasing import Watch, claim
from ingestion.models import Chunk, Document
from ingestion.types import PageText, Parsed, ParseJob
from tests import samples
from tests.factories import alice, asker, make_collection, make_document
from tests.fakes import HashEmbedder, word_tokenizer

pytestmark = pytest.mark.django_db
State = Document.State
PAGES = [
    f"# Chapter {n}\nPump {n} holds {n} litres of oil. "
    + f"It is checked by crew {n}. " * 9
    for n in range(1, 41)
]
PDF = samples.pdf_bytes(PAGES)
FOUND = [PageText(number=n, text=text) for n, text in enumerate(PAGES, 1)]


class Killed(BaseException):
    """The end of a process, as far as anything inside of it can tell."""


class Mortal(HashEmbedder):
    """Dies after so many batches; keeps the texts it was given."""

    def __init__(self, batches: int = 1000) -> None:
        self.left = batches
        self.seen: list[str] = []

    def embed_passages(self, texts: Sequence[str]):
        if not self.left:
            raise Killed
        self.left -= 1
        self.seen.extend(texts)
        return super().embed_passages(texts)


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(checkpoints, "_EVERY_S", 0.0)
    monkeypatch.setattr(pipeline, "_STRIDE", 8)


@pytest.fixture(autouse=True)
def jobs(request, monkeypatch):
    """The jobs given to parser children; only tests marked so start real ones."""
    given = []
    real = pipeline.parse_in_child

    def parse(job: ParseJob, **hooks) -> Parsed:
        given.append(job)
        if "real_child" in request.fixturenames:
            return real(job, **hooks)
        for page in FOUND[job.first_page - 1 :]:
            hooks["on_page"](page)
        return Parsed(pages=(), title="Pumps")

    monkeypatch.setattr(pipeline, "parse_in_child", parse)
    return given


@pytest.fixture
def real_child():
    """Asked for by tests whose files are read by a real parser child."""


def document(content: bytes = PDF, name: str = "Library") -> Document:
    made = make_document(make_collection(name=name), "pumps.pdf", content)
    made.versions.update(media_type="application/pdf")
    return made


def attempt(made: Document, embedder: HashEmbedder | None = None) -> Document:
    """One attempt of a worker that finds the lease of the one before run out."""
    Document.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    pipeline.ingest(made.pk, embedder=embedder or Mortal(), tokenizer=word_tokenizer())
    made.refresh_from_db()
    return made


def die(made: Document, embedder: HashEmbedder) -> None:
    with pytest.raises(Killed):
        attempt(made, embedder)
    made.refresh_from_db()


def passages(made: Document) -> list[tuple[object, ...]]:
    rows = Chunk.objects.filter(version__document=made).order_by("ordinal")
    return list(rows.values_list("ordinal", "text_digest", "start", "page_first"))


def test_what_was_embedded_is_not_embedded_again(jobs):
    calm = attempt(document(name="Calm"))
    made = document()
    first, second = Mortal(batches=3), Mortal()
    die(made, first)
    assert CheckpointVector.objects.count() == len(first.seen) == 24
    assert attempt(made, second).state == State.READY
    assert not set(first.seen) & set(second.seen)
    assert len(jobs) == 2, "the calm one and the first attempt"
    assert passages(made) == passages(calm)
    assert not Checkpoint.objects.exists()


def test_pages_are_gone_on_with_where_reading_stopped(monkeypatch, jobs, real_child):
    calm = attempt(document(name="Calm"))
    made = document()
    clean = pipeline.storable_page

    def die_at_36(page: PageText) -> PageText:
        if page.number == 36:
            raise Killed
        return clean(page)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "storable_page", die_at_36)
        die(made, Mortal())
    assert CheckpointPage.objects.count() == 35
    assert attempt(made).state == State.READY
    # The last page that was kept is read again: see Journal.
    assert [job.first_page for job in jobs] == [1, 1, 35]
    assert passages(made) == passages(calm)
    assert made.current_version.page_count == 40


def test_killed_before_the_parsers_last_words_it_is_not_taken_for_empty(
    monkeypatch, real_child
):
    content = samples.pdf_bytes([*PAGES[:6], "", ""])
    calm = attempt(document(content, "Calm"))
    made = document(content)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.Journal, "end_pages", die_at_the_end)
        die(made, Mortal())
    assert CheckpointPage.objects.count() == 8
    assert attempt(made).state == State.READY
    assert passages(made) == passages(calm)
    assert made.current_version.page_count == 8
    assert (made.current_version.title, made.notices) == (
        calm.current_version.title,
        calm.notices,
    )


def die_at_the_end(*_: object) -> None:
    raise Killed


def test_attempts_that_got_on_are_not_counted_as_failed():
    made = document()
    for _ in range(4):
        die(made, Mortal(batches=1))
        assert made.tries == 0
    assert attempt(made).state == State.READY
    assert made.attempt == 5


def test_poison_ends_in_quarantine_however_far_it_got():
    made = document()
    die(made, Mortal(batches=2))
    for tries in (1, 2, 3):
        die(made, Mortal(batches=0))
        assert made.tries == tries
    Document.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert claim(made.pk) is None
    sweeping.sweep()
    made.refresh_from_db()
    assert (made.state, made.failure_code) == (State.QUARANTINED, "interrupted")
    assert not Checkpoint.objects.exists()


def test_a_short_reading_leaves_nothing(monkeypatch):
    monkeypatch.setattr(checkpoints, "_EVERY_S", 60.0)
    die(document(), Mortal(batches=3))
    assert not Checkpoint.objects.exists()


def test_what_another_parser_found_is_not_used(monkeypatch, jobs):
    made = document()
    die(made, Mortal(batches=1))
    Checkpoint.objects.update(parser_version="0")
    CheckpointPage.objects.update(text="Something else.")
    assert attempt(made).state == State.READY
    assert [job.first_page for job in jobs] == [1, 1]
    assert not Chunk.objects.filter(text__contains="Something else").exists()


def test_what_an_older_version_left_is_not_used(tmp_path, real_child):
    made = document()
    die(made, Mortal(batches=1))
    path = tmp_path / "pumps.pdf"
    path.write_bytes(samples.pdf_bytes(["Another pump altogether."]))
    services.accept_upload(
        asker(alice()), made.collection_id, path=path, name=path.name,
        on_same_name="replace",
    )  # fmt: skip
    assert attempt(made).state == State.READY
    assert [text for _, text, *_ in passages(made)] != []
    assert made.current_version.page_count == 1
    assert not Checkpoint.objects.exists()


@pytest.mark.parametrize("deed", [services.cancel, services.delete_document])
def test_what_is_not_wanted_any_more_leaves_nothing(deed):
    made = document()
    die(made, Mortal(batches=1))
    assert CheckpointVector.objects.exists()
    deed(asker(alice()), made.pk)
    sweeping.sweep()
    assert not Checkpoint.objects.exists()
    assert not CheckpointVector.objects.exists()


def test_a_late_worker_writes_no_checkpoint():
    made = document()
    late = checkpoints.open_journal(claim(made.pk))
    Document.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert claim(made.pk) is not None
    with pytest.raises(LeaseLost):
        late.add_page(PageText(number=1, text="Late words."))
    assert not Checkpoint.objects.exists()


def test_a_long_document_is_left_to_the_workers_for_such(monkeypatch, jobs):
    monkeypatch.setattr(pipeline, "_LONG_PASSAGES", 20)
    made = document()
    pipeline.ingest(
        made.pk,
        embedder=HashEmbedder(),
        tokenizer=word_tokenizer(),
        watch=Watch(queue="small"),
    )
    made.refresh_from_db()
    assert (made.state, made.queue, made.tries) == (State.QUEUED, "large", 0)
    assert (made.lease_until, CheckpointPage.objects.count()) == (None, 40)
    assert attempt(made).state == State.READY
    assert len(jobs) == 1


def test_the_time_that_earlier_attempts_took_counts_for_the_estimate(monkeypatch):
    made = document()
    die(made, Mortal(batches=1))
    Checkpoint.objects.update(worked=timedelta(minutes=5))
    die(made, Mortal(batches=0))
    assert timezone.now() - made.started_at > timedelta(minutes=5)


def test_a_text_that_comes_twice_is_embedded_once(real_child):
    watched = Mortal()
    made = attempt(document(samples.pdf_bytes([PAGES[0]] * 3)), watched)
    assert len(watched.seen) == len(set(watched.seen)) < len(passages(made))
