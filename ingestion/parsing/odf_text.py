"""Text of paragraphs of OpenDocument files."""

from __future__ import annotations

from ingestion.parsing.cleaning import one_line
from ingestion.parsing.markup import Element, local, to_int

_NS = "{urn:oasis:names:tc:opendocument:xmlns:"
TEXT = f"{_NS}text:1.0}}"
TABLE = f"{_NS}table:1.0}}"
DRAW = f"{_NS}drawing:1.0}}"
OFFICE = f"{_NS}office:1.0}}"
STYLE = f"{_NS}style:1.0}}"
# Deleted text of tracked changes, forms and indexes are no text to read; numbers of
# headings, which some programs write, are counted here.
DROPPED = frozenset((
    "tracked-changes", "sequence-decls", "forms", "annotation-end", "settings",
    "alphabetical-index", "table-of-content", "bookmark-start", "bookmark-end",
    "number",
))  # fmt: skip


def text_of(node: Element) -> str:
    """Text of a paragraph without what stands beside it: notes, comments, boxes."""
    parts = [node.text or ""]
    for child in node:
        tag = local(child)
        if tag == "s":
            parts.append(" " * max(min(to_int(child.get(f"{TEXT}c"), 1), 80), 1))
        elif tag in {"tab", "line-break"}:
            parts.append("\t" if tag == "tab" else "\n")
        elif tag == "note":
            parts.append(note_mark(child))
        elif tag == "frame":
            parts.append(image_text(child))
        elif tag != "annotation" and tag not in DROPPED:
            parts.append(text_of(child))
        parts.append(child.tail or "")
    return "".join(parts)


def note_mark(note: Element) -> str:
    """Return the mark of a footnote or endnote in brackets."""
    mark = note.find(f"{TEXT}note-citation")
    return "" if mark is None else f"[{''.join(mark.itertext())}]"


def inside(node: Element | None) -> str:
    """All paragraphs below on one line."""
    if node is None:
        return ""
    return " ".join(one_line(text_of(p)) for p in node.iter(f"{TEXT}p"))


def image_text(frame: Element) -> str:
    """What a picture is said to show."""
    texts = [
        one_line("".join(node.itertext()))
        for node in frame
        if local(node) in {"title", "desc"}
    ]
    described = " ".join(filter(None, texts))
    return f" [Image: {described}] " if described else ""
