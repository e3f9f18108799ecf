"""Bytes to text: byte order mark, then UTF-8, then what is declared, then a guess."""

from __future__ import annotations

import codecs
import re

from ingestion.errors import Corrupt
from ingestion.parsing.codepages import (
    alphabet_of,
    has_accents,
    is_foreign,
    is_odd,
    latin_page,
)

# The longer marks first: UTF-32 LE starts with the mark of UTF-16 LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# A guess needs a sample, not the whole file: detection is slow on megabytes.
_SAMPLE_BYTES = 64_000
# Statistics of letters say nothing of a text as short as this.
_FEW_BYTES = 200
# Names that browsers read as a larger code page (https://encoding.spec.whatwg.org,
# 4.2): writers name the small one, and use "€" and “quotes” all the same.
_LARGER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# Written in ASCII alone, these would pass for UTF-8.
_SEVEN_BITS = ("iso2022", "hz", "utf-7")
_ESCAPES = (b"\x1b$B", b"\x1b$@", b"\x1b(J")
_DECLARED = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})")


def decoded(data: bytes, *, declared: str | None = None) -> str:
    """Decode text of unknown encoding.

    Args:
        declared: what the file or its envelope says; tried after UTF-8,
            because wrong declarations are common and UTF-8 proves itself. Only
            encodings of seven bits, which are UTF-8 too, are tried before.

    Raises:
        Corrupt: it is not text in any known encoding.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(_exact(encoding, mark), "replace")
    name = _name(declared)
    for attempt in (_seven_bits(data, name), "utf-8", _LARGER.get(name), name):
        text = _attempt(data, attempt)
        if text is not None:
            return text
    return _guessed(data)


def declared_encoding(head: bytes) -> str | None:
    """The charset that markup names in its first kilobytes, if any."""
    match = _DECLARED.search(head[:4096])
    return match[1].decode("ascii") if match else None


def _name(declared: str | None) -> str:
    """The encoding as Python calls it; "" for none and for one it does not know."""
    try:
        return codecs.lookup(declared).name if declared else ""
    except (LookupError, ValueError):
        return ""


def _seven_bits(data: bytes, declared: str) -> str | None:
    if not data.isascii():
        return None
    if declared.startswith(_SEVEN_BITS):
        return declared
    return "iso2022_jp" if any(escape in data for escape in _ESCAPES) else None


def _exact(encoding: str, mark: bytes) -> str:
    if encoding == "utf-8":
        return encoding
    little = mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF32_LE)
    return f"{encoding}-{'le' if little else 'be'}"


def _attempt(data: bytes, encoding: str | None) -> str | None:
    if not encoding:
        return None
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _guessed(data: bytes) -> str:
    sample = _sample(data)
    encoding = alphabet_of(sample) or _detected(sample)
    try:
        return data.decode(encoding, "replace")
    except LookupError as exc:
        raise Corrupt(
            "The file's text encoding is unknown. Save it as UTF-8 and add it again."
        ) from exc


def _sample(data: bytes) -> bytes:
    """Lines that tell encodings apart: ASCII is the same in all of them."""
    lines = (line for line in data.replace(b"\0", b" ").split(b"\n"))
    return b"\n".join(line for line in lines if not line.isascii())[:_SAMPLE_BYTES]


def _detected(sample: bytes) -> str:
    """Choose by a detector's statistics, in Latin letters by those of the words."""
    from charset_normalizer import from_bytes

    if len(sample) <= _FEW_BYTES:
        return _double_byte(sample) or latin_page(sample)
    best = from_bytes(sample).best()
    if best and (is_odd(sample) or _has_other_letters(sample, best.encoding)):
        return best.encoding
    return latin_page(sample)


def _has_other_letters(sample: bytes, encoding: str) -> bool:
    text = sample.decode(encoding, "replace")
    return is_foreign(sample) or _mostly_cjk(text)


def _double_byte(data: bytes) -> str | None:
    """Choose for a text too short for statistics.

    Tries the multi-byte encodings whose rules hold over the whole text and
    whose reading is made of real letters.
    """
    if has_accents(data):
        return None
    for encoding in ("cp932", "gb18030", "euc_kr", "big5"):
        text = _attempt(data, encoding)
        if text and _mostly_cjk(text):
            return encoding
    return None


def _mostly_cjk(text: str) -> bool:
    """Whether the non-ASCII part comes in runs of CJK letters.

    In a Western text read as a double-byte encoding, each accented letter
    swallows its neighbour, so that CJK signs stand alone amid ASCII letters.
    """
    foreign = re.findall(r"[^\x00-\x7f]+", text)
    cjk = re.findall(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{2,}", text)
    return bool(foreign) and sum(map(len, cjk)) > 0.7 * sum(map(len, foreign))
