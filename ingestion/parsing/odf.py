"""OpenDocument: texts, sheets and presentations.

One walk over content.xml serves all three; a library would load Pillow and
keep the whole tree in objects of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ingestion.errors import Corrupt, Encrypted
from ingestion.parsing.archives import Archive
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.markup import Element, local, read_xml, to_int
from ingestion.parsing.numbering import BULLET
from ingestion.parsing.odf_lists import Numbers
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
    numbers = Numbers()
    if "styles.xml" in archive:
        numbers.learn(read_xml(archive, "styles.xml"))
    numbers.learn(root)
    if local(content) == "presentation":
        return _slides(content, source, numbers)
    pieces = list(_pieces(content, numbers))
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
            note
            for at, cell in grid.asides
            for note in _asides(cell, Numbers(), f" on {at}")
        ]
        pieces = sheet_pieces(name, grid.rows, frozenset(grid.bridged), notes)
        pages += in_parts(pieces, first=len(pages) + 1, label=name)
    told = f"Hidden sheets were read too: {', '.join(hidden)}."
    return Parsed(pages=tuple(pages), notices=(told,) if hidden else ())


def _slides(content: Element, source: Source, numbers: Numbers) -> Parsed:
    slides = list(content.iter(f"{DRAW}page"))
    pages = []
    for number, slide in enumerate(slides, start=1):
        label = slide.get(f"{DRAW}name", "")
        pages.append(assemble(number, _pieces(slide, numbers), label=label))
        source.progress(number, len(slides))
    return Parsed(pages=tuple(pages))


def _pieces(
    parent: Iterable[Element], numbers: Numbers, *, in_notes: bool = False
) -> Iterator[Piece]:
    for node in parent:
        tag = local(node)
        if tag in DROPPED:
            continue
        if tag == "h":
            level = _heading_level(node)
            yield from _heading(node, numbers.of_heading(node, level), numbers)
        elif tag == "p":
            yield piece("note" if in_notes else "paragraph", text_of(node))
            yield from _asides(node, numbers)
        elif tag == "list":
            yield from _items(node, numbers, _Place(numbers.sequence(node)))
        elif tag == "table":
            yield from _table(node, numbers)
        else:
            is_note = in_notes or tag == "notes"
            yield from _pieces(node, numbers, in_notes=is_note)


def _heading_level(node: Element) -> int:
    return max(to_int(node.get(f"{TEXT}outline-level"), 1), 1)


def _heading(node: Element, marker: str, numbers: Numbers) -> Iterator[Piece]:
    text = f"{marker} {text_of(node)}" if marker else text_of(node)
    yield piece("heading", text, level=_heading_level(node))
    yield from _asides(node, numbers)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a list an item stands."""

    sequence: str
    style: str = ""
    depth: int = 0


def _items(node: Element, numbers: Numbers, place: _Place) -> Iterator[Piece]:
    style = node.get(f"{TEXT}style-name") or place.style
    place = replace(place, style=style)
    for item in node:
        start = item.get(f"{TEXT}start-value")
        if start is not None:
            numbers.lists.start_at(place.sequence, place.depth, to_int(start, 1))
        is_marked = local(item) == "list-item"
        for child in item:
            tag = local(child)
            if tag == "list":
                deeper = replace(place, depth=place.depth + 1)
                yield from _items(child, numbers, deeper)
            elif tag in {"p", "h"}:
                yield from _item(child, numbers, place, is_marked=is_marked)
                is_marked = False
            else:
                yield from _pieces([child], numbers)


def _item(
    node: Element, numbers: Numbers, place: _Place, *, is_marked: bool
) -> Iterator[Piece]:
    """A paragraph of an item; only the first has its number."""
    marker = ""
    if is_marked:
        marker = numbers.lists.marker(place.style, place.depth, place.sequence)
    if local(node) == "h":
        number = "" if marker == BULLET else marker
        yield from _heading(node, number, numbers)
        return
    text = one_line(text_of(node))
    indent = "  " * min(place.depth, 8)
    yield piece("list", f"{indent}{marker or ' '} {text}" if text else "")
    yield from _asides(node, numbers)


def _table(node: Element, numbers: Numbers) -> Iterator[Piece]:
    """A table of a text, and what its cells refer to."""
    grid = grid_of(node)
    yield piece("table", table_text(grid.rows))
    for _, cell in grid.asides:
        yield from _asides(cell, numbers)


def _asides(node: Element, numbers: Numbers, on: str = "") -> Iterator[Piece]:
    """Notes, comments and text boxes inside a paragraph or a cell follow it."""
    for child in node:
        tag = local(child)
        if tag == "note":
            body = inside(child.find(f"{TEXT}note-body"))
            yield piece("note", f"{note_mark(child)} {body}")
        elif tag == "annotation":
            yield piece("note", f"Comment{on}: {inside(child)}")
        elif tag == "text-box":
            yield from _pieces(child, numbers)
        elif tag not in DROPPED:
            yield from _asides(child, numbers, on)
