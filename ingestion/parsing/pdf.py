"""PDF, read with PDFium page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from ingestion.errors import Corrupt, Encrypted, LimitExceeded, NoText
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.pdf_layout import PARTED, Fonts, fonts_of, lay_out
from ingestion.parsing.pdf_lines import PageLines, count_letters, read_lines
from ingestion.parsing.pdf_notes import notes_of
from ingestion.parsing.pdf_whole import Page, learned, sample, settled
from ingestion.parsing.pieces import Piece, assemble, title_of
from ingestion.parsing.source import Source
from ingestion.types import PageText, Parsed

# Pages looked at to learn which font size is the body's.
_FONT_PAGES = 12
_SCANNED = (
    "No text was found. If the pages are scanned pictures, they need text "
    "recognition (OCR): run it over the file and add the result."
)
# PDFium's numbers for why a file did not open (fpdfview.h, FPDF_ERR_*).
_ERR_PASSWORD, _ERR_SECURITY = 4, 5

# pypdfium2 carries no types.
Document = Any


@dataclass(frozen=True, slots=True)
class _Pdf:
    """An open file with the sizes of its fonts."""

    document: Document
    count: int
    fonts: Fonts


def parse_pdf(source: Source) -> Parsed:
    """Read a PDF from ``source.first_page`` on; see Source for where pages go.

    The text of a page does not depend on the page at which reading starts.

    Raises:
        Encrypted: it asks for a password before it opens.
        NoText: all pages are pictures.
    """
    with closing(open_pdf(source.path)) as document:
        count = _page_count(document, source)
        pdf = _Pdf(document, count, fonts_of(_font_sample(document, count)))
        known = {index: _laid_out(pdf, index) for index in sample(count)}
        title = _title(known, document)
        pages, emit = source.outlet()
        bare = _bare_before(document, source.first_page)
        for page, is_bare in _pages(pdf, known, source):
            emit(page)
            source.progress(page.number, count)
            bare += [page.number] if is_bare else []
        if len(bare) == count:
            raise NoText(_SCANNED)
        notices = _notices(bare, document.count_attachments())
    return Parsed(pages=tuple(pages), title=title, notices=notices)


def open_pdf(path: Any) -> Document:
    """Open a PDF, translating PDFium's reasons.

    Raises:
        Encrypted, Corrupt: PDFium's reason.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as exc:
        if exc.err_code in {_ERR_PASSWORD, _ERR_SECURITY}:
            raise Encrypted from exc
        raise Corrupt from exc
    except FileNotFoundError as exc:
        raise Corrupt from exc
    return document


def _page_count(document: Document, source: Source) -> int:
    count = len(document)
    if count > source.limits.max_pages:
        raise LimitExceeded(
            f"The PDF has {count:,} pages; the limit is {source.limits.max_pages:,}. "
            "Split it and add the parts."
        )
    if count == 0:
        raise Corrupt
    return count


def _font_sample(document: Document, count: int) -> Iterator[PageLines]:
    step = max(1, count // _FONT_PAGES)
    for index in range(0, count, step):
        page = _read(document, index)
        if page is not None:
            yield page[0]


def _read(document: Document, index: int) -> tuple[PageLines, list[Piece]] | None:
    """Read one page; None for a page that PDFium cannot load."""
    import pypdfium2

    try:
        with closing(document[index]) as page:
            return read_lines(page), notes_of(page)
    except pypdfium2.PdfiumError:
        return None


def _laid_out(pdf: _Pdf, index: int) -> Page:
    found = _read(pdf.document, index)
    if found is None:
        return Page([], 0.0, 0.0, is_bare=True)
    lines, notes = found
    pieces = lay_out(lines, pdf.fonts) + notes
    if lines.turn:
        pieces = [replace(one, box=None) for one in pieces]
    return Page(
        pieces, lines.width, lines.height, _label(pdf.document, index),
        is_bare=lines.letters == 0 and not notes,
    )  # fmt: skip


def _bare_before(document: Document, first_page: int) -> list[int]:
    """Numbers of the pages without text that an earlier run has read."""
    return [i + 1 for i in range(first_page - 1) if _is_bare(document, i)]


def _is_bare(document: Document, index: int) -> bool:
    """Say what reading the page would, without laying it out."""
    import pypdfium2

    try:
        with closing(document[index]) as page:
            return count_letters(page) == 0 and not notes_of(page)
    except pypdfium2.PdfiumError:
        return True


def _label(document: Document, index: int) -> str:
    """The printed page number where it differs from the count."""
    label = document.get_page_label(index) or ""
    return "" if label == str(index + 1) else one_line(label)


def _title(known: dict[int, Page], document: Document) -> str:
    """The heading of the first page that has text, else the file's own title."""
    pieces = next((page.pieces for page in known.values() if page.pieces), [])
    title = title_of(pieces).replace(PARTED, "")
    return (title or one_line(document.get_metadata_value("Title") or ""))[:300]


def _pages(
    pdf: _Pdf, known: dict[int, Page], source: Source
) -> Iterator[tuple[PageText, bool]]:
    """Yield pages as they are read, and whether each has no text layer.

    Pages of the sample are let go one by one.
    """
    whole = learned(known, pdf.count)
    chars = 0
    for index in range(source.first_page - 1, pdf.count):
        page = known.pop(index, None) or _laid_out(pdf, index)
        page = settled(page, index, whole)
        chars += sum(len(one.text) for one in page.pieces)
        if chars > source.limits.max_chars:
            raise LimitExceeded(
                f"The PDF holds more than {source.limits.max_chars:,} characters, "
                "which is the limit. Split it and add the parts."
            )
        size = (page.width, page.height)
        text = assemble(index + 1, page.pieces, label=page.label, size=size)
        yield text, page.is_bare


def _notices(bare: Sequence[int], attachments: int) -> tuple[str, ...]:
    notices = []
    if bare:
        shown = ", ".join(map(str, bare[:10])) + (" and more" if len(bare) > 10 else "")
        notices.append(
            f"{_pages_hold(len(bare))} no text (page {shown}); "
            "if they are scans, text recognition is needed."
        )
    if attachments > 0:
        notices.append("Files attached to the PDF were not read. Add them separately.")
    return tuple(notices)


def _pages_hold(count: int) -> str:
    return "1 page holds" if count == 1 else f"{count} pages hold"
