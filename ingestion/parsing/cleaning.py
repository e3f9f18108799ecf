"""Text as it may be stored: NFC, no control characters, no lone surrogates."""

from __future__ import annotations

import re
import unicodedata

from ingestion.parsing.hidden import check_characters

# Control characters but tab and newline; NUL cannot be stored in Postgres and
# a form feed marks page boundaries. C1 controls are left-overs of a wrong
# decoding. Non-characters, byte order marks and soft hyphens are never text.
_DROPPED = dict.fromkeys(
    [
        *range(9),
        *range(14, 32),
        *range(127, 160),
        *range(64976, 65008),
        173,
        65279,
        65534,
        65535,
        *range(55296, 57344),
    ]
)
# Language tag characters: invisible, and a known way to smuggle instructions.
_DROPPED |= dict.fromkeys(range(0xE0000, 0xE0080))
_SPACES = dict.fromkeys(
    [0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " "
)
_BREAKS = dict.fromkeys([0x0B, 0x0C, 0x85, 0x2028, 0x2029], "\n")
_LIGATURES = {
    code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)
}
_TABLE = _DROPPED | _SPACES | _BREAKS | _LIGATURES

_RUN_OF_SPACES = re.compile(r"[ \t]+")
_SPACE_AT_LINE_END = re.compile(r" +\n")
_LEADING_SPACE = re.compile(r"\n ")
_BLANK_LINES = re.compile(r"\n{3,}")


def cleaned(text: str) -> str:
    """Drop what cannot be stored or read; keep spaces and line breaks."""
    if not text.isascii():
        check_characters(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE)
    return unicodedata.normalize("NFC", text)


def flowing(text: str) -> str:
    """Clean running text: single spaces, no blanks at line ends, one blank line."""
    text = _RUN_OF_SPACES.sub(" ", cleaned(text))
    text = _LEADING_SPACE.sub("\n", _SPACE_AT_LINE_END.sub("\n", text))
    return _BLANK_LINES.sub("\n\n", text).strip()


def preformatted(text: str) -> str:
    """Clean text whose spacing carries meaning, such as code."""
    return _SPACE_AT_LINE_END.sub("\n", cleaned(text)).strip("\n").rstrip()


def one_line(text: str) -> str:
    """Clean a title, a cell or a label."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return " ".join(cleaned(text).split())
