"""Formulas of Word files on one line: fractions as a/b, powers as a^b."""

from __future__ import annotations

import re
from collections.abc import Callable

from ingestion.parsing.markup import Element

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
# What needs no brackets when something is done with the whole of it.
_SIMPLE = re.compile(r"[\w.,°%!∞′]*|\([^()]*\)")

#: After what is set otherwise; XML cannot hold it, and strip() takes it away.
END = "\x1f"

Read = Callable[[Element], str]


def formula(node: Element, read: Read) -> str | None:
    """Write an element that sets its parts otherwise than side by side.

    Args:
        read: gives the text of a part.

    Returns:
        None for other elements, whose parts stand side by side; else END is last,
        since a letter that follows belongs to the whole: "x^2 y", not "x^2y".
    """
    write = _FORMS.get(node.tag)
    return None if write is None else write(node, read) + END


def _fraction(node: Element, read: Read) -> str:
    # One above the other without a line is no division.
    sign = " over " if _said(node, "fPr", "type", "bar") == "noBar" else "/"
    return f"{_part(node, 'num', read)}{sign}{_part(node, 'den', read)}"


def _scripts(node: Element, read: Read) -> str:
    """What is set below and above a base, as in x_1^2."""
    below, above = _part(node, "sub", read), _part(node, "sup", read)
    base = _part(node, "e", read)
    return base + (f"_{below}" if below else "") + (f"^{above}" if above else "")


def _root(node: Element, read: Read) -> str:
    degree = _part(node, "deg", read)
    sign = f"root_{degree}" if degree else "√"
    return f"{sign}({_whole(node, 'e', read)})"


def _sum(node: Element, read: Read) -> str:
    """A sum, product or integral with its bounds; an integral if it does not say."""
    below, above = _part(node, "sub", read), _part(node, "sup", read)
    bounds = (f"_{below}" if below else "") + (f"^{above}" if above else "")
    return f"{_said(node, 'naryPr', 'chr', '∫')}{bounds} {_whole(node, 'e', read)}"


def _brackets(node: Element, read: Read) -> str:
    parts = [read(part) for part in node.findall(f"{M}e")]
    opened = _said(node, "dPr", "begChr", "(")
    closed = _said(node, "dPr", "endChr", ")")
    return opened + _said(node, "dPr", "sepChr", "|").join(parts) + closed


def _whole(node: Element, name: str, read: Read) -> str:
    part = node.find(f"{M}{name}")
    return "" if part is None else read(part).strip()


def _part(node: Element, name: str, read: Read) -> str:
    """A part as one: in brackets unless it is a name, a number or in brackets."""
    text = _whole(node, name, read)
    return text if _SIMPLE.fullmatch(text) else f"({text})"


def _said(node: Element, props: str, name: str, default: str) -> str:
    said = node.find(f"{M}{props}/{M}{name}")
    return default if said is None else str(said.get(f"{M}val", ""))


_FORMS: dict[str, Callable[[Element, Read], str]] = {
    f"{M}f": _fraction,
    f"{M}sSub": _scripts,
    f"{M}sSup": _scripts,
    f"{M}sSubSup": _scripts,
    f"{M}rad": _root,
    f"{M}nary": _sum,
    f"{M}d": _brackets,
}
