"""Rich text."""

from __future__ import annotations

from ingestion.errors import Corrupt
from ingestion.parsing.cleaning import cleaned
from ingestion.parsing.pieces import Piece, in_parts, piece
from ingestion.parsing.source import Source
from ingestion.parsing.tables import table_text
from ingestion.types import Parsed


def parse_rtf(source: Source) -> Parsed:
    """Read the text and tables of an RTF file; it stores no headings as such."""
    from striprtf.striprtf import rtf_to_text

    data = source.path.read_bytes()
    if not data.lstrip().startswith(b"{\\rtf"):
        raise Corrupt
    try:
        text: str = rtf_to_text(data.decode("latin-1"), errors="replace")  # type: ignore[no-untyped-call] # the library has no annotations
    except (ValueError, IndexError, KeyError, LookupError) as exc:
        raise Corrupt from exc
    return Parsed(pages=tuple(in_parts(_pieces(cleaned(text).split("\n")))))


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
