"""Pictures of pages, and where on a page a passage stands.

Only PDF and pictures have a fixed look; other formats are shown as text. PDFium runs in a
child process here too: it meets the same unknown bytes as a parser does, and
may be called by one thread only.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ingestion.filetypes import PDF, PICTURES
from ingestion.sandbox import run_child
from ingestion.types import ParseLimits
from rag_site.errors import NotFound, Unavailable
from rag_site.sending import release_database

# left, top, right, bottom as fractions of the page, from its top left corner.
Box = tuple[float, float, float, float]

# 1.0 is 72 dots an inch. Beyond 4 a page takes seconds and megabytes.
_MAX_SCALE = 4.0
# Each is a process of up to its memory; more would not be quicker.
_AT_ONCE = threading.BoundedSemaphore(4)
_LIMITS = ParseLimits(wall_s=20, cpu_s=15, memory_mb=1024, max_chars=5_000_000)


def has_page_images(media_type: str) -> bool:
    """Whether render_page can show this type."""
    return media_type == PDF or media_type in PICTURES


def render_page(path: Path, media_type: str, page: int, *, scale: float = 1.5) -> bytes:
    """Return a page as PNG.

    Args:
        page: counts from 1.
        scale: pixels a point, capped at 4.

    Raises:
        NotFound: the type has no page pictures, or the page does not exist.
        ParseFailed: the page cannot be drawn within the limits.
    """
    _require_pages(media_type, page)
    request = {
        "operation": "render",
        "media_type": media_type,
        "path": str(path.resolve()),
        "page": page,
        "scale": min(max(scale, 0.1), _MAX_SCALE),
    }
    done = _done(request)
    if not done["png"]:
        raise NotFound
    return base64.b64decode(done["png"])


def locate_text(path: Path, media_type: str, page: int, *, text: str) -> list[Box]:
    """Return boxes around a passage of the page's extracted text, a line each.

    The passage is found by its letters and digits alone, because extraction
    mends hyphens, spaces and table rows. Nothing is returned for what cannot
    be found; a passage is found in parts where it was re-ordered. Pictures and
    scans have no text of their own to look in: see boxes_of_blocks.

    Raises:
        NotFound: the type has no page pictures.
    """
    _require_pages(media_type, page)
    if media_type != PDF:
        return []
    request = {
        "operation": "locate",
        "path": str(path.resolve()),
        "page": page,
        "text": text[:20_000],
    }
    return [(a, b, c, d) for a, b, c, d in _done(request)["boxes"]]


def boxes_of_blocks(
    blocks: Sequence[Mapping[str, Any]],
    span: tuple[int, int],
    size: tuple[float, float],
) -> list[Box]:
    """Return the boxes of the blocks that a span of a page's text touches.

    For scans, whose only places are those that text recognition gave.

    Args:
        blocks: as stored, ``ingestion.types.Block`` with spans in the page.
        size: of the page, in points.
    """
    (start, end), (width, height) = span, size
    if width <= 0 or height <= 0:
        return []
    return [
        (left / width, top / height, right / width, bottom / height)
        for left, top, right, bottom in (
            block["box"]
            for block in blocks
            if block["box"] and block["start"] < end and block["end"] > start
        )
    ]


def _require_pages(media_type: str, page: int) -> None:
    if not has_page_images(media_type) or page < 1:
        raise NotFound


def _done(request: dict[str, object]) -> dict[str, Any]:
    release_database()
    if not _AT_ONCE.acquire(timeout=_LIMITS.wall_s):
        raise Unavailable("Other pages are being drawn. Try again in a moment.")
    try:
        found: dict[str, Any] = {}
        for event in run_child(request, _LIMITS):
            found = event.get("done", found)
        return found
    finally:
        _AT_ONCE.release()
