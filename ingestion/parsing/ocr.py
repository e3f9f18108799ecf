"""From the picture of a page to pieces with places, by text recognition."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from ingestion.parsing.ocr_engines import Engine, Picture, choose, engine, installed
from ingestion.parsing.pdf_layout import Fonts, lay_out
from ingestion.parsing.pdf_lines import Line, PageLines, Word
from ingestion.parsing.pieces import Piece
from ingestion.parsing.source import Source

POINTS_PER_INCH = 72
# What a reader is told who can do something about it.
NO_OCR = (
    "To have pictures read, install text recognition (OCR) with `make ocr`, or "
    "Tesseract from your system's packages, and try again."
)
# Percent that the engine gives a word, and on average the words of a line. Below
# lies what it makes of stains, drawings and photographs.
_MIN_WORD, _MIN_LINE = 25.0, 45.0
# Only this much more or less than the body's is another size of type.
_LARGER, _SMALLER = 1.25, 0.75
# What letters take of the size of their type, above and below the baseline, in
# common typefaces: small ones, tall ones and capitals, and tails.
_X_HEIGHT, _TALL, _TAIL = 0.52, 0.72, 0.21
_SMALL_LETTERS = frozenset("acegmnopqrsuvwxyz.,;:-~_")
_TAILS = frozenset("gjpqy,;()[]{}|/@Q")
_BULLET = re.compile(r"[\W_]|\d{1,2}[.)]\s|\w[.)]\s")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff00-\uffef]")
_SIGN = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Reader:
    """Text recognition made ready for one file.

    Attributes:
        notice: what to say of the language; "" if it is the wanted one.
    """

    engine: Engine
    notice: str


def reader_for(source: Source) -> Reader | None:
    """Return a reader in the file's language; None where there is none at all."""
    found = installed()
    if found is None:
        return None
    code, is_wanted = choose(source.language, found.data)
    loaded = engine(code)
    if loaded is None:
        return None
    notice = (
        ""
        if is_wanted
        else f"There is no data to recognise text in {source.language.capitalize()}; "
        f"it was read as {code}, and words may be wrong."
    )
    return Reader(loaded, notice)


def recognised(picture: Picture, reader: Reader, source: Source) -> list[Piece] | None:
    """Read a picture; boxes are in points. None when its time ran out."""
    source.more_time()
    table = reader.engine.words(picture, source.limits.ocr_page_s)
    if table is None:
        return None
    lines = list(_lines(table, POINTS_PER_INCH / picture.dpi))
    if not lines:
        return []
    body = _body(lines)
    lines = [_sized(line, body) for line in lines]
    sizes = sorted({line.size for line in lines if line.size > body}, reverse=True)
    width = picture.width * POINTS_PER_INCH / picture.dpi
    height = picture.height * POINTS_PER_INCH / picture.dpi
    page = PageLines(lines, 0, width, height, letters=len(lines))
    return lay_out(page, Fonts(body, tuple(sizes)))


def _lines(table: str, scale: float) -> Iterator[Line]:
    """Yield the lines of a table of words, coordinates times ``scale``.

    A row is: level, page, block, paragraph, line, word, left, top, width,
    height, confidence, text; level 5 is a word (Tesseract, "TSV output").
    """
    words: list[Word] = []
    sure: list[float] = []
    current: list[str] = []
    for row in table.split("\n"):
        cells = row.split("\t")
        if len(cells) < 12 or cells[0] != "5":
            continue
        if cells[1:5] != current:
            yield from _line(words, sure)
            words, sure, current = [], [], cells[1:5]
        if (word := _word(cells, scale)) is not None:
            _add(words, word)
            sure.append(float(cells[10]))
    yield from _line(words, sure)


def _word(cells: Sequence[str], scale: float) -> Word | None:
    text = cells[11].strip()
    if not text or float(cells[10]) < _MIN_WORD:
        return None
    left, top, width, height = (int(cell) * scale for cell in cells[6:10])
    return Word(text, left, top, left + width, top + height)


def _add(words: list[Word], word: Word) -> None:
    """Add a word; characters of scripts without spaces join the word before."""
    before = words[-1] if words else None
    if before and _CJK.match(before.text[-1]) and _CJK.match(word.text[0]):
        words[-1] = Word(
            before.text + word.text,
            min(before.left, word.left),
            min(before.top, word.top),
            max(before.right, word.right),
            max(before.bottom, word.bottom),
        )
    else:
        words.append(word)


def _line(words: Sequence[Word], sure: Sequence[float]) -> Iterator[Line]:
    if not words or fmean(sure) < _MIN_LINE:
        return
    if not any(_SIGN.search(word.text) for word in words):
        return
    size = median(_type_size(word) for word in words)
    base = max(word.bottom for word in words)
    yield Line(tuple(words), size, base, is_bold=False)


def _type_size(word: Word) -> float:
    """Guess the size of the type from the height of a word and its letters."""
    letters = set(word.text)
    above = _X_HEIGHT if letters <= _SMALL_LETTERS else _TALL
    below = 0.0 if letters.isdisjoint(_TAILS) else _TAIL
    return (word.bottom - word.top) / (above + below)


def _body(lines: Iterable[Line]) -> float:
    """The size of most of the text's type, in points."""
    chars: Counter[float] = Counter()
    for line in lines:
        chars[float(round(line.size))] += len(line.text)
    ordered = sorted(chars.items())
    half = sum(chars.values()) / 2
    for size, count in ordered:
        half -= count
        if half <= 0:
            return max(size, 1.0)
    return max(ordered[-1][0], 1.0)


def _sized(line: Line, body: float) -> Line:
    ratio = line.size / body
    is_body = _SMALLER < ratio < _LARGER or bool(_BULLET.match(line.text))
    size = body if is_body else round(ratio * 4) / 4 * body
    return Line(line.words, size, line.base, is_bold=False)
