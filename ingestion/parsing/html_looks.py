"""What of a web page a browser shows, by the styles of its elements."""

from __future__ import annotations

import re
from typing import Any

from ingestion.parsing import hidden

# selectolax carries no types.
Node = Any

# What no browser shows, in a style without spaces.
_UNSHOWN = re.compile(
    r"display:none|visibility:hidden|opacity:0(?:\.0+)?(?![.\d])"
    r"|(?:left|top|text-indent):-\d{4,}"
)
_STRUCK = frozenset({"del", "s", "strike"})
_STRUCK_STYLE = re.compile(r"text-decoration(?:-line)?:[^;]*line-through")
_WHITE = re.compile(r"(?:^|;)color:(?:white|#fff(?:fff)?|rgb\(255,255,255\))(?:;|!|$)")
_SIZE = re.compile(r"(?:^|;)font(?:-size)?:([^;!]*)")
_NO_SIZE = re.compile(r"0(?:\.0+)?(?![.\d])")
# Sizes that are a share of the one around.
_RELATIVE = re.compile(r"[\d.]+(?:em|%|ex|ch)|inherit|unset|smaller|larger")


def style_of(node: Node) -> str:
    """The style without spaces, in small letters; "" for none."""
    style = node.attributes.get("style")
    return "".join(style.split()).lower() if style else ""


def is_shown(node: Node, style: str) -> bool:
    """Whether readers see an element as part of the text; tell of one that is not.

    What no browser shows is a place for planted instructions. What is struck out is
    seen, but no longer holds: read as text, an old price stands beside the new one.
    """
    if "hidden" in node.attributes or (style and _UNSHOWN.search(style)):
        hidden.left_out(hidden.BY_STYLE, node.text())
        return False
    if node.tag in _STRUCK or (style and _STRUCK_STYLE.search(style)):
        hidden.struck_out(node.text())
        return False
    return True


def keeps_its_place(node: Node) -> bool:
    """Whether an element that is not shown is left blank, and not left away."""
    return "hidden" not in node.attributes and "display:none" not in style_of(node)


def tell_unseen(node: Node, style: str) -> None:
    """Tell of white letters; what lies under them is not known."""
    if style and _WHITE.search(style) and "background" not in style:
        hidden.kept("in white letters", node.text())


def tell_comment(node: Node) -> None:
    """Tell of a comment of some words."""
    text = node.comment_content or "" if node.tag == "-comment" else ""
    if len(text.split()) >= hidden.MIN_COMMENT_WORDS:
        hidden.left_out("in comments", text)


class Sizes:
    """The sizes of letters of the elements that are open, where one says its own.

    Mails set a size of nothing around their cells, against gaps, and a true one on
    each text: only the nearest counts.
    """

    def __init__(self) -> None:
        self._open: list[tuple[int, bool]] = []

    @property
    def is_nothing(self) -> bool:
        """Whether text here has no size."""
        return bool(self._open) and self._open[-1][1]

    def enter(self, node: Node, style: str) -> None:
        """Take the size that the element says, unless it is a share of another."""
        sizes = _SIZE.findall(style) if style else []
        if not sizes:
            return
        is_nothing = _NO_SIZE.match(sizes[-1]) is not None
        if is_nothing or not _RELATIVE.match(sizes[-1]):
            self._open.append((node.mem_id, is_nothing))

    def leave(self, node: Node) -> None:
        if self._open and self._open[-1][0] == node.mem_id:
            self._open.pop()
