"""Books: the chapters of the spine, in order, each a page."""

from __future__ import annotations

from urllib.parse import unquote

from ingestion.errors import Corrupt, Encrypted
from ingestion.parsing.archives import Archive
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.decoding import declared_encoding, decoded
from ingestion.parsing.html import read_markup
from ingestion.parsing.markup import Element, local, read_xml, resolved
from ingestion.parsing.pieces import in_parts, title_of
from ingestion.parsing.source import Source
from ingestion.types import PageText, Parsed

_CONTAINER = "META-INF/container.xml"
_RIGHTS = "META-INF/encryption.xml"
_PAGE_TYPES = {"application/xhtml+xml", "text/html"}
# Fonts may be scrambled in a book that is otherwise free to read.
_FONTS = (".ttf", ".otf", ".woff", ".woff2")


def parse_epub(source: Source) -> Parsed:
    """Read an EPUB.

    Raises:
        Encrypted: its chapters are protected by a rights scheme.
    """
    archive = Archive(source.path, source.limits)
    if _is_protected(archive):
        raise Encrypted(
            "The book is protected by digital rights management and cannot be read. "
            "Add a copy without protection."
        )
    package = _package_name(archive)
    root = read_xml(archive, package)
    chapters = _chapters(root, package, archive)
    pages: list[PageText] = []
    for i, name in enumerate(chapters, start=1):
        pages += _chapter(archive, name, first=len(pages) + 1)
        source.progress(i, len(chapters))
    return Parsed(pages=tuple(pages), title=_title(root))


def _is_protected(archive: Archive) -> bool:
    if _RIGHTS not in archive:
        return False
    targets = [
        node.get("URI", "")
        for node in read_xml(archive, _RIGHTS).iter()
        if local(node) == "CipherReference"
    ]
    return any(not target.lower().endswith(_FONTS) for target in targets)


def _package_name(archive: Archive) -> str:
    for node in read_xml(archive, _CONTAINER).iter():
        if local(node) == "rootfile" and node.get("full-path"):
            return str(node.get("full-path"))
    raise Corrupt


def _chapters(root: Element, package: str, archive: Archive) -> list[str]:
    folder = package.rpartition("/")[0]
    items = {
        node.get("id"): resolved(folder, unquote(node.get("href", "")))
        for node in root.iter()
        if local(node) == "item" and node.get("media-type") in _PAGE_TYPES
    }
    refs = [node.get("idref") for node in root.iter() if local(node) == "itemref"]
    return [items[ref] for ref in refs if ref in items and items[ref] in archive]


def _chapter(archive: Archive, name: str, *, first: int) -> list[PageText]:
    data = archive.read(name)
    text = decoded(data, declared=declared_encoding(data))
    title, pieces = read_markup(text)
    return in_parts(pieces, first=first, label=title_of(pieces) or title)


def _title(root: Element) -> str:
    for node in root.iter():
        if local(node) == "title" and node.text:
            return one_line(node.text)[:300]
    return ""
