"""What only many pages together can tell: running heads, and parted words.

Both are learned from a sample of pages that depends on nothing but the number
of pages. So a page reads the same whichever page the reading starts at, and a
long file need not be held in memory as a whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ingestion.parsing.pdf_layout import PARTED
from ingestion.parsing.pieces import Piece

# A shorter file is learned from in full. The size of the sample decides what
# long files cost: their sampled pages are read again on every resumption.
_SAMPLE_PAGES = 240
# Sampled pages stand together in runs, for heads differ on left and right pages.
_RUN = 4
# Lines that repeat in the margin of this many pages are running heads.
_MIN_REPEATS = 5
_MARGIN = 0.13
_WORD = re.compile(r"\w+(?:-\w+)*")
_PARTED = re.compile(rf"(\w*){PARTED}(\w*)")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Page:
    """A page as laid out, before the whole file is taken into account.

    Attributes:
        is_bare: whether it has neither a text layer nor notes.
        is_scan: whether it is a picture with practically no text layer.
        notes: how many of the last pieces are comments and form values.
    """

    pieces: list[Piece]
    width: float
    height: float
    label: str = ""
    is_bare: bool = False
    is_scan: bool = False
    notes: int = 0


@dataclass(frozen=True, slots=True)
class Whole:
    """What a file's sample told.

    Attributes:
        heads: running heads, each with the index of the one page that keeps it.
        words: lower-case words that the file writes; empty if none was looked for.
    """

    heads: Mapping[str, int]
    words: frozenset[str]


def sample(count: int) -> list[int]:
    """Return indices of the pages to learn from, in order, the first among them."""
    if count <= _SAMPLE_PAGES:
        return list(range(count))
    runs = _SAMPLE_PAGES // _RUN
    starts = [i * (count - _RUN) // (runs - 1) for i in range(runs)]
    return sorted({start + k for start in starts for k in range(_RUN)})


def learned(pages: Mapping[int, Page], count: int) -> Whole:
    """Learn from sampled pages of a file of ``count`` pages."""
    texts = [one.text for page in pages.values() for one in page.pieces]
    is_all = len(pages) == count
    if is_all and not any(PARTED in text for text in texts):
        return Whole(_heads(pages), frozenset())
    return Whole(_heads(pages), frozenset(_words(texts)))


def settled(page: Page, index: int, whole: Whole) -> Page:
    """Return a page less the heads that other pages keep, with its words mended."""
    return _mended(_thinned(page, index, whole.heads), whole.words)


def _heads(pages: Mapping[int, Page]) -> dict[str, int]:
    """Heads and feet that repeat on many pages, with the first page of each."""
    counts: Counter[str] = Counter()
    first: dict[str, int] = {}
    for index in sorted(pages):
        for key in {margin_key(one) for one in in_margin(pages[index])}:
            counts[key] += 1
            first.setdefault(key, index)
    needed = max(_MIN_REPEATS, len(pages) // 10)
    return {key: first[key] for key, n in counts.items() if n >= needed}


def _thinned(page: Page, index: int, heads: Mapping[str, int]) -> Page:
    """Keep a running head once, as a header."""
    margin = {id(one) for one in in_margin(page)} if heads else set()
    seen: set[str] = set()
    kept = []
    for one in page.pieces:
        key = margin_key(one)
        if id(one) not in margin or key not in heads:
            kept.append(one)
        elif heads[key] == index and key not in seen:
            seen.add(key)
            kept.append(replace(one, kind="header", level=0))
    # A page with nothing but its head keeps it.
    return replace(page, pieces=kept or page.pieces)


def _mended(page: Page, words: frozenset[str]) -> Page:
    """Decide for each word parted at a line's end whether it keeps its hyphen.

    It does if the file writes it so elsewhere and never in one word.
    """
    texts = [one.text for one in page.pieces]
    if not any(PARTED in text for text in texts):
        return page
    known = words | _words(texts)

    def mend(match: re.Match[str]) -> str:
        head, tail = match[1], match[2]
        one = f"{head}{tail}".lower() in known
        two = f"{head}-{tail}".lower() in known
        return f"{head}-{tail}" if two and not one else f"{head}{tail}"

    def mended(text: str) -> str:
        return _PARTED.sub(mend, text)

    pieces = []
    for one in page.pieces:
        cells = one.cells
        if cells:
            cells = replace(cells, rows=[[*map(mended, row)] for row in cells.rows])
        pieces.append(replace(one, text=mended(one.text), cells=cells))
    return replace(page, pieces=pieces)


def _words(texts: list[str]) -> set[str]:
    return {word.lower() for text in texts for word in _WORD.findall(text)}


def in_margin(page: Page) -> list[Piece]:
    """Return short pieces that stand at the upper or lower edge of a page."""
    return [
        one
        for one in page.pieces
        if one.box is not None
        and len(one.text) < 200
        and (
            one.box[3] < _MARGIN * page.height
            or one.box[1] > (1 - _MARGIN) * page.height
        )
    ]


def margin_key(one: Piece) -> str:
    """Equal for heads that differ in their page number only."""
    return _DIGITS.sub("#", one.text)
