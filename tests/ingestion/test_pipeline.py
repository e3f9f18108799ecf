"""From a stored file to searchable passages, and every way that can be cut short."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from ingestion import pipeline, services
from ingestion.errors import EmbedderUnavailable, LeaseLost
from ingestion.leasing import claim, give_back, mark_failed, renew
from ingestion.models import Chunk, Document, Embedding, Page
from ingestion.storing import store
from ingestion.types import PAGE_BREAK, PageText, Parsed
from rag_site.errors import RagError, TransientError
from tests.factories import alice, asker, make_collection, make_document
from tests.fakes import HashEmbedder, word_tokenizer

pytestmark = pytest.mark.django_db
State = Document.State
TEXT = b"# Pump\n\n" + b"\n\n".join(
    b"Part %d of the pump holds %d litres of oil and is checked every spring." % (n, n)
    for n in range(60)
)


class WatchedEmbedder(HashEmbedder):
    """Counts texts; may do something before each batch."""

    def __init__(self, before=lambda: None):
        self.seen: list[str] = []
        self.before = before

    def embed_passages(self, texts: Sequence[str]):
        self.before()
        self.seen.extend(texts)
        return super().embed_passages(texts)


def document(content: bytes = TEXT, name: str = "pump.md", **fields) -> Document:
    made = make_document(make_collection(), name=name, content=content, **fields)
    made.versions.update(
        media_type="text/markdown" if name.endswith("md") else "text/plain"
    )
    return made


def ingest(made: Document, embedder: HashEmbedder | None = None) -> Document:
    pipeline.ingest(
        made.pk, embedder=embedder or HashEmbedder(), tokenizer=word_tokenizer()
    )
    made.refresh_from_db()
    return made


def as_if_parsed(monkeypatch, *pages: PageText, **ending) -> None:
    """Let the parser child find these pages."""

    def parse(job, *, on_page, **_):
        for page in pages:
            on_page(page)
        return Parsed(pages=(), **ending)

    monkeypatch.setattr(pipeline, "parse_in_child", parse)


def stored(made: Document) -> list[tuple[object, ...]]:
    rows = Chunk.objects.filter(version__document=made).order_by("version", "ordinal")
    return list(
        rows.values_list(
            "ordinal", "text", "heading", "start", "end", "page_first", "token_count"
        )
    )


def test_a_document_becomes_searchable():
    made = ingest(document())
    version = made.current_version
    assert made.state == State.READY
    assert (made.lease_until, made.attempt, made.tries) == (None, 1, 0)
    assert version is not None
    assert version.parser_version
    assert version.chunker_version
    chunks = list(version.chunks.all())
    assert version.chunk_count == len(chunks) > 3
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    text = PAGE_BREAK.join(version.pages.values_list("text", flat=True))
    assert version.page_count == version.pages.count()
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end]
        assert chunk.token_count <= 200


def test_vectors_are_those_of_heading_and_text():
    made = ingest(document())
    for row in Embedding.objects.select_related("chunk").filter(
        chunk__version__document=made
    ):
        expected = HashEmbedder().embed_question(
            f"{row.chunk.heading}\n{row.chunk.text}"
        )
        np.testing.assert_allclose(row.vector, expected, atol=1e-3)


def test_a_second_reading_leaves_identical_passages():
    made = ingest(document())
    first = stored(made)
    services.retry(asker(alice()), made.pk)
    assert ingest(made).state == State.READY
    assert stored(made) == first
    assert Embedding.objects.count() == len(first)
    assert Page.objects.filter(version__document=made).count() == 1


def test_a_new_version_reuses_the_vectors_of_text_that_stayed():
    made = ingest(document())
    before = Embedding.objects.count()
    path = pipeline.file_of(made.current_version.digest).with_name("next.md")
    path.write_bytes(TEXT + b"\n\nThe last part is new and holds nothing.")
    accepted = services.accept_upload(
        asker(alice()),
        made.collection_id,
        path=path,
        name="pump.md",
        on_same_name="replace",
    )
    assert accepted.outcome == "new_version"
    watched = WatchedEmbedder()
    ingest(made, watched)
    assert made.current_version.number == 2
    assert 0 < len(watched.seen) < before
    assert Chunk.objects.exclude(version=made.current_version).count() == 0
    assert Page.objects.filter(version__document=made).count() == 2


def test_a_file_that_cannot_be_read_fails_with_a_reason():
    made = ingest(document(b"   \n \n", name="empty.txt"))
    assert made.state == State.FAILED
    assert made.failure_code == "no_text"
    assert "No text was found" in made.failure_message
    assert len(made.failure_reference) == 8


def test_a_file_that_is_gone_fails_with_a_reason():
    made = document()
    pipeline.file_of(made.versions.get().digest).unlink()
    assert ingest(made).failure_code == "parse_failed"
    assert "stored file is gone" in made.failure_message


def test_a_passing_fault_puts_it_back_in_the_queue_then_aside():
    def fail() -> None:
        raise EmbedderUnavailable

    made = document()
    for attempt in (1, 2, 3):
        ingest(made, WatchedEmbedder(before=fail))
        assert made.attempt == attempt
        if attempt < 3:
            assert made.state == State.QUEUED
            assert made.lease_until > timezone.now()
            assert claim(made.pk) is None
            made.lease_until = timezone.now() - timedelta(seconds=1)
            made.save()
    assert made.state == State.QUARANTINED
    assert made.failure_code == "embedder_unavailable"


def test_an_unexpected_fault_is_a_reason_too(caplog):
    def fail() -> None:
        raise ZeroDivisionError("secret text")

    made = document(tries=2)
    ingest(made, WatchedEmbedder(before=fail))
    assert (made.state, made.failure_code) == (State.QUARANTINED, "internal_error")
    assert "secret" not in made.failure_message


def test_cut_off_in_the_middle_it_is_read_again_from_the_start():
    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    made = document()
    with pytest.raises(Killed):
        ingest(made, WatchedEmbedder(before=kill))
    made.refresh_from_db()
    assert made.state == State.EMBEDDING
    assert Chunk.objects.count() == 0
    assert pipeline.ingest(made.pk) is False
    Document.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert ingest(made).state == State.READY
    assert made.attempt == 2


def test_cancelled_while_embedding_nothing_is_stored():
    made = document()
    watched = WatchedEmbedder(before=lambda: services.cancel(asker(alice()), made.pk))
    assert ingest(made, watched).state == State.CANCELLED
    assert Chunk.objects.count() == 0


def test_deleted_while_embedding_nothing_is_left():
    made = document()
    user = asker(alice())
    watched = WatchedEmbedder(before=lambda: services.delete_document(user, made.pk))
    pipeline.ingest(made.pk, embedder=watched, tokenizer=word_tokenizer())
    assert not Document.objects.exists()
    assert not Chunk.objects.exists()


def test_one_of_two_claimers_gets_it():
    made = document()
    first = claim(made.pk)
    assert first is not None
    assert (first.attempt, first.version) == (1, made.versions.get())
    assert claim(made.pk) is None


def test_a_settled_or_worn_out_document_is_not_claimed():
    for fields in (
        {"state": State.READY},
        {"state": State.CANCELLED},
        {"state": State.FAILED},
        {"tries": 3},
    ):
        made = document()
        Document.objects.filter(pk=made.pk).update(**fields)
        assert claim(made.pk) is None
        made.collection.delete()


def test_the_writes_of_a_late_worker_hit_nothing():
    made = document()
    late = claim(made.pk)
    Document.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    current = claim(made.pk)
    assert (late.attempt, current.attempt) == (1, 2)
    reading = _reading_of(made)
    for write in (
        lambda: renew(late),
        lambda: mark_failed(late, RagError()),
        lambda: give_back(late, TransientError()),
        lambda: store(late, reading),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert Chunk.objects.count() == 0
    store(current, reading)
    made.refresh_from_db()
    assert made.state == State.READY
    assert Chunk.objects.count() == made.current_version.chunk_count


def _reading_of(made: Document):
    kept = []

    def keep(claimed, reading, on_row):
        kept.append(reading)
        raise LeaseLost

    copy = make_document(make_collection(name="Other"), content=TEXT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "store", keep)
        pipeline.ingest(copy.pk, embedder=HashEmbedder(), tokenizer=word_tokenizer())
    return kept[0]


def test_progress_is_counted_in_passages():
    made = document(TEXT * 4)
    seen = []

    def look() -> None:
        row = Document.objects.get(pk=made.pk)
        seen.append((row.state, row.progress_done, row.progress_total))

    ingest(made, WatchedEmbedder(before=look))
    assert seen[0][0] == State.EMBEDDING
    assert seen[0][2] == made.current_version.chunk_count
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_what_cannot_be_stored_is_replaced_in_place():
    page = PageText(number=1, text="a\x00b\ud800c\fd", label="x\x00")
    cleaned = pipeline.storable_page(page)
    assert (cleaned.text, cleaned.label) == ("a\ufffdb\ufffdc\nd", "x\ufffd")


def test_a_title_and_notices_that_cannot_be_stored_are_cleaned_too(monkeypatch):
    page = PageText(number=1, text="Some \x00 words.")
    as_if_parsed(monkeypatch, page, title="t\x00", notices=("n\x00",))
    made = ingest(document())
    assert (made.current_version.title, made.notices) == ("t\ufffd", ["n\ufffd"])


def test_notices_reach_the_row(monkeypatch):
    page = PageText(number=1, text="Some words.")
    as_if_parsed(
        monkeypatch, page, title="The title", notices=("2 pages hold no text.",)
    )
    made = ingest(document())
    assert made.notices == ["2 pages hold no text."]
    assert made.current_version.title == "The title"
    assert made.current_version.chunks.get().heading == "The title"
