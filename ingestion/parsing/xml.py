"""XML of no particular kind: records as rows, prose as paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

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
    children = [child for child in node if local(child)]
    if _is_leaf(node, children):
        yield from _leaf(node, path, depth)
    elif names := _columns(children):
        yield piece("table", table_text(_rows(children, names), header=True))
    else:
        for child in children:
            inner = path if depth == 1 else _joined(path, local(node))
            yield from _pieces(child, depth + 1, inner)


def _is_leaf(node: Element, children: Sequence[Element]) -> bool:
    """Whether a node is text, be it with marked words inside."""
    own = (node.text or "", *(child.tail or "" for child in children))
    return not children or any(text.strip() for text in own)


def _leaf(node: Element, path: str, depth: int) -> Iterator[Piece]:
    text = "".join(node.itertext()).strip()
    name = local(node)
    if not text:
        pairs = [
            f"{key}: {value}"
            for key, value in node.attrib.items()
            if not key.startswith("{")
        ]
        if pairs:
            yield piece("list", f"{_joined(path, name)}: {', '.join(pairs)}")
    elif _TAG.search(text):
        yield from read_markup(text)[1]
    elif name.lower() in _TITLES and len(text) < 300:
        yield piece("heading", text, level=min(depth - 1, 6) or 1)
    elif len(text) > _PROSE_CHARS or name.lower() in {"p", "para"}:
        yield piece("paragraph", text)
    else:
        yield piece("list", f"{_joined(path, name)}: {one_line(text)}")


def _columns(children: Sequence[Element]) -> list[str]:
    """Names of the fields, where all children are flat records of one kind."""
    if len(children) < 2 or len({child.tag for child in children}) > 1:
        return []
    names: dict[str, None] = {}
    for record in islice(children, 1000):
        fields = [local(field) for field in record if local(field)]
        is_flat = all(len(field) == 0 for field in record)
        if not fields or not is_flat or len(set(fields)) < len(fields):
            return []
        names |= dict.fromkeys(fields)
    return list(names) if 1 < len(names) <= _MAX_COLUMNS else []


def _rows(children: Sequence[Element], names: list[str]) -> Iterator[list[str]]:
    yield names
    for record in children:
        cells = {local(field): "".join(field.itertext()) for field in record}
        yield [one_line(cells.get(name, "")) for name in names]


def _joined(path: str, name: str) -> str:
    return f"{path} › {name}" if path else name
