"""Word files.

The XML is walked here and not through python-docx, which leaves out text
boxes, footnotes, comments, content controls and tracked changes, and takes
longer to import than a small file takes to read.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.errors import Corrupt
from ingestion.parsing.archives import Archive
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.docx_styles import (
    Style,
    W,
    read_lists,
    read_styles,
)
from ingestion.parsing.docx_text import (
    NOTES,
    Story,
    inline_text,
    marker_of,
    notes_in,
    role_of,
    rows_of,
    text_of,
)
from ingestion.parsing.markup import Element, local, read_xml, relations
from ingestion.parsing.numbering import BULLET
from ingestion.parsing.pieces import Piece, assemble, in_parts, piece, title_of
from ingestion.parsing.source import Source
from ingestion.parsing.tables import table_text
from ingestion.types import PageText, Parsed

_PAGE = object()


def parse_docx(source: Source) -> Parsed:
    """Read a Word file; it has pages only if it says where they break."""
    archive = Archive(source.path, source.limits)
    main = main_part(archive)
    body = read_xml(archive, main).find(f"{W}body")
    if body is None:
        raise Corrupt
    story, margins = _opened(archive, main)
    pages = [page for page in _pages(body, story) if page] or [[]]
    pages[0] = margins + pages[0]
    everything = [one for page in pages for one in page]
    return Parsed(pages=tuple(_numbered(pages)), title=title_of(everything))


def main_part(archive: Archive) -> str:
    """The entry that holds the document itself.

    Raises:
        Corrupt: the package names none.
    """
    for kind, target in relations(archive, "").values():
        if kind == "officeDocument" and target in archive:
            return target
    raise Corrupt


def _opened(archive: Archive, main: str) -> tuple[Story, list[Piece]]:
    """Read the parts around the body: styles, lists, notes, headers."""
    parts = relations(archive, main)
    by_kind = dict(parts.values())
    story = Story(
        styles=read_styles(archive, by_kind.get("styles", "")),
        lists=read_lists(archive, by_kind.get("numbering", "")),
    )
    for tag in NOTES:
        story.notes |= _notes(archive, by_kind.get(f"{tag}s", ""), tag, story)
    targets = [
        target for kind, target in parts.values() if kind in {"header", "footer"}
    ]
    return story, _margins(archive, targets, story)


def _notes(
    archive: Archive, part: str, tag: str, story: Story
) -> dict[tuple[str, str], str]:
    if part not in archive:
        return {}
    return {
        (tag, node.get(f"{W}id", "")): _signed(node, story)
        for node in read_xml(archive, part).iter(f"{W}{tag}")
        if node.get(f"{W}type") not in {"separator", "continuationSeparator"}
    }


def _signed(node: Element, story: Story) -> str:
    author = one_line(node.get(f"{W}author", ""))
    text = one_line(inline_text(node, story))
    return f"{author}: {text}" if author else text


def _margins(archive: Archive, targets: list[str], story: Story) -> list[Piece]:
    """Headers and footers once each, not on every page."""
    texts = dict.fromkeys(
        one_line(inline_text(read_xml(archive, target), story))
        for target in sorted(set(targets), reverse=True)
        if target in archive
    )
    # A margin with only a page number says nothing.
    return [piece("header", t) for t in texts if any(c.isalpha() for c in t)]


def _numbered(pages: list[list[Piece]]) -> list[PageText]:
    if len(pages) == 1:
        return in_parts(pages[0])
    return [assemble(number, page) for number, page in enumerate(pages, start=1)]


def _pages(body: Element, story: Story) -> Iterator[list[Piece]]:
    page: list[Piece] = []
    for item in _blocks(body, story):
        if item is not _PAGE:
            assert isinstance(item, Piece)  # noqa: S101 - narrows for the type checker
            page.append(item)
            continue
        # A hard break is followed by the mark of the last rendering: one break.
        if page:
            yield page + story.pending
            page, story.pending = [], []
    yield page + story.pending


def _blocks(parent: Element, story: Story) -> Iterator[Piece | object]:
    for node in parent:
        tag = local(node)
        if tag == "p":
            yield from _paragraph(node, story)
        elif tag == "tbl":
            yield piece("table", table_text(rows_of(node, story), header=None))
            yield from notes_in(node, story)
        elif tag == "sdt":
            content = node.find(f"{W}sdtContent")
            if content is not None:
                yield from _blocks(content, story)
        elif tag in {"ins", "moveTo", "customXml", "smartTag"}:
            yield from _blocks(node, story)


def _paragraph(node: Element, story: Story) -> Iterator[Piece | object]:
    """Yield the paragraph, split where a page breaks inside it."""
    story.boxes.clear()
    texts = text_of(node, story).split("\f")
    role = role_of(node, story)
    marker = marker_of(node, role, story, is_empty=not "".join(texts).strip())
    for i, text in enumerate(texts):
        if i:
            yield _PAGE
        if text.strip():
            yield _as_piece(role, text, marker)
            marker = ""
    boxes, story.boxes = story.boxes, []
    for box in boxes:
        yield from _blocks(box, story)


def _as_piece(role: Style, text: str, marker: str) -> Piece:
    if role.level:
        number = "" if marker in {"", BULLET} else f"{marker} "
        return piece("heading", number + text, level=role.level)
    if marker:
        indent = "  " * min(role.list_level, 8)
        return piece("list", f"{indent}{marker} {one_line(text)}")
    if role.is_code:
        return piece("code", text)
    return piece("caption" if role.is_caption else "paragraph", text)
