"""Pages of a PDF that are pictures of text."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from ingestion.parsing.ocr import POINTS_PER_INCH
from ingestion.parsing.ocr_engines import Picture

# Fewer letters than this are a stamp or a page number upon a scan.
_FEW_LETTERS = 40
# The share of the page that one picture of a scan covers at least.
_MIN_COVER = 0.5
# Objects of a page that are looked at.
_MAX_OBJECTS = 2_000
# What Tesseract's makers advise, and the pixels of one sheet of A4 at twice that.
_DPI = 300
_MAX_PIXELS = 35_000_000


def is_scan(page: Any, letters: int) -> bool:
    """Whether a page shows something, and its text layer practically nothing."""
    if letters >= _FEW_LETTERS:
        return False
    if letters == 0:
        return any(True for _ in page.get_objects(max_depth=1))
    import pypdfium2.raw as pdfium

    width, height = page.get_size()
    pictures = page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,), max_depth=3)
    return any(
        area >= _MIN_COVER * width * height
        for area in _areas(islice(pictures, _MAX_OBJECTS))
    )


def _areas(pictures: Iterable[Any]) -> Iterable[float]:
    import pypdfium2

    for picture in pictures:
        try:
            left, bottom, right, top = picture.get_bounds()
        except pypdfium2.PdfiumError:
            continue
        yield abs(right - left) * abs(top - bottom)


def picture_of(page: Any) -> Picture:
    """Draw a page in grey as it is shown, at 300 dots an inch or what fits."""
    width, height = page.get_size()
    scale = min(_DPI / POINTS_PER_INCH, (_MAX_PIXELS / max(width * height, 1.0)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        data = bytes(bitmap.buffer)
        dpi = scale * POINTS_PER_INCH
        return Picture(bitmap.width, bitmap.height, bitmap.stride, data, dpi)
    finally:
        bitmap.close()
