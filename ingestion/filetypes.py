"""Which type a file has by its content. Pure; nothing is unpacked.

Own checks come first for what can be added, because general signature tables
call every office file a ZIP; puremagic then names what is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_OOXML = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"
PDF = "application/pdf"
DOCX = f"{_OOXML}.wordprocessingml.document"
PPTX = f"{_OOXML}.presentationml.presentation"
XLSX = f"{_OOXML}.spreadsheetml.sheet"
EPUB = "application/epub+zip"
MSG = "application/vnd.ms-outlook"
RTF = "application/rtf"
HTML = "text/html"
XML = "text/xml"
ZIP = "application/zip"
PNG, JPEG, TIFF, WEBP = "image/png", "image/jpeg", "image/tiff", "image/webp"
PICTURES = frozenset({PNG, JPEG, TIFF, WEBP})

EXTENSIONS = {
    ".pdf": PDF,
    ".docx": DOCX,
    ".pptx": PPTX,
    ".xlsx": XLSX,
    ".odt": f"{_ODF}.text",
    ".ods": f"{_ODF}.spreadsheet",
    ".odp": f"{_ODF}.presentation",
    ".rtf": RTF,
    ".epub": EPUB,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".xml": XML,
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".eml": "message/rfc822",
    ".msg": MSG,
    ".png": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".webp": WEBP,
    ".zip": ZIP,
}
_NAMES = {
    PDF: "a PDF",
    DOCX: "a Word document (.docx)",
    PPTX: "a PowerPoint presentation (.pptx)",
    XLSX: "an Excel workbook (.xlsx)",
    f"{_ODF}.text": "an OpenDocument text (.odt)",
    f"{_ODF}.spreadsheet": "an OpenDocument spreadsheet (.ods)",
    f"{_ODF}.presentation": "an OpenDocument presentation (.odp)",
    EPUB: "an EPUB book",
    MSG: "an Outlook message (.msg)",
    RTF: "rich text (.rtf)",
    HTML: "a web page (HTML)",
    ZIP: "a ZIP archive",
    PNG: "a PNG picture",
    JPEG: "a JPEG picture",
    TIFF: "a TIFF picture",
    WEBP: "a WebP picture",
}
_TEXT_TYPES = frozenset(
    kind
    for kind in EXTENSIONS.values()
    if kind.startswith("text/") or kind in {"application/json", "message/rfc822"}
)
_OFFICE_PARTS = (
    (b"word/document", DOCX),
    (b"ppt/presentation", PPTX),
    (b"xl/workbook", XLSX),
    # Parts that come first in a file whose end is missing.
    (b"word/", DOCX),
    (b"ppt/", PPTX),
    (b"xl/", XLSX),
)
_PICTURE_MARKS = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
)
# What an archive of XML files has not, and an office file cannot lack.
_OFFICE_LIST = b"[Content_Types].xml"
_ZIP = b"PK\x03\x04"
_ZIP_END = b"PK\x05\x06"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEAD_BYTES = 65_536
_TAIL_BYTES = 262_144
# The format allows rubbish before the header of a PDF, within its first kilobyte.
_PDF_HEADER_WITHIN = 1024
# More control characters than this share of a file make it binary.
_MAX_CONTROL_SHARE = 0.05
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x0b\x1b\x00")
_DECLARATIONS = (b"<!doctype html", b"<html", b"<head", b"<body")


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the content is: ``media_type`` is None for what nothing here reads."""

    media_type: str | None
    description: str


def sniff(path: Path, extension: str) -> Sniffed:
    """Name the type of a file by its content.

    The extension decides only where content cannot: among text formats, and
    for damaged or password-protected office files, whose own parser then says
    what is wrong with them.
    """
    head, tail = _ends(path)
    expected = EXTENSIONS.get(extension)
    kind = _by_signature(head, tail, expected)
    if kind is not None:
        return Sniffed(kind, _NAMES[kind])
    if head.startswith((_ZIP, _OLE)) or not _is_text(head):
        return Sniffed(None, _binary_name(head))
    if expected in _TEXT_TYPES:
        return Sniffed(expected, "text")
    is_page = head.lstrip().lower().startswith(_DECLARATIONS)
    return Sniffed(None, _NAMES[HTML] if is_page else "plain text")


def _ends(path: Path) -> tuple[bytes, bytes]:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        size = path.stat().st_size
        file.seek(max(0, size - _TAIL_BYTES))
        return head, file.read(_TAIL_BYTES)


def _by_signature(head: bytes, tail: bytes, expected: str | None) -> str | None:
    if head.startswith((_ZIP, _ZIP_END)):
        return _zip_type(head, tail, expected)
    if b"%PDF-" in head[: _PDF_HEADER_WITHIN + 5] and expected not in _TEXT_TYPES:
        return PDF
    if head.startswith(b"%PDF-"):
        return PDF
    if head.startswith(_OLE):
        return _ole_type(head, tail, expected)
    if head.lstrip().startswith(b"{\\rtf"):
        return RTF
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    return next((kind for mark, kind in _PICTURE_MARKS if head.startswith(mark)), None)


def _zip_type(head: bytes, tail: bytes, expected: str | None) -> str | None:
    """Tell ZIP-based formats apart by the names of their parts."""
    for kind in (
        EPUB,
        *(f"{_ODF}.{k}" for k in ("text", "spreadsheet", "presentation")),
    ):
        # Both standards demand a first entry "mimetype", not compressed.
        if b"mimetype" + kind.encode() in head[:200]:
            return kind
    # Names in the directory at the end outweigh those at the front, where the
    # parts of an embedded file may show.
    is_whole = _ZIP_END in tail
    if expected == ZIP and is_whole and _OFFICE_LIST not in tail + head:
        return ZIP
    for names in (tail, head):
        for mark, kind in _OFFICE_PARTS:
            if mark in names:
                return kind
    if is_whole:
        return ZIP
    return expected if expected in _ZIP_TYPES else None


_ZIP_TYPES = frozenset(
    kind
    for kind in EXTENSIONS.values()
    if kind in {DOCX, PPTX, XLSX, EPUB, ZIP} or _ODF in kind
)


def _ole_type(head: bytes, tail: bytes, expected: str | None) -> str | None:
    """Outlook messages, and office files inside a password container."""
    names = head + tail
    if _wide("EncryptedPackage") in names and expected in {DOCX, PPTX, XLSX}:
        return expected
    if _wide("__substg1.0_") in names or _wide("__properties_version1.0") in names:
        return MSG
    return None


def _wide(name: str) -> bytes:
    return name.encode("utf-16-le")


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    controls = sum(byte < 32 and byte not in _TEXT_CONTROLS for byte in head)
    zeros = head.count(0)
    # UTF-16 without a mark is half zeros in Western text; more is no text.
    return controls <= _MAX_CONTROL_SHARE * len(head) and zeros <= 0.55 * len(head)


def _binary_name(head: bytes) -> str:
    """Say what refused content looks like, for the message."""
    if head.startswith(_ZIP):
        return "a ZIP archive"
    if head.startswith(_OLE):
        return "an old Office file (Word, Excel or PowerPoint 97-2003)"
    if head.startswith(b"MZ"):
        return "a program"
    import puremagic

    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        matches = []
    named = [match.name for match in matches if match.name]
    return f"something else ({named[0]})" if named else "not text"
