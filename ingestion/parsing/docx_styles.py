"""What a Word file says beside its text: which styles are headings, how lists count."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ingestion.parsing.archives import Archive
from ingestion.parsing.markup import Element, local, read_xml, to_int
from ingestion.parsing.numbering import MAX_CHARS, Level, Lists

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING_NAME = re.compile(r"heading (\d)", re.IGNORECASE)
_MAX_BASES = 20
#: Letters that are not shown, struck out, or set above the line.
MARKS = ("vanish", "strike", "dstrike", "superscript")


@dataclass(frozen=True, slots=True)
class Style:
    """A style, with what it inherits already resolved.

    Attributes:
        marks: of MARKS, those that its letters have.
    """

    level: int = 0
    list_id: str = ""
    list_level: int = 0
    is_code: bool = False
    is_caption: bool = False
    marks: frozenset[str] = frozenset()


def read_styles(archive: Archive, part: str) -> dict[str, Style]:
    """Return the styles by id, that of plain paragraphs as ""; no part, no styles."""
    if part not in archive:
        return {}
    nodes = {
        node.get(f"{W}styleId", ""): node
        for node in read_xml(archive, part).iter(f"{W}style")
    }
    styles = {name: _style(name, nodes) for name in nodes}
    for name, node in nodes.items():
        if node.get(f"{W}type") == "paragraph" and node.get(f"{W}default") == "1":
            styles[""] = styles[name]
    return styles


def _style(name: str, nodes: dict[str, Element]) -> Style:
    level = 0
    numbers: list[Element] = []
    is_code = is_caption = False
    said: dict[str, bool] = {}
    for node in _ancestry(name, nodes):
        title = _value(node.find(f"{W}name")).lower()
        level = level or _heading_level(node, title)
        is_code = is_code or "code" in title or "preformatted" in title
        is_caption = is_caption or title == "caption"
        said = marks_said(node.find(f"{W}rPr")) | said
        numbers += node.findall(f"{W}pPr/{W}numPr")
    list_ids = [_value(number.find(f"{W}numId")) for number in numbers]
    return Style(
        level=level,
        list_id=next(filter(None, list_ids), ""),
        list_level=to_int(_value(numbers[0].find(f"{W}ilvl"))) if numbers else 0,
        is_code=is_code,
        is_caption=is_caption,
        marks=frozenset(mark for mark, on in said.items() if on),
    )


def marks_said(props: Element | None) -> dict[str, bool]:
    """Whether properties of letters switch MARKS on or off; those not said are absent."""
    said: dict[str, bool] = {}
    for node in () if props is None else props:
        tag = local(node)
        if tag == "vertAlign":
            said["superscript"] = node.get(f"{W}val") == "superscript"
        elif tag in MARKS:
            said[tag] = is_on(node)
    return said


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
    """Return the numbering definitions; an absent part means bullets.

    Lists of the same abstract definition go on from each other, until one says
    that it starts again.
    """
    lists = Lists()
    if part not in archive:
        return lists
    root = read_xml(archive, part)
    abstracts = _abstracts(root)
    for node in root.iter(f"{W}num"):
        list_id = node.get(f"{W}numId", "")
        sequence = _value(node.find(f"{W}abstractNumId"))
        lists.sequences[list_id] = sequence
        for level, kind in abstracts.get(sequence, {}).items():
            lists.levels[list_id, level] = kind
        for override in node.iter(f"{W}lvlOverride"):
            _override(override, list_id, lists)
    return lists


def _abstracts(root: Element) -> dict[str, dict[int, Level]]:
    """Return the levels of abstract definitions, or of the list styles they name."""
    nodes = list(root.iter(f"{W}abstractNum"))
    by_style = {_value(node.find(f"{W}styleLink")): node for node in nodes}
    by_style.pop("", None)
    return {
        node.get(f"{W}abstractNumId", ""): _levels(
            by_style.get(_value(node.find(f"{W}numStyleLink")), node)
        )
        for node in nodes
    }


def _override(node: Element, list_id: str, lists: Lists) -> None:
    """Put what a list says of a level by itself over its abstract definition."""
    for level, kind in _levels(node).items():
        lists.levels[list_id, level] = kind
    start = node.find(f"{W}startOverride")
    at = list_id, to_int(node.get(f"{W}ilvl"))
    if start is not None and at in lists.levels:
        first = to_int(_value(start), 1)
        lists.levels[at] = replace(lists.levels[at], start=first)
        lists.restarts.add(at)


def _levels(node: Element) -> dict[int, Level]:
    return {
        to_int(level.get(f"{W}ilvl")): _level(level) for level in node.iter(f"{W}lvl")
    }


def _level(node: Element) -> Level:
    text = node.find(f"{W}lvlText")
    number = to_int(node.get(f"{W}ilvl"))
    legal = node.find(f"{W}isLgl")
    return Level(
        kind=_value(node.find(f"{W}numFmt")) or "decimal",
        start=to_int(_value(node.find(f"{W}start")), 1),
        text=f"%{number + 1}." if text is None else _value(text)[:MAX_CHARS],
        restart=to_int(_value(node.find(f"{W}lvlRestart")), number),
        is_legal=legal is not None and is_on(legal),
    )


def is_on(switch: Element) -> bool:
    """Whether a property that is there is not there to be switched off."""
    return switch.get(f"{W}val") not in {"0", "false", "off"}


def _value(node: Element | None) -> str:
    return "" if node is None else str(node.get(f"{W}val", ""))
