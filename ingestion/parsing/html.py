"""Web pages: what a person would read, in order, without menus and scripts."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Any

from ingestion.parsing import hidden
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.decoding import declared_encoding, decoded
from ingestion.parsing.html_inline import is_blank, mark_after, mark_before
from ingestion.parsing.html_looks import (
    Sizes,
    is_shown,
    style_of,
    tell_comment,
    tell_unseen,
)
from ingestion.parsing.html_menus import Menus
from ingestion.parsing.html_tables import Grid, is_data_table
from ingestion.parsing.pieces import Piece, in_parts, piece, title_of
from ingestion.parsing.source import Source
from ingestion.types import BlockKind, Parsed

# selectolax carries no types.
Node = Any

_SKIPPED = frozenset((
    "script", "style", "noscript", "template", "svg", "canvas", "iframe", "object",
    "embed", "audio", "video", "nav", "head", "select", "option", "datalist",
    "button", "dialog", "-comment",
))  # fmt: skip
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd",
    "details", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form",
    "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "legend", "li",
    "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot",
    "th", "thead", "title", "tr", "ul",
))  # fmt: skip
_KINDS: dict[str, BlockKind] = {
    "li": "list",
    "dd": "paragraph",
    "pre": "code",
    "figcaption": "caption",
    "caption": "caption",
    "footer": "note",
}
_MAX_INDENT = 8
# Browsers go 512 deep.
_MAX_DEPTH = 1_000
_WRAPPER = re.compile(
    r"<(?P<close>/?)(?:div|span|section|article|blockquote|center|font|b|i)"
    r"(?:\s*|(?P<more>\s[^<>]*))>",
    re.IGNORECASE,
)
# Any but those that are empty in HTML too.
_SELF_CLOSED = re.compile(
    r"<(?!(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)\b)"
    r"([A-Za-z][\w:-]*+)([^<>]*)/>"
)
_XHTML = re.compile(r"\s*<\?xml|.*(?:w3\.org/1999/xhtml|DTD XHTML)", re.DOTALL)
_HEAD_CHARS = 2_000
_HEADINGS = {f"h{i}": i for i in range(1, 7)}


def parse_html(source: Source) -> Parsed:
    """Read an HTML file."""
    data = source.path.read_bytes()
    text = decoded(data, declared=declared_encoding(data))
    title, pieces = read_markup(text, is_page=True)
    return Parsed(pages=tuple(in_parts(pieces)), title=title or title_of(pieces))


def read_markup(text: str, *, is_page: bool = False) -> tuple[str, list[Piece]]:
    """Return the <title> and the pieces of a document or fragment.

    Args:
        is_page: of a site, which may have menus. Mails, books and Markdown have
            none: a list of links is content there.
    """
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(_shallow(_closed(text)))
    found = tree.css_first("title")
    title = one_line(found.text()) if found is not None else ""
    if tree.body is None:
        return title, []
    walk = _Walk(Menus(tree.body) if is_page else None)
    return title, list(walk.pieces(tree.body))


def _closed(text: str) -> str:
    """Write out the ends of tags that XHTML closes in themselves.

    Read as HTML, "<script/>" is never closed and would swallow the page.
    """
    if not _XHTML.match(text[:_HEAD_CHARS]):
        return text
    return _SELF_CLOSED.sub(r"<\1\2></\1>", text)


def _shallow(text: str) -> str:
    """Drop wrappers that say nothing, nested deeper than any browser goes.

    The parser looks through all that are open for each that it meets: 50,000 of them
    took it ten seconds. One with an attribute stays, since that may hide what is in it.
    """
    depth = 0
    kept: list[bool] = []

    def tag(match: re.Match[str]) -> str:
        nonlocal depth
        if match["close"]:
            is_kept = kept.pop() if kept else True
            depth -= is_kept and depth > 0
        else:
            is_kept = depth < _MAX_DEPTH or bool(match["more"])
            kept.append(is_kept)
            depth += is_kept
        return match[0] if is_kept else ""

    return _WRAPPER.sub(tag, text)


class _Walk:
    """One pass over the tree, without recursion: 50,000 levels are no error."""

    def __init__(self, menus: Menus | None) -> None:
        self._menus = menus
        self._inline: list[str] = []
        self._kinds: list[BlockKind] = []
        self._level = 0
        # A number for each open ordered list, 0 for an unordered one.
        self._lists: list[int] = []
        self._marker = ""
        self._sizes = Sizes()
        # The data table that is open; one with others in it is none.
        self._grid: Grid | None = None

    def pieces(self, root: Node) -> Iterator[Piece]:
        node = root
        while node is not None:
            goes_in = yield from self._enter(node)
            if goes_in and node.child is not None:
                node = node.child
                continue
            if goes_in:
                yield from self._leave(node)
            node = yield from self._after(node, root)

    def _after(self, node: Node, root: Node) -> Generator[Piece, None, Node]:
        """Leave the elements that end here; return the next node, or None."""
        while node.mem_id != root.mem_id:
            if node.next is not None:
                return node.next
            node = node.parent
            yield from self._leave(node)
        return None

    def _enter(self, node: Node) -> Generator[Piece, None, bool]:
        """Meet a node; return whether its children are to be read."""
        tag = node.tag
        if tag == "-text":
            self._read(node)
            return False
        if tag in _SKIPPED:
            tell_comment(node)
            return False
        style = style_of(node)
        if not is_shown(node, style):
            if self._grid is not None:
                self._grid.pass_over(node)
            return False
        tell_unseen(node, style)
        if tag not in _BLOCKS:
            self._say(
                mark_before(node, self._inline[-1] if self._inline else "", style)
            )
            self._sizes.enter(node, style)
            return True
        yield from self._flush()
        if self._menus is not None and not self._lists and self._menus.is_menu(node):
            return False
        if self._grid is None and is_data_table(node):
            self._grid = Grid()
        self._open(node)
        self._sizes.enter(node, style)
        return True

    def _read(self, node: Node) -> None:
        text = node.text_content or ""
        if self._sizes.is_nothing:
            hidden.left_out(hidden.BY_STYLE, text)
        elif not is_blank(node):
            self._say(self._spaced(text))

    def _say(self, text: str) -> None:
        if text:
            self._inline.append(text)

    def _open(self, node: Node) -> None:
        tag = node.tag
        if self._grid is not None:
            self._grid.enter(node)
        if tag in _KINDS:
            self._kinds.append(_KINDS[tag])
        if tag in {"ul", "ol"}:
            self._lists.append(_start(node) if tag == "ol" else 0)
        elif tag == "li":
            self._marker = self._next_marker()
        self._level = _HEADINGS.get(tag, self._level)

    def _leave(self, node: Node) -> Iterator[Piece]:
        tag = node.tag
        self._sizes.leave(node)
        if tag not in _BLOCKS:
            self._say(mark_after(node))
            return
        yield from self._flush()
        if self._grid is not None:
            self._grid.leave(node)
            if tag == "table":
                yield from self._grid.pieces()
                self._grid = None
        if tag in _KINDS and self._kinds:
            self._kinds.pop()
        if tag in {"ul", "ol"} and self._lists:
            self._lists.pop()
        if tag in _HEADINGS:
            self._level = 0

    def _flush(self) -> Iterator[Piece]:
        text = "".join(self._inline)
        self._inline.clear()
        if not text.strip():
            return
        if self._grid is not None and self._grid.is_in_cell:
            self._grid.say(text)
        elif self._level:
            yield piece("heading", text, level=self._level)
        elif self._kinds and self._kinds[-1] == "list":
            indent = "  " * min(len(self._lists) - 1, _MAX_INDENT)
            yield piece("list", f"{indent}{self._marker}{one_line(text)}")
            self._marker = "  "
        else:
            yield piece(self._kinds[-1] if self._kinds else "paragraph", text)

    def _spaced(self, text: str) -> str:
        """Collapse white space as browsers do, except in <pre>."""
        if self._kinds and self._kinds[-1] == "code":
            return text
        words = " ".join(text.split())
        if not words:
            return " "
        return f"{' ' * text[0].isspace()}{words}{' ' * text[-1].isspace()}"

    def _next_marker(self) -> str:
        if not self._lists or not self._lists[-1]:
            return "- "
        self._lists[-1] += 1
        return f"{self._lists[-1] - 1}. "


def _start(node: Node) -> int:
    value = node.attributes.get("start") or ""
    return int(value) if value.isdecimal() and len(value) < 7 and int(value) else 1
