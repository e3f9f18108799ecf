"""Drawing a PDF page, and finding words on it. Runs in the child process."""

from __future__ import annotations

import ctypes
import io
import math
import re
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from ingestion.parsing.pdf import open_pdf

# Pixels of one page picture; larger pages are drawn smaller.
_MAX_PIXELS = 25_000_000
# A run of words shorter than this could stand anywhere on a page.
_MIN_LETTERS = 12
# Boxes further apart than this share of the page belong to different columns.
_MAX_GAP = 0.03
_SENTENCE = re.compile(r"[\n|•]+|(?<=[.!?;:]) ")

Box = tuple[float, float, float, float]


def page_png(path: str, number: int, scale: float) -> bytes:
    """Draw a page; empty bytes if there is no such page."""
    with closing(open_pdf(path)) as document:
        if number > len(document):
            return b""
        with closing(document[number - 1]) as page:
            width, height = page.get_size()
            pixels = max(width * height, 1.0)
            scale = min(scale, (_MAX_PIXELS / pixels) ** 0.5)
            bitmap = page.render(scale=scale, may_draw_forms=True)
            return _png(bitmap)


def _png(bitmap: Any) -> bytes:
    out = io.BytesIO()
    bitmap.to_pil().convert("RGB").save(out, "PNG", compress_level=6)
    return out.getvalue()


def find_boxes(path: str, number: int, text: str) -> list[Box]:
    """Boxes of a passage as fractions of the page, one a line of print."""
    with closing(open_pdf(path)) as document:
        if number > len(document):
            return []
        with closing(document[number - 1]) as page:
            textpage = page.get_textpage()
            try:
                return _boxes(page, textpage, text)
            finally:
                textpage.close()


def _boxes(page: Any, textpage: Any, text: str) -> list[Box]:
    letters, places = _letters(textpage.get_text_range(errors="replace"))
    spans = _spans(letters, text)
    found: list[Box] = []
    for start, end in spans:
        found += _rects(page, textpage, places[start], places[end - 1])
    if not found:
        return []
    return _merged(found, upright=_is_upright(page, textpage, places[spans[0][0]]))


def _is_upright(page: Any, textpage: Any, start: int) -> bool:
    """Whether the text at this place runs across the page as it is shown."""
    import pypdfium2.raw as pdfium

    index = pdfium.FPDFText_GetCharIndexFromTextIndex(textpage.raw, start)
    angle = pdfium.FPDFText_GetCharAngle(textpage.raw, max(index, 0))
    quarters = round(angle / (math.pi / 2)) if math.isfinite(angle) else 0
    shown: int = quarters - page.get_rotation() // 90
    return shown % 2 == 0


def _letters(text: str) -> tuple[str, list[int]]:
    """Letters and digits of a text, folded, with the place of each.

    Places are counted in UTF-16 units, as PDFium does.
    """
    folded: list[str] = []
    places: list[int] = []
    at = 0
    for char in text:
        for one in unicodedata.normalize("NFKC", char).casefold():
            if one.isalnum():
                folded.append(one)
                places.append(at)
        at += 2 if char >= "\U00010000" else 1
    return "".join(folded), places


def _spans(letters: str, text: str) -> list[tuple[int, int]]:
    """Where the passage stands: as a whole, else sentence by sentence."""
    whole = _letters(text)[0]
    if not whole:
        return []
    at = letters.find(whole)
    if at >= 0:
        return [(at, at + len(whole))]
    return list(_parts(letters, text))


def _parts(letters: str, text: str) -> Iterator[tuple[int, int]]:
    after = 0
    for sentence in _SENTENCE.split(text):
        part = _letters(sentence)[0]
        if len(part) < 4:
            continue
        at = letters.find(part, after)
        at = letters.find(part) if at < 0 and len(part) >= _MIN_LETTERS else at
        if at >= 0:
            yield at, at + len(part)
            after = at + len(part)
        elif len(part) >= 2 * _MIN_LETTERS:
            yield from _halves(letters, part)


def _halves(letters: str, part: str) -> Iterator[tuple[int, int]]:
    """Find the two halves of a sentence that a page's layout parted."""
    middle = len(part) // 2
    for half in (part[:middle], part[middle:]):
        at = letters.find(half)
        if at >= 0:
            yield at, at + len(half)
        elif len(half) >= 2 * _MIN_LETTERS:
            yield from _halves(letters, half)


def _rects(page: Any, textpage: Any, start: int, end: int) -> Iterator[Box]:
    import pypdfium2.raw as pdfium

    raw = textpage.raw
    first = pdfium.FPDFText_GetCharIndexFromTextIndex(raw, start)
    last = pdfium.FPDFText_GetCharIndexFromTextIndex(raw, end)
    if first < 0 or last < first:
        return
    sides = [ctypes.c_double() for _ in range(4)]
    refs = [ctypes.byref(side) for side in sides]
    for i in range(pdfium.FPDFText_CountRects(raw, first, last - first + 1)):
        if pdfium.FPDFText_GetRect(raw, i, *refs):
            left, top, right, bottom = (side.value for side in sides)
            yield _fractions(pdfium, page.raw, (left, top, right, bottom))


def _fractions(pdfium: Any, raw: Any, rect: Box) -> Box:
    """Page coordinates to fractions as displayed: crop and rotation applied."""
    size = 10_000
    x, y = ctypes.c_int(), ctypes.c_int()
    points = []
    for px, py in ((rect[0], rect[1]), (rect[2], rect[3])):
        pdfium.FPDF_PageToDevice(
            raw, 0, 0, size, size, 0, px, py, ctypes.byref(x), ctypes.byref(y)
        )
        points.append((_clamped(x.value / size), _clamped(y.value / size)))
    (ax, ay), (bx, by) = points
    return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)


def _clamped(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _merged(boxes: list[Box], *, upright: bool) -> list[Box]:
    """Join boxes that follow one another on a line of print."""
    merged: list[Box] = []
    for box in boxes:
        if merged and _on_one_line(merged[-1], box, upright=upright):
            a = merged[-1]
            merged[-1] = (
                min(a[0], box[0]), min(a[1], box[1]),
                max(a[2], box[2]), max(a[3], box[3]),
            )  # fmt: skip
        elif box[2] > box[0] and box[3] > box[1]:
            merged.append(box)
    return merged


def _on_one_line(a: Box, b: Box, *, upright: bool) -> bool:
    """Whether two boxes share a line; lines of turned text run down the page."""
    along, across = (0, 1) if upright else (1, 0)
    overlap = min(a[across + 2], b[across + 2]) - max(a[across], b[across])
    thickness = min(a[across + 2] - a[across], b[across + 2] - b[across])
    gap = max(a[along], b[along]) - min(a[along + 2], b[along + 2])
    return overlap > 0.5 * thickness and gap < _MAX_GAP
