"""What pages, the API and the shell read about documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Length
from django.utils import timezone

from ingestion.leasing import AT_WORK, UNSETTLED, free
from ingestion.models import Document, DocumentVersion, Page
from ingestion.types import PAGE_BREAK, as_shown
from ingestion.visibility import Visible, documents_visible_to
from rag_site.asking import Asker
from rag_site.errors import NotFound

State = Document.State
# Share of the percentage that reading has; making vectors is the longer part.
_PARSING_PERCENT = 40
# Elapsed seconds below which a rate says nothing yet.
_FIRST_ESTIMATE_S = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a document is.

    Attributes:
        percent: 0 to 100.
        eta_s: seconds left at the rate so far, None while that is unknown.
        place: 1-based place in the queue, None unless it waits.
        is_waiting: nobody works on it: queued, or its worker went silent.
    """

    percent: int
    eta_s: int | None = None
    place: int | None = None
    is_waiting: bool = False


def progress_of(document: Document) -> Progress:
    if document.state not in UNSETTLED:
        return Progress(percent=100 if document.state == State.READY else 0)
    now = timezone.now()
    if is_waiting(document, now):
        return Progress(percent=0, place=_place(document), is_waiting=True)
    percent = _percent(document)
    elapsed = (now - (document.started_at or now)).total_seconds()
    eta = None
    if percent and elapsed >= _FIRST_ESTIMATE_S:
        eta = round(elapsed * (100 - percent) / percent)
    return Progress(percent=percent, eta_s=eta)


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
    return list(rows.order_by("created_at"))


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


def _place(document: Document) -> int:
    """Return the place among all that wait, by the time they were added."""
    waiting = Document.objects.filter(free(), state__in=UNSETTLED)
    return waiting.filter(created_at__lt=document.created_at).count() + 1
