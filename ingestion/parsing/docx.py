"""Word files.

The XML is walked here and not through python-docx, which leaves out text
boxes, footnotes, comments, content controls and tracked changes, and takes
longer to import than a small file takes to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ingestion.errors import Corrupt
from ingestion.parsing import hidden
from ingestion.parsing.archives import Archive
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.docx_styles import (
    Style,
    W,
    read_lists,
    read_styles,
    to_int,
)
from ingestion.parsing.markup import Element, local, read_xml, relations
from ingestion.parsing.numbering import BULLET, Lists
from ingestion.parsing.pieces import Piece, assemble, in_parts, piece, title_of
from ingestion.parsing.source import Source
from ingestion.parsing.tables import table_text
from ingestion.types import PageText, Parsed

# Never read: the old text of tracked changes, field codes, properties, the
# fallback drawing that repeats a text box, and phonetic guides.
_DROPPED = frozenset(
    ["del", "moveFrom", "instrText", "delText", "pPr", "rPr", "sdtPr", "Fallback", "rt"]
)
_SYMBOLS = {"tab": "\t", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_PAGE = object()


@dataclass(slots=True)
class _Story:
    """What is known while the body is read."""

    styles: dict[str, Style]
    lists: Lists
    notes: dict[tuple[str, str], str]
    # Notes met since the last page break; they are put at the page's end.
    pending: list[Piece] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)


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


def _opened(archive: Archive, main: str) -> tuple[_Story, list[Piece]]:
    """Read the parts around the body: styles, lists, notes, headers."""
    parts = relations(archive, main)
    by_kind = dict(parts.values())
    notes: dict[tuple[str, str], str] = {}
    for kind, tag in (("footnotes", "footnote"), ("endnotes", "endnote")):
        notes |= _notes(archive, by_kind.get(kind, ""), tag)
    notes |= _notes(archive, by_kind.get("comments", ""), "comment")
    story = _Story(
        styles=read_styles(archive, by_kind.get("styles", "")),
        lists=read_lists(archive, by_kind.get("numbering", "")),
        notes=notes,
    )
    targets = [
        target for kind, target in parts.values() if kind in {"header", "footer"}
    ]
    return story, _margins(archive, targets)


def _notes(archive: Archive, part: str, tag: str) -> dict[tuple[str, str], str]:
    if part not in archive:
        return {}
    return {
        (tag, node.get(f"{W}id", "")): _signed(node)
        for node in read_xml(archive, part).iter(f"{W}{tag}")
        if node.get(f"{W}type") not in {"separator", "continuationSeparator"}
    }


def _signed(node: Element) -> str:
    author = one_line(node.get(f"{W}author", ""))
    text = one_line(_plain(node))
    return f"{author}: {text}" if author else text


def _margins(archive: Archive, targets: list[str]) -> list[Piece]:
    """Headers and footers once each, not on every page."""
    texts = dict.fromkeys(
        one_line(_plain(read_xml(archive, target)))
        for target in sorted(set(targets), reverse=True)
        if target in archive
    )
    # A margin with only a page number says nothing.
    return [piece("header", t) for t in texts if any(c.isalpha() for c in t)]


def _numbered(pages: list[list[Piece]]) -> list[PageText]:
    if len(pages) == 1:
        return in_parts(pages[0])
    return [assemble(number, page) for number, page in enumerate(pages, start=1)]


def _pages(body: Element, story: _Story) -> Iterator[list[Piece]]:
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


def _blocks(parent: Element, story: _Story) -> Iterator[Piece | object]:
    for node in parent:
        tag = local(node)
        if tag == "p":
            yield from _paragraph(node, story)
        elif tag == "tbl":
            yield piece("table", table_text(_rows(node), header=None))
            yield from _notes_in(node, story)
        elif tag == "sdt":
            content = node.find(f"{W}sdtContent")
            if content is not None:
                yield from _blocks(content, story)
        elif tag in {"ins", "moveTo", "customXml", "smartTag"}:
            yield from _blocks(node, story)


def _paragraph(node: Element, story: _Story) -> Iterator[Piece | object]:
    """Yield the paragraph, split where a page breaks inside it."""
    story.boxes.clear()
    texts = _text(node, story).split("\f")
    role = _role(node, story)
    marker = _marker(node, role, story, is_empty=not "".join(texts).strip())
    for i, text in enumerate(texts):
        if i:
            yield _PAGE
        if text.strip():
            yield _as_piece(role, text, marker)
            marker = ""
    boxes, story.boxes = story.boxes, []
    for box in boxes:
        yield from _blocks(box, story)


def _role(node: Element, story: _Story) -> Style:
    props = node.find(f"{W}pPr")
    if props is None:
        return story.styles.get("Normal", Style())
    named = props.find(f"{W}pStyle")
    style = story.styles.get("" if named is None else named.get(f"{W}val", ""), Style())
    outline = props.find(f"{W}outlineLvl")
    if outline is not None and to_int(outline.get(f"{W}val"), 9) < 9:
        style = replace(style, level=to_int(outline.get(f"{W}val")) + 1)
    number, depth = props.find(f"{W}numPr/{W}numId"), props.find(f"{W}numPr/{W}ilvl")
    if number is not None:
        style = replace(style, list_id=number.get(f"{W}val", ""), list_level=0)
    if depth is not None:
        style = replace(style, list_level=to_int(depth.get(f"{W}val")))
    return style


def _marker(node: Element, role: Style, story: _Story, *, is_empty: bool) -> str:
    """Count the paragraph if it is in a list; return what stands before it."""
    # List id 0 takes a paragraph out of the list of its style.
    if role.list_id in {"", "0"} or (is_empty and _is_gone(node)):
        return ""
    return story.lists.marker(role.list_id, role.list_level)


def _is_gone(node: Element) -> bool:
    """Whether not even an empty line, which would be counted, is left of it."""
    mark = node.find(f"{W}pPr/{W}rPr")
    names = ("del", "moveFrom", "vanish")
    return mark is not None and any(mark.find(f"{W}{n}") is not None for n in names)


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


def _text(node: Element, story: _Story | None) -> str:
    """Text of a paragraph's runs; a form feed stands for a page break."""
    parts: list[str] = []
    for child in node:
        tag = local(child)
        if tag in _DROPPED or _is_hidden(child, tag):
            continue
        if tag in {"t", "sym"} or tag in _SYMBOLS:
            parts.append(_SYMBOLS.get(tag) or child.text or "")
        elif tag == "br":
            parts.append("\f" if child.get(f"{W}type") == "page" else "\n")
        elif tag == "lastRenderedPageBreak":
            parts.append("\f")
        elif tag == "txbxContent":
            parts.append(_boxed(child, story))
        elif story is not None and tag.endswith("Reference"):
            parts.append(_reference(child, tag, story))
        elif tag == "docPr":
            parts.append(_image_text(child))
        elif tag == "checkBox":
            parts.append("[x] " if _is_checked(child) else "[ ] ")
        else:
            parts.append(_text(child, story))
    return "".join(parts)


def _is_hidden(node: Element, tag: str) -> bool:
    """Whether Word does not show a run: a place for planted instructions."""
    if tag != "r":
        return False
    _tell_unseen(node)
    mark = node.find(f"{W}rPr/{W}vanish")
    if mark is None or mark.get(f"{W}val") in {"0", "false", "off"}:
        return False
    hidden.left_out("marked as hidden", "".join(node.itertext()))
    return True


def _tell_unseen(run: Element) -> None:
    """Tell of white or tiny letters; what lies under them is not known."""
    colour, size = run.find(f"{W}rPr/{W}color"), run.find(f"{W}rPr/{W}sz")
    text = "".join(run.itertext())
    if colour is not None and colour.get(f"{W}val", "").upper() == "FFFFFF":
        hidden.kept("in white letters", text)
    # In half points.
    if size is not None and to_int(size.get(f"{W}val"), 24) < 4:
        hidden.kept("too small to read", text)


def _boxed(node: Element, story: _Story | None) -> str:
    """Keep a text box for after its paragraph; in plain text put it inline."""
    if story is None:
        return f" {_plain(node)} "
    story.boxes.append(node)
    return ""


def _reference(node: Element, tag: str, story: _Story) -> str:
    """Number a note at its place and keep its text for the end of the page."""
    kind = tag.removesuffix("Reference")
    number = node.get(f"{W}id", "")
    text = story.notes.pop((kind, number), "")
    if not text:
        return ""
    mark = f"[{kind} {number}]" if kind == "comment" else f"[{number}]"
    story.pending.append(piece("note", f"{mark} {text}"))
    return "" if kind == "comment" else mark


def _image_text(node: Element) -> str:
    described = one_line(node.get("descr", ""))
    return f" [Image: {described}] " if described else ""


def _is_checked(box: Element) -> bool:
    """The state of an old-style form box: its own value, else its default."""
    for name in ("checked", "default"):
        node = box.find(f"{W}{name}")
        if node is not None:
            return node.get(f"{W}val", "1") in {"1", "true", "on"}
    return False


def _plain(node: Element) -> str:
    """All text below, paragraphs on lines of their own, tables as lines."""
    texts = []
    for child in node:
        if local(child) == "tbl":
            texts.append(_cells_inline(child))
        elif local(child) == "p":
            texts.append(_text(child, None).replace("\f", "\n"))
        elif local(child) not in _DROPPED:
            texts.append(_plain(child))
    return "\n".join(text for text in texts if text.strip())


def _cells_inline(table: Element) -> str:
    return "; ".join(" | ".join(filter(None, row)) for row in _rows(table))


def _rows(table: Element) -> list[list[str]]:
    """Cells as text; one that reaches over rows is said in each of them."""
    rows: list[list[str]] = []
    for row in table.iter(f"{W}tr"):
        if _table_of(row) is not table:
            continue
        cells: list[str] = []
        for cell in row.iter(f"{W}tc"):
            if _row_of(cell) is row:
                above = rows[-1][len(cells) : len(cells) + 1] if rows else []
                cells += _cell(cell, above)
        rows.append(cells)
    return rows


def _cell(cell: Element, above: list[str]) -> list[str]:
    props = cell.find(f"{W}tcPr")
    span = None if props is None else props.find(f"{W}gridSpan")
    down = None if props is None else props.find(f"{W}vMerge")
    width = 1 if span is None else min(max(to_int(span.get(f"{W}val"), 1), 1), 64)
    goes_on = down is not None and down.get(f"{W}val") != "restart"
    text = one_line(_plain(cell)) or (above[0] if goes_on and above else "")
    return [text] + [""] * (width - 1)


def _table_of(row: Element) -> Element | None:
    return next(row.iterancestors(f"{W}tbl"), None)


def _row_of(cell: Element) -> Element | None:
    return next(cell.iterancestors(f"{W}tr"), None)


def _notes_in(table: Element, story: _Story) -> Iterator[Piece]:
    """Notes that a table refers to follow it."""
    for node in table.iter(f"{W}footnoteReference", f"{W}endnoteReference"):
        kind = local(node).removesuffix("Reference")
        text = story.notes.pop((kind, node.get(f"{W}id", "")), "")
        if text:
            yield piece("note", f"[{node.get(f'{W}id', '')}] {text}")
