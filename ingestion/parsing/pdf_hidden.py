"""Text of a PDF page that nobody sees: white on white, tiny, or off the page."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

from ingestion.parsing import hidden

# Objects of one page that are looked at.
_MOST = 3_000
# Points below which no print is legible, and of 255, above which a colour is white.
_TINY_PT, _WHITE = 2.0, 248
Box = tuple[float, float, float, float]


def tell_hidden(page: Any, number: int) -> None:
    """Tell of text on ``page``, an open page of pypdfium2, that is not seen.

    White text over a filled area or a picture is taken to be seen.
    """
    import pypdfium2.raw as pdfium

    texts: list[Any] = []
    grounds: list[Box] = []
    for count, item in enumerate(page.get_objects(max_depth=2)):
        if count >= _MOST:
            break
        if item.type == pdfium.FPDF_PAGEOBJ_TEXT:
            texts.append(item)
        elif item.type == pdfium.FPDF_PAGEOBJ_IMAGE or not _is_white(item):
            grounds.append(item.get_bounds())
    for item in texts:
        for reason in _reasons(item, page.get_size(), grounds):
            hidden.kept(reason, f"page {number} {item.get_bounds()}")


def _reasons(item: Any, size: tuple[float, float], grounds: list[Box]) -> Iterator[str]:
    box = item.get_bounds()
    if _is_off(box, size):
        yield "off the page"
    elif box[3] - box[1] < _TINY_PT and _size(item) < _TINY_PT:
        yield "too small to read"
    elif _is_white(item) and not any(_overlaps(box, ground) for ground in grounds):
        yield "white on white"


def _is_off(box: Box, size: tuple[float, float]) -> bool:
    left, bottom, right, top = box
    return right < 0 or top < 0 or left > size[0] or bottom > size[1]


def _overlaps(one: Box, other: Box) -> bool:
    return (
        one[0] < other[2]
        and other[0] < one[2]
        and one[1] < other[3]
        and other[1] < one[3]
    )


def _is_white(item: Any) -> bool:
    import pypdfium2.raw as pdfium

    parts = [ctypes.c_uint() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetFillColor(item, *parts):
        return False
    return all(part.value >= _WHITE for part in parts[:3])


def _size(item: Any) -> float:
    """Return the height of letters in points, as scaled on the page."""
    import pypdfium2.raw as pdfium

    size = ctypes.c_float()
    if not pdfium.FPDFTextObj_GetFontSize(item, size):
        return _TINY_PT
    matrix = item.get_matrix()
    return float(abs(size.value * matrix.d) or abs(size.value * matrix.b))
