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
from ingestion.parsing.pieces import Piece, piece
from ingestion.parsing.tables import table_text

# A gap of this many font sizes between words parts two cells or two columns.
_GAP_SIZES = 1.5
_MIN_TABLE_ROWS = 3
_MIN_COLUMN_ROWS = 5
# Columns of running text hold this many characters a line on average.
_PROSE_CHARS = 24
_HEADING_RATIO = 1.12
_NOTE_RATIO = 0.87
_MAX_HEADING_CHARS = 200
_BULLET = re.compile(
    r"(?:[•●○▪■□◦‣∙·➢➤✓✔❖\uf0b7\uf0a7–—*-]|\(?\d{1,2}[.)]|\(?[a-hA-H][.)]|\(?[ivx]{1,4}[.)])"
    r"\s+\S"
)
_CAPTION = re.compile(r"(?:figure|fig\.|table|chart|exhibit)\s*\d+", re.IGNORECASE)
_SENTENCE_END = (".", "!", "?", ":", ";", "。", "”", '."')
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
    rows = list(_rows(page.lines))
    pieces: list[Piece] = []
    leading = _leading(page.lines)
    for kind, part in _regions(rows):
        if kind == "table":
            cells = [[cell.text for cell in row] for row in part]
            table = piece("table", table_text(cells, header=None))
            pieces.append(replace(table, box=_box([c for row in part for c in row])))
            continue
        lines = _column_order(part) if kind == "columns" else _joined(part)
        for group in _groups(lines, leading):
            pieces += _pieces(group, fonts, page)
    return [one for one in pieces if one.text]


# --- Rows and regions ------------------------------------------------------


def _rows(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Cut lines at wide gaps; put lines that stand side by side into one row."""
    row: list[Line] = []
    for line in lines:
        cells = _cells(line)
        if row and _is_beside(row[-1], cells[0]):
            row += cells
            continue
        if row:
            yield row
        row = cells
    if row:
        yield row


def _cells(line: Line) -> list[Line]:
    if line.is_turned:
        return [line]
    cells = []
    start = 0
    for i in range(1, len(line.words)):
        if line.words[i].left - line.words[i - 1].right > _GAP_SIZES * line.size:
            cells.append(replace(line, words=line.words[start:i], is_cut=False))
            start = i
    cells.append(replace(line, words=line.words[start:]) if start else line)
    return cells


def _is_beside(left: Line, right: Line) -> bool:
    """Whether a line starts to the right of another, on the same baseline."""
    if left.is_turned or right.is_turned:
        return False
    baseline = abs(left.bottom - right.bottom) < 0.3 * min(left.size, right.size)
    return baseline and right.left - left.right > _GAP_SIZES * left.size


def _regions(rows: Sequence[list[Line]]) -> Iterator[tuple[str, list[list[Line]]]]:
    """Part the rows into runs of "text", "table" and "columns"."""
    text: list[list[Line]] = []
    i = 0
    while i < len(rows):
        kind, end = _run(rows, i)
        if kind == "text":
            text += rows[i:end]
        else:
            if text:
                yield "text", text
                text = []
            yield kind, list(rows[i:end])
        i = end
    if text:
        yield "text", text


def _run(rows: Sequence[list[Line]], start: int) -> tuple[str, int]:
    """Name the run that starts here and say where it ends."""
    end = start
    while end < len(rows) and len(rows[end]) > 1 and _aligned(rows, start, end):
        end += 1
    run = rows[start:end]
    if len(run) >= _MIN_COLUMN_ROWS and _is_prose(run):
        return "columns", end
    if len(run) >= _MIN_TABLE_ROWS or (len(run) == 2 and min(map(len, run)) > 2):
        return "table", end
    return "text", max(end, start + 1)


def _aligned(rows: Sequence[list[Line]], start: int, i: int) -> bool:
    """Whether a row goes on below the last: close, and at least two cells overlap."""
    if i == start:
        return True
    above, row = rows[i - 1], rows[i]
    if not 0 < row[0].top - above[0].top < 4 * max(row[0].size, above[0].size):
        return False
    pairs = sum(any(_overlaps(cell, other) for other in above) for cell in row)
    return pairs >= 2


def _overlaps(a: Line, b: Line) -> bool:
    return min(a.right, b.right) > max(a.left, b.left)


def _is_prose(run: Sequence[list[Line]]) -> bool:
    """Whether the cells are lines of text columns and not of a table."""
    width = Counter(map(len, run)).most_common(1)[0][0]
    if width > 3:
        return False
    cells = [cell for row in run for cell in row]
    return sum(len(cell.text) for cell in cells) / len(cells) >= _PROSE_CHARS


def _column_order(run: Sequence[list[Line]]) -> list[Line]:
    """Read column after column instead of row after row."""
    width = Counter(map(len, run)).most_common(1)[0][0]
    starts = [
        median(row[i].left for row in run if len(row) == width) for i in range(width)
    ]
    columns: list[list[Line]] = [[] for _ in starts]
    for row in run:
        for cell in row:
            nearest = min(range(width), key=lambda i: abs(starts[i] - cell.left))
            columns[nearest].append(cell)
    return [cell for column in columns for cell in column]


def _joined(run: Sequence[list[Line]]) -> list[Line]:
    """Rows back to lines, where the gaps turned out to mean nothing."""
    return [
        replace(row[-1], words=tuple(word for cell in row for word in cell.words))
        if len(row) > 1
        else row[0]
        for row in run
    ]


# --- Paragraphs ------------------------------------------------------------


def _leading(lines: Sequence[Line]) -> float:
    """The usual distance of two lines in font sizes; 1.2 where nothing tells."""
    steps = [
        (b.top - a.top) / max(a.size, 1.0)
        for a, b in itertools.pairwise(lines)
        if 0.7 * a.size < b.top - a.top < 3 * a.size
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
    step = (b.top - a.top) / max(a.size, 1.0)
    near = 0.2 < step < max(leading * 1.3, 1.0) and _overlaps(a, b)
    # At a column's or page part's top the text goes on if it was cut.
    return (same and near) or a.is_cut


def _pieces(group: list[Line], fonts: Fonts, page: PageLines) -> Iterator[Piece]:
    level = _heading_level(group, fonts)
    if level:
        text = " ".join(line.text for line in group)
        yield replace(piece("heading", text, level=level), box=_box(group))
        return
    is_note = _is_note(group, fonts, page)
    for part in _paragraphs(group):
        text = paragraph_text(part)
        box = _box(part)
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
    is_body = group[0].size >= fonts.body * 0.95
    if is_body and all(line.is_bold for line in group) and not _BULLET_SIGN(text):
        return min(len(fonts.headings) + 1, 6)
    return 0


def _has_letters(text: str) -> bool:
    return sum(char.isalpha() for char in text) >= 2


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
        return bare + after if after[0].islower() else f"{bare}-{after}"
    if _CJK.match(text[-1]) and _CJK.match(after[0]):
        return text + after
    return f"{text}\n{after}" if is_short else f"{text} {after}"


def _box(lines: Sequence[Line]) -> tuple[float, float, float, float]:
    return (
        round(min(line.left for line in lines), 1),
        round(min(line.top for line in lines), 1),
        round(max(line.right for line in lines), 1),
        round(max(line.bottom for line in lines), 1),
    )
