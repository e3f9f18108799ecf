"""How lists and headings of OpenDocument texts count."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingestion.parsing.markup import Element, local, to_int
from ingestion.parsing.numbering import BULLET, MAX_CHARS, Level, Lists
from ingestion.parsing.odf_text import STYLE, TEXT

_KINDS = {
    "1": "decimal",
    "a": "lowerLetter",
    "A": "upperLetter",
    "i": "lowerRoman",
    "I": "upperRoman",
}
_NUMBERED = {"list-level-style-number", "outline-level-style"}
_OUTLINE = "outline"


@dataclass(slots=True)
class Numbers:
    """The list styles of a file, and the lists met while it is read."""

    lists: Lists = field(default_factory=Lists)
    # Styles of paragraphs that take a heading out of the outline.
    _unlisted: set[str] = field(default_factory=set)
    _met: int = 0
    # By list style, and by id: the sequence that a list counted in.
    _last: dict[str, str] = field(default_factory=dict)
    _by_id: dict[str, str] = field(default_factory=dict)

    def learn(self, root: Element) -> None:
        """Learn the list styles of a part of the file."""
        for style in root.iter(f"{TEXT}list-style", f"{TEXT}outline-style"):
            is_outline = local(style) == "outline-style"
            name = _OUTLINE if is_outline else style.get(f"{STYLE}name", "")
            for level, kind in _levels(style).items():
                self.lists.levels[name, level] = kind
        for style in root.iter(f"{STYLE}style"):
            if style.get(f"{STYLE}list-style-name") == "":
                self._unlisted.add(style.get(f"{STYLE}name", ""))

    def sequence(self, node: Element) -> str:
        """Return what an outermost list counts in: anew, unless it goes on."""
        style = node.get(f"{TEXT}style-name", "")
        found = self._by_id.get(node.get(f"{TEXT}continue-list", ""))
        if found is None and node.get(f"{TEXT}continue-numbering") == "true":
            found = self._last.get(style)
        if found is None:
            self._met += 1
            found = f"list {self._met}"
        self._last[style] = found
        identity = node.get("{http://www.w3.org/XML/1998/namespace}id")
        if identity:
            self._by_id[identity] = found
        return found

    def of_heading(self, node: Element, level: int) -> str:
        """Count a heading outside lists; return its number, "" if it has none."""
        is_out = node.get(f"{TEXT}is-list-header") == "true"
        if is_out or node.get(f"{TEXT}style-name") in self._unlisted:
            return ""
        marker = self.lists.marker(_OUTLINE, level - 1)
        return "" if marker == BULLET else marker


def _levels(style: Element) -> dict[int, Level]:
    """Return the levels of a list style, counted from 0."""
    nodes = {to_int(node.get(f"{TEXT}level")): node for node in style}
    kinds = {level: _kind(node) for level, node in nodes.items()}
    found = {}
    for level in sorted(nodes.keys() & set(range(1, 10))):
        node = nodes[level]
        shown = max(to_int(node.get(f"{TEXT}display-levels"), 1), 1)
        # Levels without a number are left out, with their dot.
        upper = range(max(level - shown + 1, 1), level + 1)
        numbers = ".".join(f"%{i}" for i in upper if kinds.get(i, "none") != "none")
        before = node.get(f"{STYLE}num-prefix", "")
        after = node.get(f"{STYLE}num-suffix", "")
        found[level - 1] = Level(
            kind=kinds[level],
            start=to_int(node.get(f"{TEXT}start-value"), 1),
            text=f"{before}{numbers}{after}".strip()[:MAX_CHARS],
        )
    return found


def _kind(node: Element) -> str:
    if local(node) not in _NUMBERED:
        return "bullet"
    return _KINDS.get(node.get(f"{STYLE}num-format", ""), "none")
