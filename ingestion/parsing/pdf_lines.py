"""The words and lines of a PDF page with their places.

PDFium gives a page's text in drawing order and the box of each character.
Asking for every character would cost 10 ms a page, so only the first and last
character of each word are asked for.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ingestion.parsing.pdf_rules import NO_RULES, Rules, read_rules

# pypdfium2 carries no types.
Raw = Any
Position = Callable[[int], int]

# PDFium's marks for a hyphen that only parts a word at a line's end. It stands
# in place of the line break.
_HYPHENS = "\x02\ufffe"
_LINE = re.compile(rf"[^\r\n{_HYPHENS}]+")
_WORD = re.compile(r"\S+")
# What a font without a table of its characters gives.
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1f\ufffd\ue000-\uf8ff]+")
# Of its height, what a line of text may stand in the one above it.
_OVERLAP = 0.3
_BOLD_WEIGHT = 600
_BOLD_NAME = re.compile(r"bold|black|heavy|demi|cmbx|[a-z]bx\d", re.IGNORECASE)
_NAME_BYTES = 128


@dataclass(frozen=True, slots=True)
class Word:
    """A word; coordinates in points, y downwards, text upright."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Line:
    """Words on one baseline, or a part of them between two wide gaps.

    Attributes:
        size: font size of the first character, in points.
        base: height of the baseline, downwards.
        is_cut: whether the last word goes on in the next line.
        is_turned: whether it runs in another direction than most of the page.
    """

    words: tuple[Word, ...]
    size: float
    base: float
    is_bold: bool
    is_cut: bool = False
    is_turned: bool = False

    @cached_property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    def part(self, start: int, end: int, *, is_cut: bool) -> Line:
        """Return the words ``start`` to ``end``; these may stand lower than the first."""
        words = self.words[start:end]
        base = self.base + words[0].bottom - self.words[0].bottom
        return replace(self, words=words, base=base, is_cut=is_cut)

    @property
    def middle(self) -> float:
        """The middle of its small letters, downwards; other words may be turned."""
        return self.base - 0.3 * self.size

    @cached_property
    def left(self) -> float:
        return self.words[0].left

    @cached_property
    def right(self) -> float:
        return max(word.right for word in self.words)

    @cached_property
    def top(self) -> float:
        return min(word.top for word in self.words)

    @cached_property
    def bottom(self) -> float:
        return max(word.bottom for word in self.words)


@dataclass(frozen=True, slots=True)
class PageLines:
    """Lines in drawing order; ``turn`` is the direction of most of them, 0 to 3.

    The turn counts quarters anticlockwise on the unrotated page; ``letters``
    counts the characters of the text layer but spaces.
    """

    lines: list[Line]
    turn: int
    width: float
    height: float
    letters: int
    rules: Rules = NO_RULES


def count_letters(page: Raw) -> int:
    """Count what the text layer of a pypdfium2 page holds but spaces."""
    textpage = page.get_textpage()
    try:
        return _letters(textpage.get_text_range(errors="replace"))
    finally:
        textpage.close()


def _letters(text: str) -> int:
    return sum(map(len, _UNREADABLE.sub(" ", text).split()))


def read_lines(page: Raw) -> PageLines:
    """Read the lines of a pypdfium2 page."""
    left, _bottom, _right, top = page.get_cropbox(fallback_ok=True)
    width, height = page.get_size()
    textpage = page.get_textpage()
    try:
        reader = _Reader(textpage.raw, (left, top))
        text = textpage.get_text_range(errors="replace")
        found = list(reader.lines(text))
    finally:
        textpage.close()
    turn = Counter(turn for turn, _ in found).most_common(1)[0][0] if found else 0
    lines = [
        part
        for own, line in found
        for part in _unjoined(_upright(line, turn, is_turned=own != turn))
    ]
    rules = read_rules(page, (left, top), turn)
    return PageLines(lines, turn, width, height, _letters(text), rules)


class _Reader:
    """Calls PDFium for one page; keeps the buffers of its calls."""

    def __init__(self, raw: Raw, origin: tuple[float, float]) -> None:
        import pypdfium2.raw as pdfium

        self._raw = raw
        self._left, self._top = origin
        self._pdfium = pdfium
        self._rect = pdfium.FS_RECTF()
        self._rect_ref = ctypes.byref(self._rect)
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._origin = (ctypes.byref(self._x), ctypes.byref(self._y))
        self._matrix = pdfium.FS_MATRIX()
        self._matrix_ref = ctypes.byref(self._matrix)
        self._name = ctypes.create_string_buffer(_NAME_BYTES)

    def lines(self, text: str) -> Iterator[tuple[int, Line]]:
        """Yield each line with its direction in quarter turns."""
        offset = _utf16_offsets(text)
        for match in _LINE.finditer(text):
            index = self._indices(offset, match.start(), match.end() - 1)
            words = []
            first = -1
            for word in _WORD.finditer(text, match.start(), match.end()):
                start, end = index(word.start()), index(word.end() - 1)
                if start >= 0:
                    first = start if first < 0 else first
                    words.append(self._word(word.group(), start, max(start, end)))
            if words:
                is_cut = text[match.end() : match.end() + 1] in set(_HYPHENS)
                yield self._line(words, first, is_cut=is_cut)

    def _line(self, words: list[Word], first: int, *, is_cut: bool) -> tuple[int, Line]:
        size = self._pdfium.FPDFText_GetFontSize(self._raw, first)
        weight = self._pdfium.FPDFText_GetFontWeight(self._raw, first)
        angle = self._pdfium.FPDFText_GetCharAngle(self._raw, first)
        # The size is nominal: the text may be scaled.
        if self._pdfium.FPDFText_GetMatrix(self._raw, first, self._matrix_ref):
            size *= math.hypot(self._matrix.c, self._matrix.d)
        if size <= 2:
            size = max(words[0].bottom - words[0].top, 1.0)
        # PDFium measures it clockwise.
        turn = -round(angle / (math.pi / 2)) % 4 if math.isfinite(angle) else 0
        bold = weight >= _BOLD_WEIGHT or bool(_BOLD_NAME.search(self._font(first)))
        return turn, Line(tuple(words), size, self._base(first, turn), bold, is_cut)

    def _font(self, index: int) -> str:
        self._pdfium.FPDFText_GetFontInfo(
            self._raw, index, self._name, _NAME_BYTES, None
        )
        return self._name.value.decode("latin-1")

    def _base(self, index: int, turn: int) -> float:
        """Where the baseline runs, in the upright frame of its own direction."""
        self._pdfium.FPDFText_GetCharOrigin(self._raw, index, *self._origin)
        x, y = self._x.value - self._left, self._top - self._y.value
        return (y, x, -y, -x)[turn]

    def _indices(self, offset: Position, start: int, end: int) -> Position:
        """Map positions within a line of text to PDFium's characters.

        Two calls suffice where none of the line's characters is invented.
        """
        first = self._index(offset(start))
        shift = first - start
        if first >= 0 and self._index(offset(end)) == end + shift:
            return lambda position: position + shift
        return lambda position: self._index(offset(position))

    def _index(self, text_index: int) -> int:
        found: int = self._pdfium.FPDFText_GetCharIndexFromTextIndex(
            self._raw, text_index
        )
        return found

    def _word(self, text: str, start: int, end: int) -> Word:
        left, top, right, bottom = self._box(start)
        if end != start:
            other = self._box(end)
            left, top = min(left, other[0]), min(top, other[1])
            right, bottom = max(right, other[2]), max(bottom, other[3])
        return Word(text, left, top, right, bottom)

    def _box(self, index: int) -> tuple[float, float, float, float]:
        rect = self._rect
        self._pdfium.FPDFText_GetLooseCharBox(self._raw, index, self._rect_ref)
        return (
            rect.left - self._left,
            self._top - rect.top,
            rect.right - self._left,
            self._top - rect.bottom,
        )


def _utf16_offsets(text: str) -> Position:
    """PDFium counts UTF-16 units; map a position in ``text`` to them."""
    if text.isascii() or max(text) < "\U00010000":
        return lambda position: position
    offsets = []
    at = 0
    for char in text:
        offsets.append(at)
        at += 2 if char >= "\U00010000" else 1
    return offsets.__getitem__


def _upright(line: Line, turn: int, *, is_turned: bool) -> Line:
    """Turn the coordinates so that text of the page's main direction is level."""
    if turn == 0 and not is_turned:
        return line
    words = tuple(_turned(word, turn) for word in line.words) if turn else line.words
    return replace(line, words=words, is_turned=is_turned)


def _unjoined(line: Line) -> Iterator[Line]:
    """Cut where PDFium goes on with a line below: rows beside a cell of several rows."""
    start = 0
    for at in range(1, len(line.words) + 1):
        ends = at == len(line.words)
        if ends or _is_below(line.words[at - 1], line.words[at]):
            yield line.part(start, at, is_cut=line.is_cut and ends)
            start = at


def _is_below(a: Word, b: Word) -> bool:
    return b.left < a.left and b.top > a.bottom - _OVERLAP * (a.bottom - a.top)


def _turned(word: Word, turn: int) -> Word:
    left, top, right, bottom = word.left, word.top, word.right, word.bottom
    if turn == 1:
        return Word(word.text, -bottom, left, -top, right)
    if turn == 2:
        return Word(word.text, -right, -bottom, -left, -top)
    return Word(word.text, top, -right, bottom, -left)
