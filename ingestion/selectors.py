"""What pages, the API and the shell read about documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import (
    Case,
    Count,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    RowRange,
    Subquery,
    Sum,
    When,
    Window,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Length, Now
from django.utils import timezone

from ingestion.leasing import AT_WORK, UNSETTLED, free
from ingestion.models import Document, DocumentVersion, Page
from ingestion.types import PAGE_BREAK, as_shown
from ingestion.visibility import Visible, documents_visible_to, held_to_floor
from rag_site.asking import Asker
from rag_site.errors import NotFound

State = Document.State
# Share of the percentage that reading has; making vectors is the longer part.
_PARSING_PERCENT = 40
# What reading any file costs at least, as bytes of a larger one.
_FILE_COST_BYTES = 100_000
_FAILED = (State.FAILED, State.QUARANTINED)
# How far back the beginning of what is being read is looked for.
_LONGEST_BATCH = timedelta(days=1)
# Elapsed seconds below which a rate says nothing yet.
_FIRST_ESTIMATE_S = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a document is.

    Attributes:
        percent: 0 to 100.
        eta_s: seconds left at the rate so far, None while that is unknown.
        place: 1-based place in its queue, None unless it waits.
        is_waiting: nobody works on it: queued, or its worker went silent.
        done, total: pages read, or passages indexed, of the state at work; 0
            of 0 while that is unknown.
        unit: what ``done`` counts, "page" or "passage".
    """

    percent: int
    eta_s: int | None = None
    place: int | None = None
    is_waiting: bool = False
    done: int = 0
    total: int = 0
    unit: str = ""

    @property
    def steps(self) -> str:
        """Return "page 3 of 12", "" while nothing was counted."""
        return f"{self.unit} {self.done:,} of {self.total:,}" if self.total else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """How far all is that was added since the queue was last empty.

    Attributes:
        done, total: files; failed ones count as done.
        failed: of those done.
        percent: 0 to 100, by size.
        eta_s: seconds left at the rate so far, None while that is unknown.
    """

    done: int
    total: int
    failed: int
    percent: int
    eta_s: int | None = None

    @property
    def is_busy(self) -> bool:
        return self.done < self.total


def progress_of(document: Document) -> Progress:
    return progress_of_all([document])[document.pk]


def progress_of_all(documents: Iterable[Document]) -> dict[UUID, Progress]:
    """Return the progress of each; one query however many of them wait."""
    rows, now = list(documents), timezone.now()
    waiting = [row.pk for row in rows if is_waiting(row, now)]
    places = _places(waiting) if waiting else {}
    return {row.pk: _progress(row, now, places) for row in rows}


def _progress(document: Document, now: datetime, places: dict[UUID, int]) -> Progress:
    if document.state not in UNSETTLED:
        return Progress(percent=100 if document.state == State.READY else 0)
    if is_waiting(document, now):
        return Progress(percent=0, place=places.get(document.pk), is_waiting=True)
    percent = _percent(document)
    elapsed = (now - (document.started_at or now)).total_seconds()
    eta = None
    if percent and elapsed >= _FIRST_ESTIMATE_S:
        eta = round(elapsed * (100 - percent) / percent)
    return Progress(
        percent=percent,
        eta_s=eta,
        done=min(document.progress_done, document.progress_total),
        total=document.progress_total,
        unit="page" if document.state == State.PARSING else "passage",
    )


def overall(asker: Asker, collection_id: UUID | None = None) -> Overall:
    """Return how far the files are that were queued since the queue was last empty."""
    rows = documents_visible_to(asker)
    if collection_id is not None:
        rows = rows.filter(collection=collection_id)
    since = _busy_since(rows)
    if since is None:
        return Overall(done=0, total=0, failed=0, percent=100)
    newest = DocumentVersion.objects.filter(document=OuterRef("pk")).order_by("-number")
    batch = rows.filter(queued_at__gte=since).annotate(
        size=Subquery(newest.values("size_bytes")[:1])
    )
    is_settled = Q(state__in=Document.SETTLED)
    found = batch.aggregate(
        total=Count("pk"),
        done=Count("pk", filter=is_settled),
        failed=Count("pk", filter=Q(state__in=_FAILED)),
        all_bytes=Coalesce(Sum("size"), 0),
        done_bytes=Coalesce(Sum("size", filter=is_settled), 0),
    )
    # What is at work counts in part; its size says how much its percent means.
    at_work = list(batch.filter(state__in=AT_WORK))
    partly = sum(
        progress.percent / 100 * (int(row.size or 0) + _FILE_COST_BYTES)
        for row, progress in zip(
            at_work, progress_of_all(at_work).values(), strict=True
        )
    )
    done = found["done_bytes"] + found["done"] * _FILE_COST_BYTES + partly
    share = done / (found["all_bytes"] + found["total"] * _FILE_COST_BYTES)
    elapsed = (timezone.now() - since).total_seconds()
    return Overall(
        done=found["done"],
        total=found["total"],
        failed=found["failed"],
        percent=min(99, int(100 * share)),
        eta_s=round(elapsed * (1 - share) / share)
        if share and elapsed >= _FIRST_ESTIMATE_S
        else None,
    )


def _busy_since(rows: QuerySet[Document]) -> datetime | None:
    """Return when the first of ``rows`` was queued without a pause until now."""
    is_open = Q(state__in=UNSETTLED)
    oldest = rows.filter(is_open).aggregate(at=Min("queued_at"))["at"]
    if oldest is None:
        return None
    # A document counts from when it was queued until it was settled, and a pause is
    # where one begins after all before it have ended.
    latest = rows.filter(queued_at__gte=oldest - _LONGEST_BATCH)
    ended = Window(
        Max(Case(When(is_open, then=Now()), default=F("updated_at"))),
        order_by=[F("queued_at").asc(), F("id").asc()],
        frame=RowRange(end=-1),
    )
    begun = latest.annotate(ended=ended).filter(
        Q(ended__isnull=True) | Q(ended__lt=F("queued_at"))
    )
    return begun.order_by("-queued_at").values_list("queued_at", flat=True).first()


def is_waiting(document: Document, now: datetime | None = None) -> bool:
    """Whether nobody works on it, although it is not settled."""
    if document.state not in AT_WORK:
        return document.state == State.QUEUED
    until = document.lease_until
    return until is None or until < (now or timezone.now())


def document_rows(
    asker: Asker, collection_id: UUID | None = None
) -> QuerySet[Document]:
    """Return the readable documents, newest first, ready to be listed."""
    rows = documents_visible_to(asker).select_related(
        "collection", "current_version", "added_by"
    )
    return rows if collection_id is None else rows.filter(collection=collection_id)


def unread_documents(visible: Visible) -> list[Document]:
    """Return the documents in reach that searches do not see up to date yet."""
    sql, params = visible.documents_sql()
    rows = Document.objects.filter(state__in=UNSETTLED, id__in=RawSQL(sql, params))  # noqa: S611
    return held_to_floor(visible.user_id, rows.order_by("created_at"))


def page_text(version: DocumentVersion, number: int) -> str:
    """Raises NotFound."""
    text = version.pages.filter(number=number).values_list("text", flat=True).first()
    if text is None:
        raise NotFound
    return text


def quote(version_id: UUID, start: int, end: int) -> str:
    """Return characters start to end of the version's text as shown, "" if gone.

    The caller has made sure that the reader may see the version.
    """
    pages = list(
        Page.objects.filter(version=version_id, start__lt=end)
        .annotate(end=F("start") + Length("text"))
        .filter(end__gt=start)
        .order_by("number")
        .values_list("start", "text")
    )
    if not pages:
        return ""
    offset = pages[0][0]
    text = PAGE_BREAK.join(text for _, text in pages)
    return as_shown(text[max(0, start - offset) : end - offset])


def _percent(document: Document) -> int:
    share = 0.0
    if document.progress_total:
        share = min(1.0, document.progress_done / document.progress_total)
    if document.state == State.PARSING:
        return round(_PARSING_PERCENT * share)
    return _PARSING_PERCENT + round((99 - _PARSING_PERCENT) * share)


def _places(ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return each one's place in its queue, in the order in which workers take them."""
    waiting = (
        Document.objects.filter(free(), state__in=UNSETTLED)
        .order_by("queued_at", "id")
        .values_list("pk", "queue")
    )
    places: dict[UUID, int] = {}
    counted: Counter[str] = Counter()
    wanted = set(ids)
    for pk, queue in waiting.iterator():
        counted[queue] += 1
        if pk in wanted:
            places[pk] = counted[queue]
        if len(places) == len(wanted):
            break
    return places
