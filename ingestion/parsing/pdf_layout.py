"""From lines with places to pieces in reading order.

Drawing order is trusted, because programs write what people read in order,
but for two cases that geometry shows: columns drawn line by line across the
page, and tables, whose rows become lines with " | " between the cells.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from ingestion.parsing.cleaning import flowing
from ingestion.parsing.pdf_lines import Line, PageLines
from ingestion.parsing.pdf_rows import column_order, joined, overlaps, regions, rows
from ingestion.parsing.pdf_tables import (
    Grid,
    box_of,
    extents_of,
    in_columns,
    with_tables,
)
from ingestion.parsing.pieces import Cells, Piece, piece
from ingestion.parsing.tables import table_text

_HEADING_RATIO = 1.12
# Sorting compares all pairs; a page with more pieces keeps its drawing order.
_MAX_SORTED = 1_000
_NOTE_RATIO = 0.87
_MAX_HEADING_CHARS = 200
_BULLET = re.compile(
    r"(?:[•●○▪■□◦‣∙·➢➤✓✔❖\uf0b7\uf0a7–—*-]|\(?\d{1,2}[.)]|\(?[a-hA-H][.)]|\(?[ivx]{1,4}[.)])"
    r"\s+\S"
)
_CAPTION = re.compile(r"(?:figure|fig\.|table|chart|exhibit)\s*\d+", re.IGNORECASE)
_SENTENCE_END = (".", "!", "?", ":", ";", "。", "”", '."')
# A section number of two levels or more, as in "5.1 Results".
_SECTION = re.compile(r"\d{1,2}((?:\.\d{1,2}){1,3})\.?\s+[^\W\d_]")
# Stands where a line's end parted a word, until the whole text can tell
# whether the hyphen belongs to it.
PARTED = "\ue0ad"
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff00-\uffef]")


@dataclass(frozen=True, slots=True)
class Fonts:
    """Sizes that a document uses: its body's, and those of headings, largest first."""

    body: float
    headings: tuple[float, ...] = ()

    def level(self, size: float) -> int:
        """The heading level of a size, 1 for the largest; 0 for the body."""
        if size < self.body * _HEADING_RATIO:
            return 0
        larger = sum(known > size * 1.03 for known in self.headings)
        return min(larger + 1, 6)


def fonts_of(pages: Iterable[PageLines]) -> Fonts:
    """Learn the sizes from a sample of pages: most characters are body text."""
    chars: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            chars[_rounded(line.size)] += len(line.text)
    if not chars:
        return Fonts(body=10.0)
    body = chars.most_common(1)[0][0]
    larger = sorted((s for s in chars if s >= body * _HEADING_RATIO), reverse=True)
    return Fonts(body=body, headings=tuple(larger))


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def lay_out(page: PageLines, fonts: Fonts) -> list[Piece]:
    """Return the pieces of a page in reading order."""
    pieces: list[Piece] = []
    leading = _leading(page.lines)
    for part in with_tables(page.lines, page.rules):
        if isinstance(part, Grid):
            pieces.append(_table(part))
            continue
        for kind, region in regions(list(rows(part))):
            if kind == "table":
                pieces.append(_table(in_columns(region)))
                continue
            lines = column_order(region) if kind == "columns" else joined(region)
            for group in _groups(lines, leading):
                pieces += _pieces(group, fonts, page)
    return in_reading_order([one for one in pieces if one.text])


def _table(grid: Grid) -> Piece:
    rows = [[paragraph_text(cell) if cell else "" for cell in row] for row in grid.rows]
    is_bold = all(line.is_bold for cell in grid.rows[0] for line in cell)
    return replace(
        piece("table", table_text(rows, header=None)),
        box=grid.box,
        cells=Cells(
            rows=rows,
            columns=grid.columns,
            extents=extents_of(grid),
            is_bold=is_bold,
        ),
    )


def in_reading_order(pieces: Sequence[Piece]) -> list[Piece]:
    """Move up what was drawn late but stands above, such as a title drawn last.

    A piece goes before the first one that it stands above in the same column;
    all others keep their drawing order.
    """
    ordered: list[Piece] = []
    for one in pieces:
        at = len(ordered)
        if len(pieces) <= _MAX_SORTED:
            at = next((i for i, o in enumerate(ordered) if _is_above(one, o)), at)
        ordered.insert(at, one)
    return ordered


def _is_above(a: Piece, b: Piece) -> bool:
    if a.box is None or b.box is None:
        return False
    shared = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    narrower = min(a.box[2] - a.box[0], b.box[2] - b.box[0])
    return shared > 0.3 * narrower and a.box[3] < b.box[1] + 2 and a.box[1] < b.box[1]


# --- Paragraphs ------------------------------------------------------------


def _leading(lines: Sequence[Line]) -> float:
    """The usual distance of two lines in font sizes; 1.2 where nothing tells."""
    steps = [
        (b.base - a.base) / max(a.size, 1.0)
        for a, b in itertools.pairwise(lines)
        if 0.7 * a.size < b.base - a.base < 3 * a.size
    ]
    return max(median(steps), 0.9) if steps else 1.2


def _groups(lines: Sequence[Line], leading: float) -> Iterator[list[Line]]:
    """Lines that may form one paragraph: same size, close below one another."""
    group: list[Line] = []
    for line in lines:
        if group and not _continues(group[-1], line, leading):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _continues(a: Line, b: Line, leading: float) -> bool:
    if a.is_turned or b.is_turned:
        return a.is_cut
    same = abs(a.size - b.size) <= 0.1 * max(a.size, b.size)
    step = (b.base - a.base) / max(a.size, 1.0)
    near = 0.2 < step < max(leading * 1.3, 1.0) and overlaps(a, b)
    # At a column's or page part's top the text goes on if it was cut.
    return (same and near) or a.is_cut


def _pieces(group: list[Line], fonts: Fonts, page: PageLines) -> Iterator[Piece]:
    if group[0].is_turned:
        yield piece("note", paragraph_text(group))
        return
    level = _heading_level(group, fonts)
    if level:
        text = " ".join(line.text for line in group)
        yield replace(piece("heading", text, level=level), box=box_of(group))
        return
    is_note = _is_note(group, fonts, page)
    for part in _paragraphs(group):
        text = paragraph_text(part)
        box = box_of(part)
        if _BULLET.match(text):
            yield replace(piece("list", flowing(text)), box=box)
        elif _CAPTION.match(text) and len(text) < 600:
            yield replace(piece("caption", text), box=box)
        else:
            yield replace(piece("note" if is_note else "paragraph", text), box=box)


def _heading_level(group: Sequence[Line], fonts: Fonts) -> int:
    text = " ".join(line.text for line in group)
    if len(group) > 4 or len(text) > _MAX_HEADING_CHARS or not _has_letters(text):
        return 0
    if level := fonts.level(min(line.size for line in group)):
        return level
    if len(group) > 2 or len(text) > 120 or text.endswith((".", ",", ";")):
        return 0
    if match := _SECTION.match(text):
        return min(len(fonts.headings) + match[1].count("."), 6)
    is_body = group[0].size >= fonts.body * 0.95
    if is_body and all(line.is_bold for line in group) and not _BULLET_SIGN(text):
        return min(len(fonts.headings) + 1, 6)
    return 0


def _has_letters(text: str) -> bool:
    """Figures set large, as in "2,32,822", head nothing."""
    letters = sum(char.isalpha() for char in text)
    return letters >= 2 and letters >= sum(char.isdigit() for char in text)


def _BULLET_SIGN(text: str) -> bool:  # noqa: N802
    return text[0] in "•●○▪■◦‣–—*-"


def _is_note(group: Sequence[Line], fonts: Fonts, page: PageLines) -> bool:
    """Small print in the lower part of the page: a footnote."""
    small = all(line.size < fonts.body * _NOTE_RATIO for line in group)
    return small and page.turn == 0 and group[0].top > 0.7 * page.height


def _paragraphs(group: Sequence[Line]) -> Iterator[list[Line]]:
    """Cut a group at bullets, at indents, and after short lines that end a sentence."""
    left = min(line.left for line in group)
    right = max(line.right for line in group)
    part: list[Line] = []
    for line in group:
        if part and _starts_new(part, line, left, right):
            yield part
            part = []
        part.append(line)
    yield part


def _starts_new(part: Sequence[Line], line: Line, left: float, right: float) -> bool:
    if _BULLET.match(line.text):
        return True
    above = part[-1]
    ended = above.text.endswith(_SENTENCE_END)
    short = above.right < right - 0.12 * (right - left)
    if ended and short:
        return True
    indent = line.left - left
    return (
        ended
        and len(part) > 1
        and line.size < indent < 5 * line.size
        and (above.left - left < 0.5 * line.size)
    )


def paragraph_text(lines: Sequence[Line]) -> str:
    """Join the lines of a paragraph; mend words parted at line ends."""
    right = max(line.right for line in lines)
    left = min(line.left for line in lines)
    text = lines[0].text
    for above, line in itertools.pairwise(lines):
        text = _with(text, line.text, above, is_short=_is_short(above, left, right))
    return text


def _is_short(line: Line, left: float, right: float) -> bool:
    """Whether a line was broken on purpose, as in addresses and verse."""
    return line.right < right - 0.3 * (right - left)


def _with(text: str, after: str, above: Line, *, is_short: bool) -> str:
    hyphen = text.endswith(("-", "‐")) and len(text) > 1 and text[-2].isalpha()
    if above.is_cut or hyphen:
        bare = text.rstrip("-‐") if hyphen else text
        return f"{bare}{PARTED if after[0].islower() else '-'}{after}"
    if _CJK.match(text[-1]) and _CJK.match(after[0]):
        return text + after
    return f"{text}\n{after}" if is_short else f"{text} {after}"
