"""PDF, read with PDFium page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ingestion.errors import Corrupt, Encrypted, LimitExceeded
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.ocr import Reader, reader_for, recognised
from ingestion.parsing.pdf_hidden import tell_hidden
from ingestion.parsing.pdf_layout import PARTED, Fonts, fonts_of, lay_out
from ingestion.parsing.pdf_lines import PageLines, count_letters, read_lines
from ingestion.parsing.pdf_notes import notes_of
from ingestion.parsing.pdf_notices import Found, no_text, notices_of
from ingestion.parsing.pdf_over import Carried, carried_on, stands_alone
from ingestion.parsing.pdf_scans import is_scan, picture_of
from ingestion.parsing.pdf_whole import Page, Whole, learned, sample, settled
from ingestion.parsing.pieces import Cells, Piece, assemble, title_of
from ingestion.parsing.source import Source
from ingestion.types import PageText, Parsed

# Pages looked at to learn which font size is the body's.
_FONT_PAGES = 12
# PDFium's numbers for why a file did not open (fpdfview.h, FPDF_ERR_*).
_ERR_PASSWORD, _ERR_SECURITY = 4, 5

# pypdfium2 carries no types.
Document = Any
T = TypeVar("T")


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
        NoText: no page has text, nor could any be recognised.
    """
    reader = reader_for(source)
    with closing(open_pdf(source.path)) as document:
        count = _page_count(document, source)
        pdf = _Pdf(document, count, fonts_of(_font_sample(document, count)))
        known = {index: _laid_out(pdf, index) for index in sample(count)}
        title = _title(known, document)
        found = _found_before(document, source.first_page)
        pages, emit = source.outlet()
        for page in _pages(pdf, known, source, found, reader):
            emit(page)
            source.progress(page.number, count)
        notices = notices_of(found, reader, document.count_attachments())
    if not found.has_text and source.first_page == 1:
        raise no_text(found, reader)
    return Parsed(pages=tuple(pages), title=title, notices=notices)


def tables_of(path: Any) -> Iterator[tuple[int, Cells]]:
    """Yield each table of a PDF with the number of its page.

    Raises:
        Encrypted, Corrupt: PDFium's reason.
    """
    with closing(open_pdf(path)) as document:
        count = len(document)
        pdf = _Pdf(document, count, fonts_of(_font_sample(document, count)))
        for index in range(count):
            for one in _laid_out(pdf, index).pieces:
                if one.cells:
                    yield index + 1, one.cells


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


def _on_page(
    document: Document, index: int, read: Callable[[Any], T], otherwise: T
) -> T:
    """Call ``read`` with a page; ``otherwise`` for one that PDFium cannot read."""
    import pypdfium2

    try:
        with closing(document[index]) as page:
            return read(page)
    except pypdfium2.PdfiumError:
        return otherwise


def _font_sample(document: Document, count: int) -> Iterator[PageLines]:
    nothing = PageLines([], 0, 0.0, 0.0, 0)
    step = max(1, count // _FONT_PAGES)
    for index in range(0, count, step):
        yield _on_page(document, index, read_lines, nothing)


def _laid_out(pdf: _Pdf, index: int) -> Page:
    def read(page: Any) -> Page:
        lines, notes = read_lines(page), notes_of(page)
        tell_hidden(page, index + 1)
        pieces = lay_out(lines, pdf.fonts)
        if lines.turn:
            pieces = [replace(one, box=None) for one in pieces]
        return Page(
            pieces + notes, lines.width, lines.height, _label(pdf.document, index),
            is_bare=lines.letters == 0 and not notes,
            is_scan=is_scan(page, lines.letters),
            notes=len(notes),
        )  # fmt: skip

    return _on_page(pdf.document, index, read, Page([], 0.0, 0.0, is_bare=True))


def _found_before(document: Document, first_page: int) -> Found:
    """Say of pages read in an earlier run what reading them would."""

    def read(page: Any) -> tuple[bool, bool]:
        tell_hidden(page, index + 1)
        letters = count_letters(page)
        return letters == 0 and not notes_of(page), is_scan(page, letters)

    found = Found()
    for index in range(first_page - 1):
        is_bare, is_picture = _on_page(document, index, read, (True, False))
        found.add(index + 1, is_bare=is_bare, is_scan=is_picture)
    return found


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
    pdf: _Pdf,
    known: dict[int, Page],
    source: Source,
    found: Found,
    reader: Reader | None,
) -> Iterator[PageText]:
    """Yield pages as they are read; those of the sample are let go one by one."""
    whole = learned(known, pdf.count)
    over = _carried_to(pdf, source.first_page - 1, whole)
    chars = 0
    for index in range(source.first_page - 1, pdf.count):
        page = known.pop(index, None) or _laid_out(pdf, index)
        found.add(index + 1, is_bare=page.is_bare, is_scan=page.is_scan)
        if page.is_scan and reader is not None:
            pieces = _recognised(pdf.document, index, reader, source)
            if pieces is None:
                found.unread.append(index + 1)
            elif pieces:
                notes = page.pieces[len(page.pieces) - page.notes :]
                page = replace(page, pieces=pieces + notes)
        page, over = carried_on(settled(page, index, whole), over)
        chars += sum(len(one.text) for one in page.pieces)
        if chars > source.limits.max_chars:
            raise LimitExceeded(
                f"The PDF holds more than {source.limits.max_chars:,} characters, "
                "which is the limit. Split it and add the parts."
            )
        size = (page.width, page.height)
        text = assemble(index + 1, page.pieces, label=page.label, size=size)
        found.count(text.text, is_scan=page.is_scan)
        yield text


def _carried_to(pdf: _Pdf, index: int, whole: Whole) -> Carried | None:
    """Return the table that goes on to a page, read again from where it begins."""
    before: list[Page] = []
    while index > 0:
        index -= 1
        before.append(settled(_laid_out(pdf, index), index, whole))
        if stands_alone(before[-1]):
            break
    over = None
    for page in reversed(before):
        _, over = carried_on(page, over)
    return over


def _recognised(
    document: Document, index: int, reader: Reader, source: Source
) -> list[Piece] | None:
    """Read the picture that a page is; None when its time ran out."""

    def read(page: Any) -> list[Piece] | None:
        return recognised(picture_of(page), reader, source)

    nothing: list[Piece] | None = []
    return _on_page(document, index, read, nothing)
