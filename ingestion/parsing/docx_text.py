"""Text of paragraphs and cells of Word files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from ingestion.parsing import hidden
from ingestion.parsing.cleaning import one_line
from ingestion.parsing.docx_formulas import END, formula
from ingestion.parsing.docx_styles import MARKS, Style, W, is_on, marks_said
from ingestion.parsing.docx_symbols import symbol
from ingestion.parsing.markup import Element, local, to_int
from ingestion.parsing.numbering import BULLET, MAX_CHARS, Lists, numeral
from ingestion.parsing.pieces import Piece, piece
from ingestion.parsing.powers import EXPONENT
from ingestion.parsing.tables import on_one_line

# Never read: the old text of tracked changes, field codes, properties, the
# fallback drawing that repeats a text box, and phonetic guides.
_DROPPED = frozenset(
    ["del", "moveFrom", "instrText", "delText", "pPr", "rPr", "sdtPr", "Fallback", "rt"]
)
#: What a text refers to beside itself.
NOTES = ("footnote", "endnote", "comment")
# As Word numbers them where a file says nothing else; no two look the same.
_NOTE_NUMBERS = {"endnote": "lowerRoman"}
# Around raised letters while a paragraph is read; XML cannot hold these.
_RAISED, _LOWERED = "\x0e", "\x0f"
_END_BEFORE_LETTER = re.compile(rf"{END}+(?=\w)")
_POWER = re.compile(rf"(?<=\d){_RAISED}\s*(?={EXPONENT})")


@dataclass(slots=True)
class Story:
    """What is known while a file is read."""

    styles: dict[str, Style]
    lists: Lists
    notes: dict[tuple[str, str], str] = field(default_factory=dict)
    # How many notes of each kind were met.
    counts: Counter[str] = field(default_factory=Counter)
    # Notes met since the last page break; they are put at the page's end.
    pending: list[Piece] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)

    def style(self, named: Element | None = None) -> Style:
        """Return the style that an element names; by default that of paragraphs."""
        name = "" if named is None else named.get(f"{W}val", "")
        return self.styles.get(name) or self.styles.get("", Style())


def role_of(node: Element, story: Story) -> Style:
    """Return the style of a paragraph with what the paragraph itself says."""
    props = node.find(f"{W}pPr")
    if props is None:
        return story.style()
    style = story.style(props.find(f"{W}pStyle"))
    outline = props.find(f"{W}outlineLvl")
    if outline is not None and to_int(outline.get(f"{W}val"), 9) < 9:
        style = replace(style, level=to_int(outline.get(f"{W}val")) + 1)
    number, depth = props.find(f"{W}numPr/{W}numId"), props.find(f"{W}numPr/{W}ilvl")
    if number is not None:
        style = replace(style, list_id=number.get(f"{W}val", ""), list_level=0)
    if depth is not None:
        style = replace(style, list_level=to_int(depth.get(f"{W}val")))
    return style


def marker_of(node: Element, role: Style, story: Story, *, is_empty: bool) -> str:
    """Count the paragraph if it is in a list; return what stands before it."""
    # List id 0 takes a paragraph out of the list of its style.
    if role.list_id in {"", "0"} or (is_empty and _is_gone(node, role)):
        return ""
    return story.lists.marker(role.list_id, role.list_level)


def _is_gone(node: Element, role: Style) -> bool:
    """Whether not even an empty line, which would be counted, is left of it."""
    mark = node.find(f"{W}pPr/{W}rPr")
    if marks_said(mark).get("vanish", "vanish" in role.marks):
        return True
    names = ("del", "moveFrom")
    return mark is not None and any(mark.find(f"{W}{n}") is not None for n in names)


def text_of(paragraph: Element, story: Story) -> str:
    """Text of a paragraph; a form feed stands for a page break.

    Its notes and text boxes are kept in the story, for after it.
    """
    return _with_powers(_text(paragraph, story, is_inline=False))


def _text(node: Element, story: Story, *, is_inline: bool) -> str:
    return "".join(_part(child, story, is_inline=is_inline) for child in node)


def _part(node: Element, story: Story, *, is_inline: bool) -> str:
    tag = local(node)
    if tag in _DROPPED:
        return ""
    if tag in _SIGNS:
        return _SIGNS[tag](node)
    if tag == "r":
        return _run(node, story, is_inline=is_inline)
    if tag == "txbxContent":
        return _boxed(node, story, is_inline=is_inline)
    if tag.endswith("Reference") and not is_inline:
        return _reference(node, story)
    written = formula(node, partial(_text, story=story, is_inline=is_inline))
    return _text(node, story, is_inline=is_inline) if written is None else written


def _run(run: Element, story: Story, *, is_inline: bool) -> str:
    """Text of a run; of one that is hidden or struck out, the page breaks in it."""
    _tell_unseen(run)
    marks = _marks(run, story)
    if "vanish" in marks:
        hidden.left_out("marked as hidden", "".join(run.itertext()))
        return _page_breaks(run)
    if marks & {"strike", "dstrike"}:
        hidden.struck_out("".join(run.itertext(f"{W}t")))
        return _page_breaks(run)
    text = _text(run, story, is_inline=is_inline)
    return f"{_RAISED}{text}{_LOWERED}" if "superscript" in marks else text


def _page_breaks(run: Element) -> str:
    signs = (
        _SIGNS[local(n)](n) for n in run.iter(f"{W}br", f"{W}lastRenderedPageBreak")
    )
    return "".join(sign for sign in signs if sign == "\f")


def _with_powers(text: str) -> str:
    """Write a raised number after a digit as a power: 10^6, and not 106."""
    text = text.replace(_LOWERED + _RAISED, "")
    text = _END_BEFORE_LETTER.sub(" ", text).replace(END, "")
    return _POWER.sub("^", text).replace(_RAISED, "").replace(_LOWERED, "")


def _marks(run: Element, story: Story) -> set[str]:
    """Return the marks of a run: its own, else those of its styles.

    What both the character's and the paragraph's style say takes itself back, but for
    letters that are raised (ECMA-376, 17.7.3).
    """
    said = marks_said(run.find(f"{W}rPr"))
    named = run.find(f"{W}rPr/{W}rStyle")
    own = Style() if named is None else story.styles.get(named.get(f"{W}val"), Style())
    paragraph = next(run.iterancestors(f"{W}p"), None)
    outer = None if paragraph is None else paragraph.find(f"{W}pPr/{W}pStyle")
    both = own.marks, story.style(outer).marks
    styled = (both[0] ^ both[1]) | ((both[0] & both[1]) & {"superscript"})
    return {mark for mark in MARKS if said.get(mark, mark in styled)}


def _tell_unseen(run: Element) -> None:
    """Tell of white or tiny letters; what lies under them is not known."""
    colour, size = run.find(f"{W}rPr/{W}color"), run.find(f"{W}rPr/{W}sz")
    text = "".join(run.itertext())
    if colour is not None and colour.get(f"{W}val", "").upper() == "FFFFFF":
        hidden.kept("in white letters", text)
    # In half points.
    if size is not None and to_int(size.get(f"{W}val"), 24) < 4:
        hidden.kept("too small to read", text)


def _boxed(node: Element, story: Story, *, is_inline: bool) -> str:
    """Keep a text box for after its paragraph; in plain text put it inline."""
    if is_inline:
        return f" {inline_text(node, story)} "
    story.boxes.append(node)
    return ""


def _reference(node: Element, story: Story) -> str:
    """Mark a note at its place and keep its text for the end of the page."""
    mark, text = _note(node, story)
    if text:
        story.pending.append(piece("note", f"{mark} {text}"))
    is_marked = local(node) == "commentReference" or _has_own_mark(node)
    return mark if text and not is_marked else ""


def _note(reference: Element, story: Story) -> tuple[str, str]:
    """Return the mark that readers see of a note, and its text, once.

    Ids of a file say nothing: they start anywhere, and for each kind again.
    """
    kind = local(reference).removesuffix("Reference")
    key = kind, reference.get(f"{W}id", "")
    if key not in story.notes:
        return "", ""
    if _has_own_mark(reference):
        own = "".join(reference.getparent().itertext(f"{W}t"))
        mark = own.strip()[:MAX_CHARS]
        return f"[{mark or '*'}]", story.notes.pop(key)
    story.counts[kind] += 1
    number = numeral(_NOTE_NUMBERS.get(kind, "decimal"), story.counts[kind])
    mark = f"[comment {number}]" if kind == "comment" else f"[{number}]"
    return mark, story.notes.pop(key)


def _has_own_mark(reference: Element) -> bool:
    """Whether a sign of the author's, such as a star, follows in place of a number."""
    return reference.get(f"{W}customMarkFollows") in {"1", "true", "on"}


def _image_text(node: Element) -> str:
    described = one_line(node.get("descr", ""))
    return f" [Image: {described}] " if described else ""


def _is_checked(box: Element) -> bool:
    """The state of an old-style form box: its own value, else its default."""
    for name in ("checked", "default"):
        node = box.find(f"{W}{name}")
        if node is not None:
            return is_on(node)
    return False


# What stands for itself, by tag.
_SIGNS: dict[str, Callable[[Element], str]] = {
    "t": lambda node: node.text or "",
    "sym": symbol,
    "tab": lambda node: "\t",
    "ptab": lambda node: "\t",
    "cr": lambda node: "\n",
    "noBreakHyphen": lambda node: "-",
    "br": lambda node: "\f" if node.get(f"{W}type") == "page" else "\n",
    "lastRenderedPageBreak": lambda node: "\f",
    "docPr": _image_text,
    "checkBox": lambda node: "[x] " if _is_checked(node) else "[ ] ",
}


def inline_text(node: Element, story: Story) -> str:
    """All text below, paragraphs on lines of their own, tables as lines."""
    texts = []
    for child in node:
        if local(child) == "tbl":
            texts.append(on_one_line(rows_of(child, story)))
        elif local(child) == "p":
            texts.append(_inline_paragraph(child, story))
        elif local(child) not in _DROPPED:
            texts.append(inline_text(child, story))
    return "\n".join(text for text in texts if text.strip())


def _inline_paragraph(node: Element, story: Story) -> str:
    """Text of a paragraph with its number; bullets say nothing on one line."""
    text = _with_powers(_text(node, story, is_inline=True)).replace("\f", "\n")
    role = role_of(node, story)
    marker = marker_of(node, role, story, is_empty=not text.strip())
    return text if marker in {"", BULLET} else f"{marker} {text}"


def rows_of(table: Element, story: Story) -> list[list[str]]:
    """Cells as text; one that reaches over rows is said in each of them."""
    rows: list[list[str]] = []
    for row in table.iter(f"{W}tr"):
        if _table_of(row) is not table:
            continue
        # A row may begin some columns further in.
        cells = [""] * _claimed(row.find(f"{W}trPr/{W}gridBefore"), 0)
        for cell in row.iter(f"{W}tc"):
            if _row_of(cell) is row:
                above = rows[-1][len(cells) : len(cells) + 1] if rows else []
                cells += _cell(cell, above, story)
        rows.append(cells)
    return rows


def _cell(cell: Element, above: list[str], story: Story) -> list[str]:
    props = cell.find(f"{W}tcPr")
    span = None if props is None else props.find(f"{W}gridSpan")
    down = None if props is None else props.find(f"{W}vMerge")
    width = max(_claimed(span, 1), 1)
    goes_on = down is not None and down.get(f"{W}val") != "restart"
    # Nothing in a merged cell is shown or counted but what its first one holds.
    if goes_on and above and not "".join(cell.itertext(f"{W}t")).strip():
        return above + [""] * (width - 1)
    text = one_line(inline_text(cell, story))
    return [text] + [""] * (width - 1)


def _claimed(columns: Element | None, default: int) -> int:
    """A number of columns that a file claims, within what tables have (63)."""
    if columns is None:
        return default
    return min(to_int(columns.get(f"{W}val"), default), 64)


def _table_of(row: Element) -> Element | None:
    return next(row.iterancestors(f"{W}tbl"), None)


def _row_of(cell: Element) -> Element | None:
    return next(cell.iterancestors(f"{W}tr"), None)


def notes_in(table: Element, story: Story) -> Iterator[Piece]:
    """Notes and comments that a table refers to follow it."""
    for node in table.iter(*(f"{W}{kind}Reference" for kind in NOTES)):
        if not any(local(above) in _DROPPED for above in node.iterancestors()):
            mark, text = _note(node, story)
            if text:
                yield piece("note", f"{mark} {text}")
