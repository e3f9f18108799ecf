"""Which code page a text of single bytes is in, by the letters of its words.

A detector of encodings ties on short texts: one sign in a hundred differs between
Windows-1252 and its neighbours, and the statistics of letters do not see it. What
tells them apart is which letters stand together: a text with "ø" and "ì" in its words
is in no western language, and one whose bytes are all letters of Czech is Czech.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

#: What single bytes that nothing tells apart are most often in.
USUAL = "cp1252"

# Letters beyond a to z, by code page. Western languages first: they win a tie.
_WESTERN = (
    "àâæçèéêëîïôœùûüÿ",  # French
    "áéíñóúüçàèïòªº",  # Spanish, Catalan
    "àáâãçéêíóôõúüªº",  # Portuguese
    "àèéìíòóùúîªº",  # Italian
    "äöüß",  # German
    "æøåéóäö",  # Danish, Norwegian
    "åäöéüàšž",  # Swedish, Finnish
    "äëéïöüèóáíúê",  # Dutch
    "áéíóúýæöðþ",  # Icelandic, Faroese
    "äöõüšž",  # Estonian
)
_OTHER = {
    "cp1250": (
        "ąćęłńóśźż",  # Polish
        "áčďéěíňóřšťúůýž",  # Czech
        "áäčďéíĺľňóôŕšťúýž",  # Slovak
        "áéíóöőúüű",  # Hungarian
        "čšžćđ",  # Slovene, Croatian
        "ăâîşţ",  # Romanian
    ),
    "cp1254": ("çğıİöşüâîû",),  # Turkish
    "cp1257": (
        "ąčęėįšųūž",  # Lithuanian
        "āčēģīķļņšūž",  # Latvian
    ),
    # Vietnamese, whose tones are signs of their own there.
    "cp1258": ("àáâăèéêìíđòóôơùúưý\u0300\u0301\u0303\u0309\u0323",),
}
# A language's own letters must be met so often, and so many different ones in all: a
# name or two in an English text decide nothing.
_LEAST_OWN = 2
_LEAST_DISTINCT = 3
_LEAST_COVERED = 0.95
_BETTER_BY = 0.05

# The most frequent letters of languages in other alphabets. In a text of such a
# language they are more than half; read in a wrong code page, about a third.
_FREQUENT = {
    "cp1251": "оеаинтсрвлкі",
    "koi8_r": "оеаинтсрвлк",
    "cp1253": "αοιετνσηρκςάίό",
    "cp1255": "יוהלארבתמשנ",
    "cp1256": "اليمنوترةبع",
}
_LEAST_FREQUENT = 0.55
_CAPITAL = 0.1
_MOST_FLIPS = 0.03
# Words of this many bytes tell of an alphabet; "à" alone does not.
_FOREIGN_WORD = 3
_LEAST_FOREIGN = 0.7

_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_HIGH = re.compile(rb"[\x80-\xff]")
_ALL_HIGH = re.compile(rb"[\x80-\xff]+")
# Bytes that are no small letters in Windows-1252, between small ones; not those of its
# apostrophe, its dashes and its dots.
_ODD = re.compile(
    rb"(?<=[a-z])[\x80-\x84\x86-\x91\x93-\x95\x98\x99\x9b\x9d\x9f\xa7](?=[a-z])"
)
_ACCENT = re.compile(rb"[\x80-\xff](?=[a-z])")
_LEAST_ACCENTS = 0.4
_INSIDE = re.compile(rb"(?<=[a-z])[\x80-\xff](?=[a-z])")


def is_foreign(data: bytes) -> bool:
    """Whether the words are in an alphabet other than the Latin one.

    In Latin words letters with marks stand among plain ones, in other alphabets each
    letter is a high byte.
    """
    words = [w for w in _WORD.findall(data) if len(w) >= _FOREIGN_WORD]
    high = [word for word in words if _HIGH.search(word)]
    foreign = sum(_ALL_HIGH.fullmatch(word) is not None for word in high)
    return foreign > _LEAST_FOREIGN * len(high)


def alphabet_of(data: bytes) -> str | None:
    """Return the code page in which foreign words are likely ones, if any is clear."""
    if not is_foreign(data):
        return None
    best = max(_FREQUENT, key=lambda page: _likeness(data, page))
    return best if _likeness(data, best) >= _LEAST_FREQUENT else None


def _likeness(data: bytes, page: str) -> float:
    """The share of frequent letters, from 0 to 1; 0 where capitals follow small ones.

    Small letters of one code page are the capitals of another, so these count less.
    """
    text = data.decode(page, "replace")
    letters = [char for char in text if char > "\x7f" and char not in "«»„“”–—’…\xa0"]
    if not letters:
        return 0.0
    flips = sum(a.islower() and b.isupper() for a, b in pairwise(text))
    if flips > _MOST_FLIPS * len(letters):
        return 0.0
    frequent = sum(char.lower() in _FREQUENT[page] for char in letters)
    return (frequent - _CAPITAL * sum(map(str.isupper, letters))) / len(letters)


def latin_page(data: bytes) -> str:
    """Choose the code page of a text in Latin letters; Windows-1252 if in doubt."""
    marked = Counter(_marked(data))
    if not marked:
        return USUAL
    inside = frozenset(_marked(data, only_before_letters=True))
    western = max(_covered(marked, _bytes(USUAL, letters)) for letters in _WESTERN)
    best, chosen = max(western + _BETTER_BY, _LEAST_COVERED), USUAL
    for page, languages in _OTHER.items():
        for letters in (_bytes(page, language) for language in languages):
            covered = _covered(marked, letters)
            if covered >= best and _is_clear(marked, inside, _own(page, letters)):
                best, chosen = covered, page
    return chosen


def has_accents(data: bytes) -> bool:
    """Whether small plain letters follow most high bytes, as in Latin words.

    A second byte of Chinese, Japanese or Korean is one of them by chance only.
    """
    return len(_ACCENT.findall(data)) > _LEAST_ACCENTS * len(_HIGH.findall(data))


def is_odd(data: bytes) -> bool:
    """Whether Windows-1252 would put signs inside words, as of a Mac or of DOS."""
    return 3 * len(_ODD.findall(data)) > len(_INSIDE.findall(data))


def _marked(data: bytes, *, only_before_letters: bool = False) -> Iterator[int]:
    """Bytes of words that are letters in one code page or another."""
    for word in _WORD.findall(data):
        if len(word) < 2:
            continue
        for at, byte in enumerate(word):
            is_last = at + 1 == len(word)
            if byte in _LETTERS and not (is_last and only_before_letters):
                yield byte


def _covered(marked: Counter[int], letters: frozenset[int]) -> float:
    return sum(n for byte, n in marked.items() if byte in letters) / marked.total()


def _own(page: str, letters: frozenset[int]) -> frozenset[int]:
    """Those that Windows-1252 reads as something else."""
    ones = ((byte, bytes([byte])) for byte in letters)
    return frozenset(
        byte
        for byte, one in ones
        if one.decode(page, "replace") != one.decode(USUAL, "replace")
    )


def _is_clear(
    marked: Counter[int], inside: frozenset[int], own: frozenset[int]
) -> bool:
    """Whether letters of a language's own are met, be it one inside a word.

    At the end of words they may be signs: "m³", a note's "¹".
    """
    met = sum(n for byte, n in marked.items() if byte in own)
    return len(marked) >= _LEAST_DISTINCT and met >= _LEAST_OWN and bool(inside & own)


def _bytes(page: str, letters: str) -> frozenset[int]:
    both = letters + letters.upper()
    return frozenset(codecs.encode(both, page, "ignore"))


_LETTERS = frozenset(
    byte for page, languages in {USUAL: _WESTERN, **_OTHER}.items()
    for letters in languages for byte in _bytes(page, letters) if byte > 0x7F
)  # fmt: skip
