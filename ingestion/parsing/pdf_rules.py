"""The straight lines that a PDF page draws: the rules of its tables, edges of boxes.

Programs draw a rule as a line, as a thin filled box, or as the edge of a cell's box;
all of them come out as segments along an axis, in the frame of pdf_lines.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# pypdfium2 carries no types.
Raw = Any
Point = tuple[float, float]
# a, b, c, d, e, f of PDF 1.7, section 4.2.2: x' = ax + cy + e, y' = bx + dy + f.
Matrix = tuple[float, float, float, float, float, float]

_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
# More than any table has: a map or a chart, and time is not spent on it.
_MAX_SEGMENTS = 10_000
_MAX_DEPTH = 5
# A shorter line, in points, is the end of a thin box or a part of a sign.
_MIN_LENGTH = 4.0
# So far, in points, a line may run off its axis.
_SLANT = 0.7


@dataclass(frozen=True, slots=True)
class Rule:
    """A line along an axis: ``at`` on the other axis, from ``start`` to ``end``."""

    at: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Rules:
    """Lines across the page (``at`` counts downwards) and down it."""

    across: tuple[Rule, ...] = ()
    down: tuple[Rule, ...] = ()


NO_RULES = Rules()


def read_rules(page: Raw, origin: Point, turn: int) -> Rules:
    """Read the rules of a pypdfium2 page; none of one that is a drawing.

    Args:
        origin: left and top of what is shown of the page.
        turn: direction of its text (pdf_lines.PageLines).
    """
    across: list[Rule] = []
    down: list[Rule] = []
    for count, (a, b) in enumerate(_segments(page.raw)):
        if count >= _MAX_SEGMENTS:
            return NO_RULES
        (x1, y1), (x2, y2) = _upright(a, origin, turn), _upright(b, origin, turn)
        if abs(y2 - y1) < _SLANT and abs(x2 - x1) >= _MIN_LENGTH:
            across.append(Rule((y1 + y2) / 2, min(x1, x2), max(x1, x2)))
        elif abs(x2 - x1) < _SLANT and abs(y2 - y1) >= _MIN_LENGTH:
            down.append(Rule((x1 + x2) / 2, min(y1, y2), max(y1, y2)))
    return Rules(tuple(across), tuple(down))


def _upright(point: Point, origin: Point, turn: int) -> Point:
    x, y = point[0] - origin[0], origin[1] - point[1]
    return ((x, y), (-y, x), (-x, -y), (y, -x))[turn]


def _segments(page: Raw) -> Iterator[tuple[Point, Point]]:
    """Yield the straight segments of all drawn paths, in the page's coordinates."""
    import pypdfium2.raw as pdfium

    def of(holder: Raw, matrix: Matrix, depth: int) -> Iterator[tuple[Point, Point]]:
        is_page = depth == 0
        count = (
            pdfium.FPDFPage_CountObjects if is_page else pdfium.FPDFFormObj_CountObjects
        )
        get = pdfium.FPDFPage_GetObject if is_page else pdfium.FPDFFormObj_GetObject
        for index in range(count(holder)):
            one = get(holder, index)
            kind = pdfium.FPDFPageObj_GetType(one)
            if kind == pdfium.FPDF_PAGEOBJ_PATH and _is_drawn(pdfium, one):
                yield from _of_path(pdfium, one, _within(_matrix(pdfium, one), matrix))
            elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < _MAX_DEPTH:
                yield from of(one, _within(_matrix(pdfium, one), matrix), depth + 1)

    yield from of(page, _IDENTITY, 0)


def _is_drawn(pdfium: Raw, path: Raw) -> bool:
    """Whether a path is stroked or filled, and not only clips others."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    known = pdfium.FPDFPath_GetDrawMode(path, ctypes.byref(fill), ctypes.byref(stroke))
    return bool(known and (fill.value or stroke.value))


def _of_path(pdfium: Raw, path: Raw, matrix: Matrix) -> Iterator[tuple[Point, Point]]:
    x, y = ctypes.c_float(), ctypes.c_float()
    begun = at = (0.0, 0.0)
    for index in range(pdfium.FPDFPath_CountSegments(path)):
        segment = pdfium.FPDFPath_GetPathSegment(path, index)
        if not pdfium.FPDFPathSegment_GetPoint(
            segment, ctypes.byref(x), ctypes.byref(y)
        ):
            continue
        point = _mapped(x.value, y.value, matrix)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            begun = point
        elif kind == pdfium.FPDF_SEGMENT_LINETO:
            yield at, point
        at = point
        if pdfium.FPDFPathSegment_GetClose(segment):
            yield at, begun
            at = begun


def _matrix(pdfium: Raw, one: Raw) -> Matrix:
    found = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(one, ctypes.byref(found)):
        return _IDENTITY
    return (found.a, found.b, found.c, found.d, found.e, found.f)


def _within(inner: Matrix, outer: Matrix) -> Matrix:
    """Return the matrix that maps by ``inner`` first."""
    a, b, c, d, e, f = inner
    x, y = _mapped(e, f, outer)
    p, q, r, s, _, _ = outer
    return (a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, x, y)


def _mapped(x: float, y: float, matrix: Matrix) -> Point:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f
