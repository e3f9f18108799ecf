"""Menus of web pages, which are no part of what they say."""

from __future__ import annotations

from typing import Any

# selectolax carries no types.
Node = Any

# A list of this many links of this average length may be a menu.
_MENU_ITEMS = 12
_MENU_CHARS = 30
_LISTS = frozenset({"ul", "ol"})
_BEGINNINGS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6"})
_BESIDE = frozenset({"header", "footer", "aside", "menu"})
_MAX_DEPTH = 100


class Menus:
    """Tells menus from lists of links that are content, such as of suppliers.

    A menu stands above the first heading or paragraph, or beside what is read.
    """

    def __init__(self, body: Node) -> None:
        # A page without either has nothing to stand above.
        self._has_begun = body.css_first(", ".join(_BEGINNINGS)) is None

    def is_menu(self, node: Node) -> bool:
        """Meet an element on the way; return whether it is a menu."""
        if node.tag in _BEGINNINGS and not self._has_begun:
            self._has_begun = not _is_beside(node)
        if node.tag not in _LISTS or not _is_all_links(node):
            return False
        return not self._has_begun or _is_beside(node)


def _is_beside(node: Node) -> bool:
    for _ in range(_MAX_DEPTH):
        if node is None:
            return False
        if node.tag in _BESIDE or node.attributes.get("role") == "navigation":
            return True
        node = node.parent
    return False


def _is_all_links(node: Node) -> bool:
    """Whether a long list is nothing but short links."""
    items = node.css("li")
    if len(items) < _MENU_ITEMS:
        return False
    text = len("".join(node.text().split()))
    linked = sum(len("".join(link.text().split())) for link in node.css("a"))
    return linked >= 0.95 * text and text / len(items) < _MENU_CHARS
