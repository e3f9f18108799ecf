"""XML of no particular kind: records as rows, prose as paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ingestion.errors import LimitExceeded
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.html import parse_html, read_markup
from ingestion.parsing.markup import Element, local, parse_xml
from ingestion.parsing.pieces import Piece, in_parts, piece, title_of
from ingestion.parsing.source import Source
from ingestion.parsing.tables import table_text
from ingestion.types import Parsed

_MAX_DEPTH = 100
# Text longer than this is prose and goes without the path of its elements.
_PROSE_CHARS = 120
_MAX_COLUMNS = 50
_TITLES = frozenset({"title", "head", "heading", "headline", "subtitle"})
# Elements of text, whose attributes say how it looks.
_TEXTS = frozenset({"p", "para", *_TITLES})
_TAG = re.compile(r"<(?:p|br|div|ul|ol|table|a|b|i|em|strong|h[1-6]|img|span)\b[^>]*>")


def parse_markup_file(source: Source) -> Parsed:
    """Read an XML file; one that is a web page is read as such.

    Raises:
        Corrupt: not well-formed.
        LimitExceeded: it declares entities, or is nested too deep.
    """
    root = parse_xml(source.path.read_bytes())
    if local(root).lower() == "html":
        return parse_html(source)
    pieces = [one for one in _pieces(root, 1) if one.text]
    return Parsed(pages=tuple(in_parts(pieces)), title=title_of(pieces))


def _pieces(node: Element, depth: int, path: str = "") -> Iterator[Piece]:
    if depth > _MAX_DEPTH:
        raise LimitExceeded(
            f"The XML is nested more than {_MAX_DEPTH} levels deep, which is the limit."
        )
    children = _children(node)
    if _is_leaf(node, children):
        yield from _leaf(node, path, depth)
        return
    if pairs := _pairs(node):
        yield piece("list", f"{_joined(path, local(node))}: {pairs}")
    if names := _columns(children):
        yield piece("table", table_text(_rows(children, names), header=True))
        return
    for child in children:
        inner = path if depth == 1 else _joined(path, local(node))
        yield from _pieces(child, depth + 1, inner)


def _children(node: Element) -> list[Element]:
    return [child for child in node if local(child)]


def _is_leaf(node: Element, children: Sequence[Element]) -> bool:
    """Whether a node is text, be it with marked words inside."""
    own = (node.text or "", *(child.tail or "" for child in children))
    return not children or any(text.strip() for text in own)


def _leaf(node: Element, path: str, depth: int) -> Iterator[Piece]:
    text = "".join(node.itertext()).strip()
    name = local(node).lower()
    pairs = "" if text and name in _TEXTS else _pairs(node)
    line = _joined(path, local(node))
    is_prose = len(text) > _PROSE_CHARS or name in _TEXTS or _TAG.search(text)
    if text and not is_prose:
        yield piece("list", f"{line}: {one_line(text)}{f' ({pairs})' * bool(pairs)}")
        return
    if pairs:
        yield piece("list", f"{line}: {pairs}")
    if _TAG.search(text):
        yield from read_markup(text)[1]
    elif name in _TITLES and len(text) < 300:
        yield piece("heading", text, level=min(depth - 1, 6) or 1)
    elif text:
        yield piece("paragraph", text)


def _pairs(node: Element) -> str:
    return ", ".join(f"{key}: {value}" for key, value in _attributes(node))


def _attributes(node: Element) -> Iterator[tuple[str, str]]:
    """Those that say something, not those of other standards: xml:lang, xsi:type."""
    for key, value in node.attrib.items():
        if not key.startswith("{") and value.strip():
            yield key, one_line(value)


def _columns(children: Sequence[Element]) -> list[str]:
    """Names of the cells, where all children are flat records of one kind."""
    if len(children) < 2 or len({child.tag for child in children}) > 1:
        return []
    names: dict[str, None] = {}
    for record in children:
        if not _is_record(record):
            return []
        names |= dict.fromkeys(_cells(record))
        if len(names) > _MAX_COLUMNS:
            return []
    return list(names) if len(names) > 1 else []


def _is_record(node: Element) -> bool:
    """Whether it has fields without further ones, or attributes in their place."""
    fields = _children(node)
    if not fields:
        return bool(node.attrib) and not (node.text or "").strip()
    is_flat = all(len(field) == 0 for field in fields)
    is_once = len({local(field) for field in fields}) == len(fields)
    return is_flat and is_once and not _is_leaf(node, fields)


def _cells(record: Element) -> dict[str, str]:
    """Values by the names of their columns; of attributes too.

    Those of a field follow it: "price", "price currency". One of the record that is
    called as a field is goes by the record's name: "product id".
    """
    fields = _children(record)
    taken = {local(field) for field in fields}
    cells = {
        f"{local(record)} {key}" if key in taken else key: value
        for key, value in _attributes(record)
    }
    for field in fields:
        name = local(field)
        cells[name] = one_line("".join(field.itertext()))
        cells |= {f"{name} {key}": value for key, value in _attributes(field)}
    return cells


def _rows(children: Sequence[Element], names: list[str]) -> Iterator[list[str]]:
    yield names
    for record in children:
        cells = _cells(record)
        yield [cells.get(name, "") for name in names]


def _joined(path: str, name: str) -> str:
    return f"{path} › {name}" if path else name
