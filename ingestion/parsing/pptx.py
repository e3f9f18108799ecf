"""Presentations: a slide a page, with its tables, charts, notes and picture texts.

The XML is walked here and not through python-pptx, which takes 0.35 s to
import and leaves out diagrams.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ingestion.errors import Corrupt
from ingestion.parsing.archives import Archive
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.docx import main_part
from ingestion.parsing.markup import Element, local, read_xml, relations, to_int
from ingestion.parsing.pieces import Piece, assemble, piece
from ingestion.parsing.pptx_charts import chart_pieces
from ingestion.parsing.pptx_text import A, Numbering, line_of
from ingestion.parsing.source import Source
from ingestion.parsing.tables import table_text
from ingestion.types import PageText, Parsed

_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_TITLES = {"title", "ctrTitle"}
# Placeholders that repeat on every slide.
_MARGINS = {"dt", "sldNum", "ftr", "hdr", "sldImg"}


@dataclass(frozen=True, slots=True)
class _Slide:
    """A slide with the parts that it refers to."""

    archive: Archive
    parts: dict[str, tuple[str, str]]


def parse_pptx(source: Source) -> Parsed:
    """Read a presentation in the order in which it is shown."""
    archive = Archive(source.path, source.limits)
    main = main_part(archive)
    deck = read_xml(archive, main)
    parts = relations(archive, main)
    ids = [node.get(f"{_R}id", "") for node in deck.iter(f"{_P}sldId")]
    names = [parts[i][1] for i in ids if i in parts and parts[i][1] in archive]
    if not names and ids:
        raise Corrupt
    pages = []
    for number, name in enumerate(names, start=1):
        pages.append(_page(archive, name, number))
        source.progress(number, len(names))
    return Parsed(pages=tuple(pages), title=pages[0].label if pages else "")


def _page(archive: Archive, name: str, number: int) -> PageText:
    parts = relations(archive, name)
    slide = _Slide(archive, parts)
    tree = read_xml(archive, name).find(f"{_P}cSld/{_P}spTree")
    pieces = [] if tree is None else list(_shapes(tree, slide))
    title = next((one.text for one in pieces if one.kind == "heading"), "")
    # The title is read first wherever it stands in the drawing order.
    pieces.sort(key=lambda one: one.kind != "heading")
    return assemble(number, [*pieces, *_remarks(slide)], label=title)


def _shapes(tree: Element, slide: _Slide) -> Iterator[Piece]:
    for shape in tree:
        tag = local(shape)
        if tag == "grpSp":
            yield from _shapes(shape, slide)
        elif tag == "sp":
            yield from _shape(shape)
        elif tag == "graphicFrame":
            yield from _frame(shape, slide)
        elif tag == "AlternateContent" and len(shape):
            yield from _shapes(shape[0], slide)
        if tag in {"pic", "graphicFrame"}:
            yield from _described(shape)


def _shape(shape: Element) -> Iterator[Piece]:
    role = _placeholder(shape)
    body = shape.find(f"{_P}txBody")
    if body is None or role in _MARGINS:
        return
    if role in _TITLES:
        yield piece("heading", " ".join(map(line_of, body.iter(f"{A}p"))), level=1)
        return
    is_list = role in {"body", "obj", ""} and len(body.findall(f"{A}p")) > 1
    numbering = Numbering()
    for paragraph in body.iter(f"{A}p"):
        yield _paragraph(paragraph, numbering, is_list=is_list and role != "")


def _paragraph(node: Element, numbering: Numbering, *, is_list: bool) -> Piece:
    text = one_line(line_of(node))
    props = node.find(f"{A}pPr")
    # There are nine.
    level = min(to_int(None if props is None else props.get("lvl")), 8)
    # One without words has no number either.
    marker = numbering.marker(props, level) if text else ""
    is_bulleted = props is not None and props.find(f"{A}buChar") is not None
    if text and (is_list or marker or is_bulleted or level):
        return piece("list", f"{'  ' * level}{marker or '-'} {text}")
    return piece("paragraph", text)


def _placeholder(shape: Element) -> str | None:
    """The placeholder's type, "" for one without, None for a free shape."""
    node = shape.find(f"{_P}nvSpPr/{_P}nvPr/{_P}ph")
    return None if node is None else str(node.get("type", "obj"))


def _described(shape: Element) -> Iterator[Piece]:
    for props in shape.iter(f"{_P}cNvPr"):
        text = one_line(props.get("descr", ""))
        if text:
            yield piece("caption", f"[Image: {text}]")
        return


def _frame(shape: Element, slide: _Slide) -> Iterator[Piece]:
    table = shape.find(f".//{A}tbl")
    if table is not None:
        yield piece("table", table_text([_cells(row) for row in table.iter(f"{A}tr")]))
        return
    for node in shape.iter():
        for attribute in (f"{_R}id", f"{_R}dm"):
            kind, target = slide.parts.get(node.get(attribute, ""), ("", ""))
            if kind == "chart" and target in slide.archive:
                yield from chart_pieces(read_xml(slide.archive, target))
            elif kind == "diagramData" and target in slide.archive:
                yield from _diagram(read_xml(slide.archive, target))


def _cells(row: Element) -> list[str]:
    """Merged cells keep their text at their first place, as the file has it."""
    return [
        " ".join(map(line_of, cell.iter(f"{A}p"))) for cell in row.findall(f"{A}tc")
    ]


def _diagram(root: Element) -> Iterator[Piece]:
    for node in root.iter(f"{A}p"):
        yield piece("list", f"- {text}" if (text := one_line(line_of(node))) else "")


def _remarks(slide: _Slide) -> Iterator[Piece]:
    """Speaker notes and comments."""
    for kind, target in slide.parts.values():
        if target not in slide.archive:
            continue
        if kind == "notesSlide":
            yield from _notes(read_xml(slide.archive, target))
        elif kind == "comments":
            yield from _comments(read_xml(slide.archive, target))


def _notes(root: Element) -> Iterator[Piece]:
    for shape in root.iter(f"{_P}sp"):
        body = shape.find(f"{_P}txBody")
        if body is not None and _placeholder(shape) not in _MARGINS:
            text = "\n".join(map(line_of, body.iter(f"{A}p")))
            yield piece("note", f"Notes: {text.strip()}" if text.strip() else "")


def _comments(root: Element) -> Iterator[Piece]:
    for node in root.iter(f"{_P}text"):
        yield piece("note", f"Comment: {node.text}" if node.text else "")
