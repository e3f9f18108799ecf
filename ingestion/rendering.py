"""Pictures of pages, and where on a page a passage stands.

Only PDF has a fixed look; other formats are shown as text. PDFium runs in a
child process here too: it meets the same unknown bytes as a parser does, and
may be called by one thread only.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ingestion.filetypes import PDF
from ingestion.sandbox import run_child
from ingestion.types import ParseLimits
from rag_site.errors import NotFound

# left, top, right, bottom as fractions of the page, from its top left corner.
Box = tuple[float, float, float, float]

# 1.0 is 72 dots an inch. Beyond 4 a page takes seconds and megabytes.
_MAX_SCALE = 4.0
_LIMITS = ParseLimits(wall_s=20, cpu_s=15, memory_mb=1024, max_chars=5_000_000)


def has_page_images(media_type: str) -> bool:
    """Whether render_page can show this type."""
    return media_type == PDF


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
    be found; a passage is found in parts where it was re-ordered.

    Raises:
        NotFound: the type has no page pictures.
    """
    _require_pages(media_type, page)
    request = {
        "operation": "locate",
        "path": str(path.resolve()),
        "page": page,
        "text": text[:20_000],
    }
    return [(a, b, c, d) for a, b, c, d in _done(request)["boxes"]]


def _require_pages(media_type: str, page: int) -> None:
    if not has_page_images(media_type) or page < 1:
        raise NotFound


def _done(request: dict[str, object]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for event in run_child(request, _LIMITS):
        found = event.get("done", found)
    return found
