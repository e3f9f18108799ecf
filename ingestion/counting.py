"""Measuring and cutting text by the embedder's own tokenizer."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from functools import lru_cache

from semantic_text_splitter import TextSplitter
from tokenizers import Tokenizer

from ingestion.types import ChunkingConfig

Span = tuple[int, int]
Path = tuple[str, ...]

_ARROW = " › "
# Longest stretch handed to the splitter at once: its time grows faster than the
# text, and one line of a megabyte takes seconds.
_STRETCH_CHARS = 50_000
# Where filling starts anew: least characters or rows since the last such place, and
# how many sentences or rows there are for one of them. The least is below the mean
# distance, or two texts would not meet at the same place again soon.
_RUN_CHARS, _EACH_SENTENCES = 2_000, 64
_RUN_ROWS, _EACH_ROWS = 24, 48
# A run of line ends is looked at once: from each of them it would take the square of it.
_AFTER_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+(?=\S)|(?<!\n)\n+(?=\S)")
# Characters after a place by which it is known.
_KNOWN_BY_CHARS = 32
# WordPiece counts a word of more than 100 letters as one unknown token, so that
# a limit in tokens alone would let a passage grow without bound. Running text
# has 4 to 5 characters a token.
_CHARS_PER_TOKEN = 10


def is_anchor(text: str, each: int) -> bool:
    """Whether filling passages may start anew before ``text``; one text in ``each``.

    It depends on the text alone, so that after a change the next such place is
    found where it was (Muthitacharoen, Chen and Mazières, "A Low-bandwidth Network
    File System", 2001).
    """
    return zlib.crc32(text.encode(errors="replace")) % each == 0


class Ruler:
    """A tokenizer and the limits of one configuration."""

    def __init__(self, tokenizer: Tokenizer, config: ChunkingConfig) -> None:
        self.config = config
        self._tokenizer = tokenizer
        self._specials = len(tokenizer.encode("").ids)
        self._max_chars = config.max_tokens * _CHARS_PER_TOKEN
        self.heading = lru_cache(maxsize=1024)(self._heading)
        self.room = lru_cache(maxsize=1024)(self._room)

    def count(self, text: str) -> int:
        """Return the tokens of ``text`` without special ones.

        A text with more characters than any passage may have is over every
        limit, and is not looked at.
        """
        if len(text) > self._max_chars:
            return self.config.max_tokens + 1
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def total(self, text: str) -> int:
        """Return the tokens of ``text`` as the embedder meets it, special ones too."""
        return len(self._tokenizer.encode(text).ids)

    def clipped(self, text: str, limit: int) -> str:
        """Return a beginning of ``text`` that has at most ``limit`` tokens."""
        if self.count(text) <= limit:
            return text
        start, end = next(self.pieces(text, limit), (0, 0)) if limit else (0, 0)
        return text[start:end]

    def pieces(self, text: str, room: int) -> Iterator[Span]:
        """Cut at paragraphs, then sentences, then words: at most ``room`` tokens each."""
        splitter = TextSplitter.from_callback(self.count, room)
        for start, end in _stretches(text):
            for at, piece in splitter.chunk_indices(text[start:end]):
                yield start + at, start + at + len(piece)

    def rows(self, text: str, room: int) -> Iterator[Span]:
        """Cut between lines, as many in a piece as fit; a longer line like prose."""
        start, end, taken, run = 0, 0, 0, 0
        for row in text.splitlines(keepends=True):
            tokens = self.count(row)
            run += 1
            starts_anew = run > _RUN_ROWS and is_anchor(row, _EACH_ROWS)
            if taken and (starts_anew or taken + tokens > room):
                yield start, end
                start, taken = end, 0
            run = 1 if starts_anew else run
            end += len(row)
            if tokens > room:
                yield from ((start + s, start + e) for s, e in self.pieces(row, room))
                start, tokens = end, 0
            taken += tokens
        if text[start:end].strip():
            yield start, end

    def within(
        self, heading: str, text: str, room: int | None = None
    ) -> Iterator[tuple[int, int, int]]:
        """Cut ``text`` so that each part fits exactly under ``heading``.

        Yields start, end and the tokens of heading and part together. Sums of
        tokens are near but not exact for every tokenizer: this is where the
        limit is held.
        """
        room = room or self.room(heading)
        if len(text) <= self._max_chars or room == 1:
            total = self.total(f"{heading}\n{text}" if heading else text)
            if total <= self.config.max_tokens or room == 1:
                yield 0, len(text), total
                return
        smaller = max(1, room * 7 // 8)
        for start, end in self.pieces(text, smaller):
            for s, e, total in self.within(heading, text[start:end], smaller):
                yield start + s, start + e, total

    def _room(self, heading: str) -> int:
        """Return the tokens left for text under ``heading``; at least 1."""
        return max(1, self.config.max_tokens - self._specials - self.count(heading))

    def _heading(self, path: Path, table_header: str = "") -> str:
        """Write "Manual › Setup › Linux", and below it the row that heads a table.

        The title and the innermost headings say most: beyond the limit what
        lies between is left out first, then the title, then the end.
        """
        limit = self.config.max_heading_tokens
        kept = [name for i, name in enumerate(path) if not _repeats(path, i)]
        while len(kept) > 1 and self.count(_ARROW.join(kept)) > limit:
            kept.pop(1 if len(kept) > 2 else 0)
        shown = self.clipped(_ARROW.join(kept), limit)
        header = self.clipped(table_header, self.config.max_tokens // 4)
        return "\n".join(line for line in (shown, header) if line)


def _repeats(path: Path, i: int) -> bool:
    """Whether a heading only says again what stands before it."""
    return i > 0 and path[i].casefold() == path[i - 1].casefold()


def _stretches(text: str) -> Iterator[Span]:
    """Cut where the words choose, or at white space where a stretch grows too long."""
    start = 0
    for place in _AFTER_SENTENCE.finditer(text):
        at = place.end()
        words = text[at : at + _KNOWN_BY_CHARS]
        if at - start <= _RUN_CHARS or not is_anchor(words, _EACH_SENTENCES):
            continue
        yield from _bounded(text, start, at)
        start = at
    yield from _bounded(text, start, len(text))


def _bounded(text: str, start: int, stop: int) -> Iterator[Span]:
    """Cut at white space into lengths that the splitter handles well."""
    while stop - start > _STRETCH_CHARS:
        end = start + _STRETCH_CHARS
        while end > start and not text[end].isspace():
            end -= 1
        end = end if end > start else start + _STRETCH_CHARS
        yield start, end
        start = end
    yield start, stop
