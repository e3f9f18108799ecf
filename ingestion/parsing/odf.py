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
from ingestion.parsing.odf_tables import grid_of
from ingestion.parsing.odf_text import (
    DRAW,
    DROPPED,
    OFFICE,
    STYLE,
    TABLE,
    TEXT,
    inside,
    note_mark,
    text_of,
)
from ingestion.parsing.pieces import Piece, assemble, in_parts, piece, title_of
from ingestion.parsing.source import Source
from ingestion.parsing.tables import table_text
from ingestion.parsing.xlsx import sheet_pieces
from ingestion.types import PageText, Parsed


def parse_odf(source: Source) -> Parsed:
    """Read .odt, .ods or .odp.

    Raises:
        Encrypted: the package is protected with a password.
    """
    archive = Archive(source.path, source.limits)
    if _is_encrypted(archive):
        raise Encrypted
    root = read_xml(archive, "content.xml")
    body = root.find(f"{OFFICE}body")
    if body is None or not len(body):
        raise Corrupt
    content = body[0]
    if local(content) == "spreadsheet":
        return _sheets(content, _hidden_styles(root))
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


def _hidden_styles(root: Element) -> set[str]:
    """Names of styles that hide a sheet."""
    return {
        style.get(f"{STYLE}name", "")
        for style in root.iter(f"{STYLE}style")
        for props in style.iter(f"{STYLE}table-properties")
        if props.get(f"{TABLE}display") == "false"
    }


def _sheets(content: Element, hidden_styles: set[str]) -> Parsed:
    pages: list[PageText] = []
    hidden = []
    for table in content.findall(f"{TABLE}table"):
        name = table.get(f"{TABLE}name", "")
        if table.get(f"{TABLE}style-name") in hidden_styles:
            hidden.append(name)
        grid = grid_of(table)
        notes = [
            note for at, cell in grid.asides for note in _asides(cell, f" on {at}")
        ]
        pieces = sheet_pieces(name, grid.rows, frozenset(grid.bridged), notes)
        pages += in_parts(pieces, first=len(pages) + 1, label=name)
    told = f"Hidden sheets were read too: {', '.join(hidden)}."
    return Parsed(pages=tuple(pages), notices=(told,) if hidden else ())


def _slides(content: Element, source: Source) -> Parsed:
    slides = list(content.iter(f"{DRAW}page"))
    pages = []
    for number, slide in enumerate(slides, start=1):
        label = slide.get(f"{DRAW}name", "")
        pages.append(assemble(number, _pieces(slide), label=label))
        source.progress(number, len(slides))
    return Parsed(pages=tuple(pages))


def _pieces(parent: Element, *, in_notes: bool = False) -> Iterator[Piece]:
    for node in parent:
        tag = local(node)
        if tag in DROPPED:
            continue
        if tag == "h":
            level = to_int(node.get(f"{TEXT}outline-level"), 1)
            yield piece("heading", text_of(node), level=max(level, 1))
            yield from _asides(node)
        elif tag == "p":
            yield piece("note" if in_notes else "paragraph", text_of(node))
            yield from _asides(node)
        elif tag == "list":
            yield from _items(node, 0)
        elif tag == "table":
            yield from _table(node)
        else:
            yield from _pieces(node, in_notes=in_notes or tag == "notes")


def _items(node: Element, depth: int) -> Iterator[Piece]:
    for item in node:
        for child in item:
            if local(child) == "list":
                yield from _items(child, depth + 1)
            elif local(child) in {"p", "h"}:
                text = one_line(text_of(child))
                yield piece("list", f"{'  ' * min(depth, 8)}- {text}" if text else "")
                yield from _asides(child)


def _table(node: Element) -> Iterator[Piece]:
    """A table of a text, and what its cells refer to."""
    grid = grid_of(node)
    yield piece("table", table_text(grid.rows))
    for _, cell in grid.asides:
        yield from _asides(cell)


def _asides(node: Element, on: str = "") -> Iterator[Piece]:
    """Notes, comments and text boxes inside a paragraph or a cell follow it."""
    for child in node:
        tag = local(child)
        if tag == "note":
            body = inside(child.find(f"{TEXT}note-body"))
            yield piece("note", f"{note_mark(child)} {body}")
        elif tag == "annotation":
            yield piece("note", f"Comment{on}: {inside(child)}")
        elif tag == "text-box":
            yield from _pieces(child)
        elif tag not in DROPPED:
            yield from _asides(child, on)
