"""PDF, read with PDFium page by page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from ingestion.errors import Corrupt, Encrypted, LimitExceeded, NoText
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.pdf_layout import PARTED, Fonts, fonts_of, lay_out
from ingestion.parsing.pdf_lines import PageLines, read_lines
from ingestion.parsing.pdf_notes import notes_of
from ingestion.parsing.pieces import Piece, assemble, title_of
from ingestion.parsing.source import Source
from ingestion.types import PageText, Parsed

# Pages looked at to learn which font size is the body's.
_SAMPLE_PAGES = 12
# Lines that repeat in the margin of this many pages are running heads.
_MIN_REPEATS = 5
_MARGIN = 0.13
_WORD = re.compile(r"\w+(?:-\w+)*")
_PARTED = re.compile(rf"(\w*){PARTED}(\w*)")
_DIGITS = re.compile(r"\d+")
_SCANNED = (
    "No text was found. If the pages are scanned pictures, they need text "
    "recognition (OCR): run it over the file and add the result."
)
# PDFium's numbers for why a file did not open (fpdfview.h, FPDF_ERR_*).
_ERR_PASSWORD, _ERR_SECURITY = 4, 5

# pypdfium2 carries no types.
Document = Any


@dataclass(frozen=True, slots=True)
class _Page:
    pieces: list[Piece]
    width: float
    height: float
    label: str


def parse_pdf(source: Source) -> Parsed:
    """Read a PDF.

    Raises:
        Encrypted: it asks for a password before it opens.
        NoText: all pages are pictures.
    """
    with closing(open_pdf(source.path)) as document:
        count = _page_count(document, source)
        fonts = fonts_of(_sample(document, count))
        pages = list(_pages(document, count, fonts, source))
        metadata = one_line(document.get_metadata_value("Title") or "")
        attachments = document.count_attachments()
    empty = [i for i, page in enumerate(pages, start=1) if not page.pieces]
    if len(empty) == len(pages):
        raise NoText(_SCANNED)
    first = next(page for page in pages if page.pieces)
    title = title_of(first.pieces).replace(PARTED, "") or metadata
    pages = mended(_without_running_heads(pages))
    return Parsed(
        pages=tuple(_assembled(pages)),
        title=title[:300],
        notices=_notices(empty, attachments),
    )


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


def _sample(document: Document, count: int) -> Iterator[PageLines]:
    step = max(1, count // _SAMPLE_PAGES)
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


def _pages(
    document: Document, count: int, fonts: Fonts, source: Source
) -> Iterator[_Page]:
    chars = 0
    for index in range(count):
        found = _read(document, index)
        if found is None:
            yield _Page([], 0.0, 0.0, "")
        else:
            lines, notes = found
            pieces = lay_out(lines, fonts) + notes
            if lines.turn:
                pieces = [replace(one, box=None) for one in pieces]
            chars += sum(len(one.text) for one in pieces)
            label = _label(document, index)
            yield _Page(pieces, lines.width, lines.height, label)
        if chars > source.limits.max_chars:
            raise LimitExceeded(
                f"The PDF holds more than {source.limits.max_chars:,} characters, "
                "which is the limit. Split it and add the parts."
            )
        source.progress(index + 1, count)


def _label(document: Document, index: int) -> str:
    """The printed page number where it differs from the count."""
    label = document.get_page_label(index) or ""
    return "" if label == str(index + 1) else one_line(label)


def _assembled(pages: Sequence[_Page]) -> Iterator[PageText]:
    for number, page in enumerate(pages, start=1):
        yield assemble(
            number, page.pieces, label=page.label, size=(page.width, page.height)
        )


def _without_running_heads(pages: Sequence[_Page]) -> list[_Page]:
    """Keep a head or foot that repeats on many pages once, as a header."""
    counts = Counter(
        key for page in pages for key in {_key(one) for one in _in_margin(page)}
    )
    needed = max(_MIN_REPEATS, len(pages) // 10)
    running = {key for key, n in counts.items() if n >= needed}
    seen: set[str] = set()
    return [_thinned(page, running, seen) for page in pages] if running else list(pages)


def _thinned(page: _Page, running: set[str], seen: set[str]) -> _Page:
    margin = {id(one) for one in _in_margin(page)}
    kept = []
    for one in page.pieces:
        key = _key(one)
        if id(one) not in margin or key not in running:
            kept.append(one)
        elif key not in seen:
            seen.add(key)
            kept.append(replace(one, kind="header", level=0))
    # A page with nothing but its head keeps it.
    return replace(page, pieces=kept or page.pieces)


def mended(pages: Sequence[_Page]) -> list[_Page]:
    """Decide for each word parted at a line's end whether it keeps its hyphen.

    It does if the document writes it so elsewhere and never in one word.
    """
    texts = [one.text for page in pages for one in page.pieces]
    if not any(PARTED in text for text in texts):
        return list(pages)
    known = {word.lower() for text in texts for word in _WORD.findall(text)}

    def mend(match: re.Match[str]) -> str:
        head, tail = match[1], match[2]
        one = f"{head}{tail}".lower() in known
        two = f"{head}-{tail}".lower() in known
        return f"{head}-{tail}" if two and not one else f"{head}{tail}"

    return [
        replace(
            page,
            pieces=[replace(p, text=_PARTED.sub(mend, p.text)) for p in page.pieces],
        )
        for page in pages
    ]


def _in_margin(page: _Page) -> list[Piece]:
    return [
        one
        for one in page.pieces
        if one.box is not None
        and len(one.text) < 200
        and (
            one.box[3] < _MARGIN * page.height
            or one.box[1] > (1 - _MARGIN) * page.height
        )
    ]


def _key(one: Piece) -> str:
    """Equal for heads that differ in their page number only."""
    return _DIGITS.sub("#", one.text)


def _notices(empty: Sequence[int], attachments: int) -> tuple[str, ...]:
    notices = []
    if empty:
        shown = ", ".join(map(str, empty[:10])) + (
            " and more" if len(empty) > 10 else ""
        )
        notices.append(
            f"{_pages_hold(len(empty))} no text (page {shown}); "
            "if they are scans, text recognition is needed."
        )
    if attachments > 0:
        notices.append("Files attached to the PDF were not read. Add them separately.")
    return tuple(notices)


def _pages_hold(count: int) -> str:
    return "1 page holds" if count == 1 else f"{count} pages hold"
