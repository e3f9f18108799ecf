"""Plain text and Markdown."""

from __future__ import annotations

import re

from ingestion.parsing.cleaning import cleaned
from ingestion.parsing.decoding import decoded
from ingestion.parsing.html import read_markup
from ingestion.parsing.pieces import Piece, in_parts, piece, title_of
from ingestion.parsing.source import Source
from ingestion.types import Parsed

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*\n", re.DOTALL)
_TASK = re.compile(r"(<li>\s*(?:<p>)?)\[([ xX])\]")
_BULLET = re.compile(r"\s*([-*•‣◦]|\d{1,3}[.)])\s+\S")
_UNDERLINE = re.compile(r"[=\-~]{3,}\s*")
# The Markdown parser takes 5 s a megabyte; beyond this a file is read as text.
_MAX_MARKDOWN_CHARS = 4_000_000
# A text whose lines all end before this column was wrapped by hand.
_WRAP_COLUMN = 100


def parse_text(source: Source) -> Parsed:
    """Read plain text: paragraphs at blank lines, hard-wrapped lines joined."""
    pieces = text_pieces(decoded(source.path.read_bytes()))
    return Parsed(pages=tuple(in_parts(pieces)), title="")


def text_pieces(text: str) -> list[Piece]:
    """Cut plain text into its paragraphs, lists and listings."""
    parts = re.split(r"\n[ \t]*\n", cleaned(text))
    return [_paragraph(part) for part in parts if part.strip()]


def parse_markdown(source: Source) -> Parsed:
    """Read Markdown through HTML, so that both give the same blocks."""
    text = cleaned(decoded(source.path.read_bytes()))
    notes = []
    if match := _FRONT_MATTER.match(text):
        notes = [piece("note", match[1])]
        text = text[match.end() :]
    if len(text) > _MAX_MARKDOWN_CHARS:
        pieces = notes + text_pieces(text)
    else:
        pieces = notes + read_markup(_rendered(text))[1]
    return Parsed(pages=tuple(in_parts(pieces)), title=title_of(pieces))


def _rendered(text: str) -> str:
    from markdown_it import MarkdownIt

    engine = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    html: str = engine.render(text)
    return _TASK.sub(_checkbox, html)


def _checkbox(match: re.Match[str]) -> str:
    checked = "" if match[2] == " " else " checked"
    return f'{match[1]}<input type="checkbox"{checked}>'


def _paragraph(part: str) -> Piece:
    lines = part.strip("\n").split("\n")
    if len(lines) == 2 and _UNDERLINE.fullmatch(lines[1]):
        return piece("heading", lines[0], level=1)
    if sum(bool(_BULLET.match(line)) for line in lines) * 2 > len(lines):
        return piece("list", part)
    if _is_layout(lines):
        return piece("code", part)
    if _is_wrapped(lines):
        return piece("paragraph", " ".join(line.strip() for line in lines))
    return piece("paragraph", part)


def _is_layout(lines: list[str]) -> bool:
    """Whether inner runs of spaces place columns, as in listings and tables."""
    wide = sum(bool(re.search(r"\S {3,}\S|\t\S", line)) for line in lines)
    return len(lines) > 1 and wide * 2 > len(lines)


def _is_wrapped(lines: list[str]) -> bool:
    """Whether line breaks only keep to a column: all but the last are alike long."""
    if len(lines) < 2 or max(map(len, lines)) > _WRAP_COLUMN:
        return False
    longest = max(map(len, lines))
    return longest > 40 and all(len(line) > 0.7 * longest for line in lines[:-1])
