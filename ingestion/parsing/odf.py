"""OpenDocument: texts, sheets and presentations.

One walk over content.xml serves all three; a library would load Pillow and
keep the whole tree in objects of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.errors import Corrupt, Encrypted
from ingestion.parsing.archives import Archive
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.docx_styles import to_int
from ingestion.parsing.markup import Element, local, read_xml
from ingestion.parsing.pieces import Piece, assemble, in_parts, piece, title_of
from ingestion.parsing.source import Source
from ingestion.parsing.tables import table_text
from ingestion.types import PageText, Parsed

_NS = "{urn:oasis:names:tc:opendocument:xmlns:"
_TEXT = f"{_NS}text:1.0}}"
_TABLE = f"{_NS}table:1.0}}"
_DRAW = f"{_NS}drawing:1.0}}"
_OFFICE = f"{_NS}office:1.0}}"
# Deleted text of tracked changes, forms and indexes are no text to read.
_DROPPED = frozenset((
    "tracked-changes", "sequence-decls", "forms", "annotation-end", "settings",
    "alphabetical-index", "table-of-content", "bookmark-start", "bookmark-end",
))  # fmt: skip
# Cells and rows may claim to repeat a million times.
_MAX_REPEATS = 200


def parse_odf(source: Source) -> Parsed:
    """Read .odt, .ods or .odp.

    Raises:
        Encrypted: the package is protected with a password.
    """
    archive = Archive(source.path, source.limits)
    if _is_encrypted(archive):
        raise Encrypted
    body = read_xml(archive, "content.xml").find(f"{_OFFICE}body")
    if body is None or not len(body):
        raise Corrupt
    content = body[0]
    if local(content) == "spreadsheet":
        return Parsed(pages=tuple(_sheets(content)))
    if local(content) == "presentation":
        return _slides(content, source)
    pieces = list(_pieces(content))
    return Parsed(pages=tuple(in_parts(pieces)), title=title_of(pieces))


def _is_encrypted(archive: Archive) -> bool:
    name = "META-INF/manifest.xml"
    if name not in archive:
        return False
    root = read_xml(archive, name)
    return any(local(node) == "encryption-data" for node in root.iter())


def _sheets(content: Element) -> list[PageText]:
    pages: list[PageText] = []
    for table in content.iter(f"{_TABLE}table"):
        pieces = [piece("table", table_text(_rows(table)))]
        label = table.get(f"{_TABLE}name", "")
        pages += in_parts(pieces, first=len(pages) + 1, label=label)
    return pages


def _slides(content: Element, source: Source) -> Parsed:
    slides = list(content.iter(f"{_DRAW}page"))
    pages = []
    for number, slide in enumerate(slides, start=1):
        label = slide.get(f"{_DRAW}name", "")
        pages.append(assemble(number, _pieces(slide), label=label))
        source.progress(number, len(slides))
    return Parsed(pages=tuple(pages))


def _pieces(parent: Element, *, in_notes: bool = False) -> Iterator[Piece]:
    for node in parent:
        tag = local(node)
        if tag in _DROPPED:
            continue
        if tag == "h":
            level = to_int(node.get(f"{_TEXT}outline-level"), 1)
            yield piece("heading", _text(node), level=max(level, 1))
        elif tag == "p":
            yield piece("note" if in_notes else "paragraph", _text(node))
            yield from _asides(node)
        elif tag == "list":
            yield from _items(node, 0)
        elif tag == "table":
            yield piece("table", table_text(_rows(node)))
        else:
            yield from _pieces(node, in_notes=in_notes or tag == "notes")


def _items(node: Element, depth: int) -> Iterator[Piece]:
    for item in node:
        for child in item:
            if local(child) == "list":
                yield from _items(child, depth + 1)
            elif local(child) in {"p", "h"}:
                text = one_line(_text(child))
                yield piece("list", f"{'  ' * min(depth, 8)}- {text}" if text else "")
                yield from _asides(child)


def _asides(node: Element) -> Iterator[Piece]:
    """Footnotes, comments and text boxes inside a paragraph follow it."""
    for child in node.iter():
        tag = local(child)
        if tag == "note":
            mark = "".join(child.find(f"{_TEXT}note-citation").itertext())
            yield piece("note", f"[{mark}] {_inside(child.find(f'{_TEXT}note-body'))}")
        elif tag == "annotation":
            yield piece("note", f"Comment: {_inside(child)}")
        elif tag == "text-box":
            yield from _pieces(child)


def _inside(node: Element | None) -> str:
    if node is None:
        return ""
    return " ".join(one_line(_text(p)) for p in node.iter(f"{_TEXT}p"))


def _text(node: Element) -> str:
    """Text of a paragraph; notes and frames in it are left to ``_asides``."""
    parts = [node.text or ""]
    for child in node:
        tag = local(child)
        if tag == "s":
            parts.append(" " * max(min(to_int(child.get(f"{_TEXT}c"), 1), 80), 1))
        elif tag in {"tab", "line-break"}:
            parts.append("\t" if tag == "tab" else "\n")
        elif tag == "note":
            mark = child.find(f"{_TEXT}note-citation")
            parts.append("" if mark is None else f"[{''.join(mark.itertext())}]")
        elif tag == "frame":
            parts.append(_image_text(child))
        elif tag != "annotation" and tag not in _DROPPED:
            parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _image_text(frame: Element) -> str:
    texts = [
        one_line("".join(node.itertext()))
        for node in frame
        if local(node) in {"title", "desc"}
    ]
    described = " ".join(filter(None, texts))
    return f" [Image: {described}] " if described else ""


def _rows(table: Element) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in table.iter(f"{_TABLE}table-row"):
        cells = _cells(row)
        repeats = to_int(row.get(f"{_TABLE}number-rows-repeated"), 1)
        if any(cells):
            rows += [cells] * min(max(repeats, 1), _MAX_REPEATS)
        else:
            rows.append([])
    return rows


def _cells(row: Element) -> list[str]:
    cells: list[str] = []
    for cell in row:
        if local(cell) not in {"table-cell", "covered-table-cell"}:
            continue
        text = " ".join(one_line(_text(p)) for p in cell.iter(f"{_TEXT}p", f"{_TEXT}h"))
        repeats = to_int(cell.get(f"{_TABLE}number-columns-repeated"), 1)
        cells += [text] * min(max(repeats, 1), _MAX_REPEATS)
    return cells
