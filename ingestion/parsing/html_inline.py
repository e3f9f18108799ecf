"""What stands for elements within a line: pictures, ticks, raised signs, fractions."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from ingestion.parsing.cleaning import one_line
from ingestion.parsing.html_looks import style_of
from ingestion.parsing.powers import is_power

# selectolax carries no types.
Node = Any

_NOTE = re.compile(r"\s*\d{1,3}\s*")
_MOST_PARTS = 8
# Between the two parts of a formula, which MathML sets above each other.
_BETWEEN = {"mfrac": "/", "msup": "^"}
_BOXES = frozenset((*_BETWEEN, "math", "mrow", "mstyle", "msub", "msqrt", "semantics"))


def mark_before(node: Node, line: str, style: str) -> str:
    """Text for the beginning of an element that stands for something a reader sees.

    Args:
        line: what stands before it; raised digits must not add to a number there.
        style: that of ``style_of``.
    """
    tag = node.tag
    if tag == "br":
        return "\n"
    if tag == "img":
        alt = one_line(node.attributes.get("alt") or "")
        return f" [Image: {alt}] " if alt else " "
    if tag == "input" and node.attributes.get("type") == "checkbox":
        return "[x] " if "checked" in node.attributes else "[ ] "
    is_raised = _is_raised(node, style)
    if is_raised and _is_note(node):
        return " ["
    ends_in_digit = line[-1:].isdigit()
    if ends_in_digit and is_raised and is_power(line, _few_words(node)):
        return "^"
    if ends_in_digit and tag == "mfrac":
        return " "
    return _between(node) + "(" * _is_group(node)


def mark_after(node: Node) -> str:
    """Text for the end of an element, matching that of its beginning."""
    if _is_raised(node, style_of(node)) and _is_note(node):
        return "]"
    return ")" * _is_group(node)


def is_blank(node: Node) -> bool:
    """Whether a text is white space that only lays out the source of a formula."""
    return node.parent.tag in _BOXES and not (node.text_content or "").strip()


def _is_raised(node: Node, style: str) -> bool:
    return node.tag == "sup" or "vertical-align:super" in style


def _is_note(node: Node) -> bool:
    """Whether what is raised is the number of a footnote: a link."""
    words = _few_words(node)
    if not _NOTE.fullmatch(words):
        return False
    # Alone in its link: that on "km²" has more in it than the 2.
    is_link = (
        node.parent.tag == "a" and _few_words(node.parent).strip() == words.strip()
    )
    return is_link or node.css_first("a") is not None


def _few_words(node: Node) -> str:
    """Text of an element of a few parts, "" of a larger one: no number is so long."""
    parts = list(islice(node.traverse(include_text=True), _MOST_PARTS + 1))
    if len(parts) > _MOST_PARTS:
        return ""
    return "".join(part.text_content or "" for part in parts if part.tag == "-text")


def _between(node: Node) -> str:
    mark = _BETWEEN.get(node.parent.tag, "")
    return mark if mark and _before(node) is not None else ""


def _before(node: Node) -> Node:
    """The element before; None for the first one."""
    node = node.prev
    while node is not None and node.tag == "-text":
        node = node.prev
    return node


def _is_group(node: Node) -> bool:
    """Whether a part of a formula needs brackets on one line."""
    if node.parent.tag not in _BETWEEN:
        return False
    return len(list(node.iter(include_text=False))) > 1
