"""What documents hold, over REST: file, text and pages."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from ingestion.api_documents import newest_of
from ingestion.filing import file_of
from ingestion.masking_settings import check_original
from ingestion.models import Document, DocumentVersion, Page
from ingestion.page_view import png_of
from ingestion.types import PAGE_BREAK
from ingestion.visibility import get_document_for, reading_as
from rag_site.access import asker_of, needs
from rag_site.errors import Conflict, NotFound
from rag_site.schemas import sends
from rag_site.sending import release_database, send_file, send_image, send_text

router = Router(tags=["Documents"])

# Pages read from the database at a time while a text is sent.
_PAGES_AT_ONCE = 50

VersionNumber = Annotated[
    int | None,
    Query(None, ge=1, le=2**31 - 1, description="Without it, what searches see."),
]


class NotReadYet(Conflict):
    """This document has not been read yet. Wait until its state is ready."""

    code = "document_not_ready"


@router.get(
    "/documents/{id:pk}/file",
    auth=needs("read"),
    openapi_extra=sends("*/*", "The file, under the name it was uploaded with."),
)
def get_file(
    request: HttpRequest, pk: UUID, version: VersionNumber
) -> StreamingHttpResponse:
    """Return the file as it was uploaded, the newest version or the one asked for."""
    document = get_document_for(asker_of(request), pk)
    check_original(asker_of(request), document)
    chosen = _numbered(document, version) if version else newest_of(document)
    return send_file(
        file_of(chosen.digest),
        name=document.name,
        media_type=chosen.media_type,
    )


@router.get(
    "/documents/{id:pk}/text",
    auth=needs("read"),
    openapi_extra=sends("text/plain", "The text, form feeds between pages."),
)
def get_text(
    request: HttpRequest,
    pk: UUID,
    page: Annotated[int | None, Query(None, ge=1)],
    version: VersionNumber,
) -> StreamingHttpResponse:
    """Return the text as it was read, of one page or of all, form feeds between."""
    asker = asker_of(request)
    document = get_document_for(asker, pk)
    chosen = _numbered(document, version) if version else _read(document)
    pages = Page.objects.filter(version=chosen)
    if page is not None:
        pages = pages.filter(number=page)
        if not pages.exists():
            raise NotFound
    numbers = list(pages.order_by("number").values_list("number", flat=True))
    text = _text(asker.user_id, chosen.pk, numbers)
    return send_text(text, name=f"{document.name}.txt")


@router.get(
    "/documents/{id:pk}/pages/{int:number}.png",
    auth=needs("read"),
    openapi_extra=sends("image/png", "The page."),
)
def get_page_image(
    request: HttpRequest, pk: UUID, number: int, version: VersionNumber
) -> HttpResponse:
    """Return a page as it looks, for formats that have pages."""
    document = get_document_for(asker_of(request), pk)
    chosen = _numbered(document, version) if version else _read(document)
    png = png_of(chosen, number)
    return send_image(png, name=f"{document.name}-{number}.png")


def _numbered(document: Document, number: int) -> DocumentVersion:
    found = document.versions.filter(number=number).first()
    if found is None:
        raise NotFound
    return found


def _read(document: Document) -> DocumentVersion:
    if document.current_version is None:
        raise NotReadYet
    return document.current_version


async def _text(
    user_id: int, version_id: UUID, numbers: list[int]
) -> AsyncGenerator[str, None]:
    """Yield the pages; what is revoked meanwhile is not sent any more."""
    for first in range(0, len(numbers), _PAGES_AT_ONCE):
        wanted = numbers[first : first + _PAGES_AT_ONCE]
        texts = await sync_to_async(_texts)(user_id, version_id, wanted)
        if not texts:
            return
        yield (PAGE_BREAK if first else "") + PAGE_BREAK.join(texts)


def _texts(user_id: int, version_id: UUID, numbers: list[int]) -> list[str]:
    with reading_as(user_id):
        rows = Page.objects.filter(version_id=version_id, number__in=numbers)
        texts = list(rows.order_by("number").values_list("text", flat=True))
    release_database()
    return texts
