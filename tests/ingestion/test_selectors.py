"""How far documents are: one by one, all together, and as a bar in the terminal."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.utils import timezone

from ingestion import selectors, watching
from ingestion.models import Document
from tests.factories import alice, asker, bob, make_collection, make_document

pytestmark = pytest.mark.django_db
State = Document.State


def at_work(document: Document, state: str, done: int, total: int) -> Document:
    Document.objects.filter(pk=document.pk).update(
        state=state,
        progress_done=done,
        progress_total=total,
        started_at=timezone.now() - timedelta(seconds=60),
        lease_until=timezone.now() + timedelta(minutes=5),
    )
    document.refresh_from_db()
    return document


def test_pages_and_passages_are_counted() -> None:
    document = make_document(make_collection())
    reading = selectors.progress_of(at_work(document, "parsing", 120, 500))
    assert (reading.steps, reading.percent) == ("page 120 of 500", 10)
    assert reading.eta_s == pytest.approx(540, abs=5)
    making = selectors.progress_of(at_work(document, "embedding", 1000, 2000))
    assert making.steps == "passage 1,000 of 2,000"
    assert selectors.progress_of(at_work(document, "parsing", 0, 0)).steps == ""


def test_large_files_have_a_line_of_their_own() -> None:
    collection = make_collection()
    large, small, later = (
        make_document(collection, f"{n}.txt", b"%d" % n) for n in range(3)
    )
    Document.objects.filter(pk=large.pk).update(queue=Document.Queue.LARGE)
    found = selectors.progress_of_all([large, small, later])
    assert [found[d.pk].place for d in (large, small, later)] == [1, 1, 2]


def test_many_that_wait_cost_one_query(django_assert_num_queries) -> None:
    collection = make_collection()
    rows = [make_document(collection, f"{n}.txt", b"%d" % n) for n in range(20)]
    with django_assert_num_queries(1):
        found = selectors.progress_of_all(rows)
    assert [found[row.pk].place for row in rows] == list(range(1, 21))


def test_overall_counts_what_was_queued_together() -> None:
    collection = make_collection()
    now = timezone.now()
    rows = [make_document(collection, f"{n}.txt", b"%d" % n) for n in range(5)]
    Document.objects.update(queued_at=now - timedelta(seconds=100))
    Document.objects.filter(pk=rows[0].pk).update(
        state=State.READY, queued_at=now - timedelta(days=9)
    )
    Document.objects.filter(pk=rows[1].pk).update(state=State.READY)
    Document.objects.filter(pk=rows[2].pk).update(state=State.FAILED)
    at_work(rows[3], "embedding", 0, 0)
    found = selectors.overall(asker(alice()))
    assert (found.done, found.total, found.failed) == (2, 4, 1)
    assert found.percent == 60
    assert found.eta_s == pytest.approx(67, abs=4)
    assert selectors.overall(asker(bob())).total == 0
    Document.objects.update(state=State.READY)
    assert not selectors.overall(asker(alice()), collection.pk).is_busy


def test_overall_counts_from_when_the_queue_was_last_empty() -> None:
    """One after another, as a folder is added: those that are done still count."""
    collection = make_collection()
    now = timezone.now()

    def settled(name: str, queued_s: float, done_s: float) -> Document:
        row = make_document(collection, name, name.encode())
        Document.objects.filter(pk=row.pk).update(
            state=State.READY,
            queued_at=now - timedelta(seconds=queued_s),
            updated_at=now - timedelta(seconds=done_s),
        )
        return row

    settled("an hour ago", 3600, 3500)
    settled("before the pause", 110, 101)
    for n in range(6):
        settled(str(n), 100 - 10 * n, 85 - 10 * n)
    last = make_document(collection, "open", b"open")
    Document.objects.filter(pk=last.pk).update(queued_at=now - timedelta(seconds=40))
    found = selectors.overall(asker(alice()))
    assert (found.done, found.total) == (6, 7)
    assert found.percent == 85
    assert found.eta_s == pytest.approx(100 / 6, abs=2)


def test_the_bar_names_what_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = make_collection()
    first, second = (make_document(collection, f"{n}.txt", b"%d" % n) for n in range(2))
    at_work(first, "parsing", 3, 12)
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(watching.sys, "stderr", screen)
    calls: list[int] = []

    def work(ids: object) -> bool:
        calls.append(len(ids))  # type: ignore[arg-type]
        done = first if len(calls) == 1 else second
        Document.objects.filter(pk=done.pk).update(state=State.READY)
        return True

    watching.wait_for([first.pk, second.pk], work)
    assert calls == [2, 1]
    shown = screen.getvalue()
    assert "0 of 2 files" in shown
    assert "0.txt page 3 of 12" in shown
    assert "1 of 2 files" in shown


@pytest.mark.parametrize(
    ("done", "elapsed_s", "words"),
    [(0, 100, ""), (1, 2, ""), (2, 60, ""), (1, 60, "about 60 s left"),
     (0.25, 60, "about 7 min left")],
)  # fmt: skip
def test_time_left_is_said_once_it_means_something(
    done: float, elapsed_s: float, words: str
) -> None:
    assert watching._left_words(done, 2, elapsed_s) == words
