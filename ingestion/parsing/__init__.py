"""From a file to pages of text with blocks. Pure: no Django, no settings.

``parse`` runs whatever parser its table names for the media type, in the
process that calls it; ingestion.sandbox runs it in a child with limits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ingestion.errors import (
    Corrupt,
    FileTooLarge,
    LimitExceeded,
    NoText,
    UploadRejected,
)
from ingestion.parsing.bundles import parse_zip
from ingestion.parsing.data import parse_csv, parse_json
from ingestion.parsing.docx import parse_docx
from ingestion.parsing.epub import parse_epub
from ingestion.parsing.hidden import listening, notices_of
from ingestion.parsing.html import parse_html
from ingestion.parsing.images import parse_image
from ingestion.parsing.mail import parse_eml
from ingestion.parsing.msg import parse_msg
from ingestion.parsing.odf import parse_odf
from ingestion.parsing.pdf import parse_pdf
from ingestion.parsing.plain import parse_markdown, parse_text
from ingestion.parsing.pptx import parse_pptx
from ingestion.parsing.rtf import parse_rtf
from ingestion.parsing.source import OnPage, Source
from ingestion.parsing.xlsx import parse_xlsx
from ingestion.parsing.xml import parse_markup_file
from ingestion.types import PageText, Parsed, ParseLimits

# Written to each version. Raise it when the same file would give other text.
PARSER_VERSION = "5"

Parser = Callable[[Source], Parsed]

# Files within files: a mail in an archive in a mail, and so on.
_MAX_DEPTH = 4

_OOXML = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"


def parse(source: Source, media_type: str) -> Parsed:
    """Read a file, from ``source.first_page`` on.

    With ``source.on_page`` each page goes there as soon as its text is settled,
    and the result holds none.

    Raises:
        ParseFailed: of the kind that says why; NoText where nothing was found.
    """
    with listening() as found:
        parsed = _read(source, media_type)
    return replace(parsed, notices=(*parsed.notices, *notices_of(found)))


def _read(source: Source, media_type: str) -> Parsed:
    if source.on_page is None:
        parsed = _parsed(source, media_type)
        _check(parsed, source.limits)
        return _rest(parsed, source.first_page)
    outlet = _Outlet(source.on_page)
    parsed = _parsed(replace(source, on_page=outlet.give), media_type)
    if not outlet.is_used:
        _check(parsed, source.limits)
    for page in _rest(parsed, source.first_page).pages:
        outlet.give(page)
    return replace(parsed, pages=())


def _rest(parsed: Parsed, first_page: int) -> Parsed:
    pages = tuple(page for page in parsed.pages if page.number >= first_page)
    return replace(parsed, pages=pages)


class _Outlet:
    """Remembers whether a parser gave pages before it had read them all."""

    def __init__(self, on_page: OnPage) -> None:
        self._on_page = on_page
        self.is_used = False

    def give(self, page: PageText) -> None:
        self.is_used = True
        self._on_page(page)


def _parsed(source: Source, media_type: str) -> Parsed:
    parser = PARSERS.get(media_type)
    if parser is None:
        raise Corrupt("This type of file cannot be read here.")
    try:
        return parser(source)
    except RecursionError as exc:
        raise LimitExceeded(
            "The file is nested deeper than can be read. Simplify it and add it again."
        ) from exc


def _check(parsed: Parsed, limits: ParseLimits) -> None:
    if len(parsed.pages) > limits.max_pages:
        raise LimitExceeded(
            f"The file has {len(parsed.pages):,} pages; "
            f"the limit is {limits.max_pages:,}. Split it and add the parts."
        )
    chars = sum(len(page.text) for page in parsed.pages)
    if chars > limits.max_chars:
        raise LimitExceeded(
            f"The file holds {chars:,} characters; "
            f"the limit is {limits.max_chars:,}. Split it and add the parts."
        )
    if not any(page.text.strip() for page in parsed.pages):
        raise NoText("No text was found in this file.")


def _attachment(source: Source) -> Parsed:
    """Read a file inside another, as the upload checks would name it."""
    from ingestion.uploads import inspect_upload

    if source.depth > _MAX_DEPTH:
        raise LimitExceeded(
            f"It lies more than {_MAX_DEPTH} files deep inside others. Add it by itself."
        )

    size = source.path.stat().st_size
    try:
        found = inspect_upload(source.path, source.name, max_bytes=size + 1)
    except (UploadRejected, FileTooLarge) as exc:
        raise Corrupt(exc.message) from exc
    return _parsed(source, found.media_type)


PARSERS: dict[str, Parser] = {
    "application/pdf": parse_pdf,
    f"{_OOXML}.wordprocessingml.document": parse_docx,
    f"{_OOXML}.presentationml.presentation": parse_pptx,
    f"{_OOXML}.spreadsheetml.sheet": parse_xlsx,
    f"{_ODF}.text": parse_odf,
    f"{_ODF}.spreadsheet": parse_odf,
    f"{_ODF}.presentation": parse_odf,
    "application/rtf": parse_rtf,
    "application/epub+zip": parse_epub,
    "text/html": parse_html,
    "text/xml": parse_markup_file,
    "text/markdown": parse_markdown,
    "text/plain": parse_text,
    "text/csv": parse_csv,
    "text/tab-separated-values": parse_csv,
    "application/json": parse_json,
    "message/rfc822": lambda source: parse_eml(source, _attachment),
    "application/vnd.ms-outlook": lambda source: parse_msg(source, _attachment),
    "application/zip": lambda source: parse_zip(source, _attachment),
    "image/png": parse_image,
    "image/jpeg": parse_image,
    "image/tiff": parse_image,
    "image/webp": parse_image,
}
