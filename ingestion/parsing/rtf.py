"""Rich text."""

from __future__ import annotations

import re

from ingestion.errors import Corrupt
from ingestion.parsing.cleaning import cleaned
from ingestion.parsing.pieces import Piece, in_parts, piece
from ingestion.parsing.rtf_marks import as_shown
from ingestion.parsing.source import Source
from ingestion.parsing.tables import table_text
from ingestion.types import Parsed

# The mark may stand alone in its group, or after words of formatting.
_NOTE = re.compile(r"\{\s*(?:\\\*)?\s*\\footnote(?:\\ftnalt)?(?![a-z])\s?")
_NEW_LINE = re.compile(r"\\(?:par|line)(?![a-z])\s?")
_BRACE = re.compile(r"\\[\\{}]|[{}]")


def parse_rtf(source: Source) -> Parsed:
    """Read the text and tables of an RTF file; it stores no headings as such."""
    from striprtf.striprtf import destinations, remove_pict_groups, rtf_to_text

    data = source.path.read_bytes()
    if not data.lstrip().startswith(b"{\\rtf"):
        raise Corrupt
    try:
        # Pictures first: their bytes may look like groups.
        plain: str = remove_pict_groups(data.decode("latin-1"))  # type: ignore[no-untyped-call] # the library has no annotations
        source_text = as_shown(with_notes(plain), destinations)
        text: str = rtf_to_text(source_text, errors="replace")  # type: ignore[no-untyped-call] # the library has no annotations
    except (ValueError, IndexError, KeyError, LookupError) as exc:
        raise Corrupt from exc
    return Parsed(pages=tuple(in_parts(_pieces(cleaned(text).split("\n")))))


def with_notes(text: str) -> str:
    """Put footnotes, which the library drops, in brackets where they are referred to."""
    parts = []
    at = 0
    for match in _NOTE.finditer(text):
        if match.start() >= at:
            end = _closing(text, match.end())
            note = _NEW_LINE.sub(" ", text[match.end() : end])
            parts += [text[at : match.start()], "{ [", note, "]"]
            at = end
    return "".join([*parts, text[at:]])


def _closing(text: str, start: int) -> int:
    """Where the group that is open at ``start`` ends."""
    depth = 1
    for brace in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return brace.start()
    return len(text)


def _pieces(lines: list[str]) -> list[Piece]:
    """Consecutive lines with "|" are the rows of a table, by striprtf's custom."""
    pieces: list[Piece] = []
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        if line.count("|") > 0 and line.rstrip().endswith("|"):
            rows.append(line.rstrip().removesuffix("|").split("|"))
            continue
        if rows:
            pieces.append(piece("table", table_text(rows)))
            rows = []
        pieces.append(piece("paragraph", line))
    return pieces
