"""Lines of slides: what their runs say, raised and struck out, and how lists count."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ingestion.parsing.hidden import struck_out
from ingestion.parsing.markup import Element, to_int
from ingestion.parsing.numbering import numeral
from ingestion.parsing.powers import is_power

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_STRUCK = {"sngStrike", "dblStrike"}
_RAISED = re.compile(r"[1-9]")  # thousandths of the size; a lowered one has a minus
_NUMBERED = re.compile(
    r"(?P<kind>alpha|arabic|roman)(?P<case>Lc|Uc)?(?P<form>ParenBoth|ParenR|Period|Plain)"
)
_KINDS = {
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
}
_FORMS = {"ParenBoth": "({})", "ParenR": "{})", "Period": "{}.", "Plain": "{}"}


def line_of(paragraph: Element) -> str:
    """Return a paragraph's text; what is struck out is told and left out."""
    parts, was_raised = [""], False
    for node in paragraph.iter(f"{A}t", f"{A}br", f"{A}tab"):
        if node.tag != f"{A}t":
            parts.append(" ")
            was_raised = False
            continue
        said = node.text or ""
        props = node.getparent().find(f"{A}rPr")
        style = {} if props is None else props.attrib
        if style.get("strike") in _STRUCK:
            struck_out(said)
            continue
        is_raised = bool(_RAISED.match(style.get("baseline", "")))
        if is_raised and not was_raised and is_power(parts[-1], said):
            parts.append("^")
        if said:
            parts.append(said)
        was_raised = is_raised
    return "".join(parts)


@dataclass(slots=True)
class Numbering:
    """The numbered lists of a text while it is read.

    Attributes:
        counts: by level: the kind of list, its first number and the last one given.
    """

    counts: dict[int, tuple[str, int, int]] = field(default_factory=dict)

    def marker(self, props: Element | None, level: int) -> str:
        """Return what stands before a paragraph, "" before one without a number.

        A list goes on behind paragraphs of deeper levels, and ends at others.
        """
        for deeper in [known for known in self.counts if known > level]:
            del self.counts[deeper]
        auto = None if props is None else props.find(f"{A}buAutoNum")
        if auto is None:
            self.counts.pop(level, None)
            return ""
        kind, start = auto.get("type", ""), to_int(auto.get("startAt"), 1)
        before = self.counts.get(level, ("", 0, 0))
        count = before[2] + 1 if before[:2] == (kind, start) else start
        self.counts[level] = (kind, start, count)
        return _marker(kind, count)


def _marker(kind: str, count: int) -> str:
    match = _NUMBERED.fullmatch(kind)
    if match is None:  # circled, or of another script
        return f"{count}."
    name = _KINDS.get(f"{match['kind']}{match['case'] or ''}", "decimal")
    return _FORMS[match["form"]].format(numeral(name, count))
