"""What a Word file says beside its text: which styles are headings, how lists count."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ingestion.parsing.archives import Archive
from ingestion.parsing.markup import Element, read_xml

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING_NAME = re.compile(r"heading (\d)", re.IGNORECASE)
_BULLETS = {"bullet", "none"}
_MAX_BASES = 20


@dataclass(frozen=True, slots=True)
class Style:
    """A paragraph style, with what it inherits already resolved."""

    level: int = 0
    list_id: str = ""
    list_level: int = 0
    is_code: bool = False
    is_caption: bool = False


@dataclass(slots=True)
class Lists:
    """Numbering: the kind of each (list, level), and counters while reading."""

    formats: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    _counts: dict[tuple[str, int], int] = field(default_factory=dict)

    def marker(self, list_id: str, level: int) -> str:
        """The marker of the next item, "- " or "3. ", with its indentation."""
        kind, start = self.formats.get((list_id, level), ("bullet", 1))
        indent = "  " * min(level, 8)
        if kind in _BULLETS:
            return f"{indent}- "
        count = self._counts.get((list_id, level), start - 1) + 1
        self._counts[list_id, level] = count
        for deeper in range(level + 1, 9):
            self._counts.pop((list_id, deeper), None)
        return f"{indent}{_numeral(kind, count)}. "


def _numeral(kind: str, count: int) -> str:
    if kind in {"lowerLetter", "upperLetter"} and 0 < count <= 26:
        letter = chr(ord("a") + count - 1)
        return letter.upper() if kind == "upperLetter" else letter
    if kind in {"lowerRoman", "upperRoman"} and 0 < count < 40:
        roman = "x" * (count // 10) + _ONES[count % 10]
        return roman.upper() if kind == "upperRoman" else roman
    return str(count)


_ONES = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")


def read_styles(archive: Archive, part: str) -> dict[str, Style]:
    """Return the styles by id; an absent part means no styles."""
    if part not in archive:
        return {}
    nodes = {
        node.get(f"{W}styleId", ""): node
        for node in read_xml(archive, part).iter(f"{W}style")
    }
    return {name: _style(name, nodes) for name in nodes}


def _style(name: str, nodes: dict[str, Element]) -> Style:
    level, list_id, list_level = 0, "", 0
    is_code = is_caption = False
    for node in _ancestry(name, nodes):
        title = _value(node.find(f"{W}name")).lower()
        level = level or _heading_level(node, title)
        is_code = is_code or "code" in title or "preformatted" in title
        is_caption = is_caption or title == "caption"
        number = node.find(f"{W}pPr/{W}numPr")
        if number is not None and not list_id:
            list_id = _value(number.find(f"{W}numId"))
            list_level = to_int(_value(number.find(f"{W}ilvl")))
    return Style(level, list_id, list_level, is_code, is_caption)


def _ancestry(name: str, nodes: dict[str, Element]) -> list[Element]:
    found: list[Element] = []
    while name in nodes and len(found) < _MAX_BASES:
        found.append(nodes[name])
        name = _value(nodes[name].find(f"{W}basedOn"))
    return found


def _heading_level(style: Element, title: str) -> int:
    if title == "title":
        return 1
    if match := _HEADING_NAME.match(title):
        return int(match[1])
    outline = style.find(f"{W}pPr/{W}outlineLvl")
    level = to_int(_value(outline), 9) if outline is not None else 9
    return level + 1 if level < 9 else 0


def read_lists(archive: Archive, part: str) -> Lists:
    """Return the numbering definitions; an absent part means bullets."""
    lists = Lists()
    if part not in archive:
        return lists
    root = read_xml(archive, part)
    kinds = {
        node.get(f"{W}abstractNumId", ""): _levels(node)
        for node in root.iter(f"{W}abstractNum")
    }
    for node in root.iter(f"{W}num"):
        number = node.get(f"{W}numId", "")
        abstract = _value(node.find(f"{W}abstractNumId"))
        for level, kind in kinds.get(abstract, {}).items():
            lists.formats[number, level] = kind
    return lists


def _levels(node: Element) -> dict[int, tuple[str, int]]:
    return {
        to_int(level.get(f"{W}ilvl")): (
            _value(level.find(f"{W}numFmt")) or "decimal",
            to_int(_value(level.find(f"{W}start")), 1),
        )
        for level in node.iter(f"{W}lvl")
    }


def _value(node: Element | None) -> str:
    return "" if node is None else str(node.get(f"{W}val", ""))


def to_int(text: str | None, default: int = 0) -> int:
    """Read a number that the file claims; nonsense gives the default."""
    text = text or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else default
