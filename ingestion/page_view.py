"""One page of a document as shown: its image, its text, and the passage marked."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import QueryDict

from ingestion import filing
from ingestion.models import Chunk, Document, DocumentVersion, Page
from ingestion.rendering import boxes_of_blocks, locate_text, render_page
from ingestion.visibility import reading_as
from rag_site.asking import Asker
from rag_site.errors import NotFound, RagError

logger = logging.getLogger(__name__)

# Pixels a point: sharp on a screen of twice the density, at a width of 600 CSS pixels.
IMAGE_SCALE = 2.0
_CHUNKS_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle in points from the page's top left corner."""

    x: float
    y: float
    width: float
    height: float


def version_of(document: Document, wanted: str) -> DocumentVersion | None:
    """Return the version asked for, else the one that is searched, else the newest.

    Raises:
        NotFound: a version of another document, or none at all by that id.
    """
    if not wanted:
        return document.current_version or document.versions.first()
    try:
        found = document.versions.filter(pk=UUID(wanted)).first()
    except ValueError as exc:
        raise NotFound from exc
    if found is None:
        raise NotFound
    return found


def page_context(document: Document, query: QueryDict, asker: Asker) -> dict[str, Any]:
    """Return what the template shows; all words are read as ``asker``, by the database."""
    start, end = _number(query, "start"), _number(query, "end")
    with reading_as(asker.user_id):
        version = version_of(document, query.get("version", ""))
        if version is None:
            return {"version": None, "page": None}
        page = _page(version, _number(query, "page"), start)
        context = _versions(document, version) | {"version": version, "page": page}
        if page is None:
            return context
        context |= _neighbours(version, page) | _marked(page, start, end)
        context["chunks"] = _chunks(version, page)
    # Outside: finding them takes a process, and a transaction must be short.
    span = (start - page.start, end - page.start)
    context["boxes"] = _boxes(version, page, context["marked"], span)
    return context


def _versions(document: Document, version: DocumentVersion) -> dict[str, Any]:
    versions, current = list(document.versions.all()), document.current_version
    if not versions:
        raise NotFound
    return {
        "current": current,
        "newest": versions[0],
        "is_newest_current": current is not None and current.pk == versions[0].pk,
        "is_old": current is not None and version.number < current.number,
        "versions": versions,
    }


def png_of(version: DocumentVersion, number: int) -> bytes:
    """Return the image of a page, drawn once and kept under the file's digest.

    Raises:
        NotFound: no such page, or a format without pages to look at.
    """
    if not version.pages.filter(number=number, width__gt=0).exists():
        raise NotFound
    kept = filing.images_of(version.digest) / f"{number}.png"
    if kept.exists():
        return bytes(kept.read_bytes())
    source = filing.file_of(version.digest)
    image = render_page(source, version.media_type, number, scale=IMAGE_SCALE)
    kept.parent.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_suffix(f".{secrets.token_hex(4)}")
    fresh.write_bytes(image)
    fresh.replace(kept)
    if not DocumentVersion.objects.filter(digest=version.digest).exists():
        # Deleted while the page was drawn: its pictures must not come back.
        filing.remove_unreferenced([version.digest])
        raise NotFound
    return image


def _number(query: QueryDict, name: str) -> int:
    text = query.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _page(version: DocumentVersion, number: int, start: int) -> Page | None:
    """Return the page asked for; without a number, the one that holds ``start``."""
    pages = version.pages.order_by("number")
    if number:
        return pages.filter(number=number).first() or pages.last()
    return pages.filter(start__lte=start).last() or pages.first()


def _neighbours(version: DocumentVersion, page: Page) -> dict[str, Any]:
    numbers = version.pages.values_list("number", flat=True)
    return {
        "previous": numbers.filter(number__lt=page.number).order_by("-number").first(),
        "next": numbers.filter(number__gt=page.number).order_by("number").first(),
        "page_count": version.page_count or numbers.count(),
    }


def _marked(page: Page, start: int, end: int) -> dict[str, str]:
    """Cut the page's text at the span, whose offsets count in the version's text."""
    first = min(max(start - page.start, 0), len(page.text))
    last = min(max(end - page.start, first), len(page.text))
    return {
        "before": page.text[:first],
        "marked": page.text[first:last],
        "after": page.text[last:],
    }


def _boxes(
    version: DocumentVersion, page: Page, marked: str, span: tuple[int, int]
) -> list[Box]:
    """Return boxes around the marked text, in points; none if it cannot be found."""
    if not marked.strip() or not page.width:
        return []
    source = filing.file_of(version.digest)
    try:
        found = locate_text(source, version.media_type, page.number, text=marked)
    except RagError as problem:
        # The text beside the image is marked in any case.
        logger.warning("a passage could not be boxed: %s", problem.code)
        return []
    # A scan has no text to find words in, but the places of its blocks.
    found = found or boxes_of_blocks(page.blocks, span, (page.width, page.height))
    return [
        Box(
            x=left * page.width,
            y=top * page.height,
            width=(right - left) * page.width,
            height=(bottom - top) * page.height,
        )
        for left, top, right, bottom in found
    ]


def _chunks(version: DocumentVersion, page: Page) -> list[Chunk]:
    return list(
        version.chunks.filter(
            page_first__lte=page.number, page_last__gte=page.number
        ).order_by("ordinal")[:_CHUNKS_SHOWN]
    )
