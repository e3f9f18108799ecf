"""Form values and comments of a PDF page, which are no part of its text."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

from ingestion.parsing.cleaning import one_line
from ingestion.parsing.pieces import Piece, piece

_MAX_ANNOTATIONS = 2_000
# Kinds that carry what a person wrote: comments, highlights, free text and so on.
_LINK, _POPUP = 2, 16


def notes_of(page: Any) -> list[Piece]:
    """Return filled-in fields and comments, in the order of the file."""
    return list(_notes(page.raw))


def _notes(raw: Any) -> Iterator[Piece]:
    import pypdfium2.raw as pdfium

    count = min(pdfium.FPDFPage_GetAnnotCount(raw), _MAX_ANNOTATIONS)
    for i in range(count):
        annotation = pdfium.FPDFPage_GetAnnot(raw, i)
        if not annotation:
            continue
        try:
            yield from _note(pdfium, annotation)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _note(pdfium: Any, annotation: Any) -> Iterator[Piece]:
    kind = pdfium.FPDFAnnot_GetSubtype(annotation)
    if kind in {_LINK, _POPUP}:
        return
    if kind == pdfium.FPDF_ANNOT_WIDGET:
        name, value = (_string(pdfium, annotation, key) for key in (b"T", b"V"))
        if value:
            yield piece("note", f"{name}: {value}" if name else value)
        return
    text = _string(pdfium, annotation, b"Contents")
    author = _string(pdfium, annotation, b"T")
    if text:
        yield piece("note", f"Comment by {author}: {text}" if author else text)


def _string(pdfium: Any, annotation: Any, key: bytes) -> str:
    size = pdfium.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    chars = ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR))
    pdfium.FPDFAnnot_GetStringValue(annotation, key, chars, size)
    return one_line(buffer.raw[: size - 2].decode("utf-16-le", "replace"))
