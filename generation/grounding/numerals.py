"""Numbers as they are written, in figures and in words, brought into one form. Pure."""

from __future__ import annotations

import re

_ONES = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen""".split()  # noqa: SIM905
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_GERMAN = "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf".split()  # noqa: SIM905
_FRENCH = "deux trois quatre cinq six sept huit neuf dix onze douze".split()  # noqa: SIM905
_WORDS = {
    "zero": 0,
    **{word: value for value, word in enumerate(_ONES, 1)},
    **{word: value * 10 for value, word in enumerate(_TENS, 2)},
    # Their ones are articles.
    **{word: value for value, word in enumerate(_GERMAN, 2)},
    **{word: value for value, word in enumerate(_FRENCH, 2)},
    "a": 1,
}
# September, and a name.
_SMALL_ONLY = frozenset(("sept", "dix"))
# Words of another meaning in English, and in French itself: new.
_SPARED = frozenset(("elf", "neuf"))
_ANY_ONE, _ANY_TEN = "|".join(_ONES), "|".join(_TENS)
_BELOW_100 = rf"(?:{_ANY_TEN})(?:[- ](?:{'|'.join(_ONES[:9])})\b)?|{_ANY_ONE}|zero"
_FOREIGN = "|".join(w for w in (*_GERMAN, *_FRENCH) if w not in _SMALL_ONLY | _SPARED)
#: A number in words. Their first letters spare other words the comparisons.
IN_WORDS = (
    r"(?=[ac-fhnoqstvz])\b(?:"
    rf"(?:{_ANY_ONE}|a) hundred\b(?:(?: and)? (?:{_BELOW_100})\b)?"
    rf"|(?:{_BELOW_100}|{_FOREIGN}|(?-i:sept(?!\.)|dix))\b)"
)
# Not the second of two columns.
_THOUSANDS = r"(?<!\d )[1-9]\d{0,2}"
#: 1'250, and 1 250 with a blank that holds it together or with nothing behind its thousands.
SPACED = rf"{_THOUSANDS}(?:(?:['’\u00a0\u202f]\d{{3}})+|(?: \d{{3}})* 000(?! \d{{3}}(?!\d)))(?!\d)(?:[.,]\d++)?"
#: 1 250, which may be two numbers.
BLANK = rf"{_THOUSANDS}(?: \d{{3}})+(?!\d)(?:[.,]\d++)?"
# What a pattern in any case takes for i, s and µ: of Turkish, of old print, Greek.
_AS_LISTED = str.maketrans({"ı": "i", "\u0307": "", "ſ": "s", "μ": "µ"})
_APART = str.maketrans("", "", "'’ \u00a0\u202f")
# Thousands, and what follows another separator.
_GROUPED = re.compile(r"([1-9]\d{0,2}(?:([.,])\d{3})(?:\2\d{3})*)(?:(?!\2)[.,](\d+))?")


def as_listed(name: str) -> str:
    """Return what a pattern in any case matched as its list has it, in small letters."""
    return name.lower().translate(_AS_LISTED)


def number(raw: str) -> str:
    """Return 1,000, 1 000 and 1000 alike, 1,234.50 and 1234.5, and 3.50 and 3.5."""
    if not raw[0].isdigit():
        return str(_in_words(as_listed(raw)))
    grouped = _GROUPED.fullmatch(raw)
    if grouped:
        plain = re.sub(r"[.,]", "", grouped[1]) + (
            f".{grouped[3]}" if grouped[3] else ""
        )
    else:
        plain = together(raw).replace(",", ".")
    return shortest(plain)


def _in_words(words: str) -> int:
    total = 0
    for word in re.split(r"[- ]", words):
        total = total * 100 if word == "hundred" else total + _WORDS.get(word, 0)
    return total


def together(raw: str) -> str:
    """Return 1 000 and 1'000 as 1000."""
    return raw.translate(_APART)


def shortest(plain: str) -> str:
    """Return ``plain`` without zeros that say nothing."""
    if plain.count(".") == 1:
        plain = plain.rstrip("0").rstrip(".")
    plain = plain.lstrip("0") or "0"
    return f"0{plain}" if plain[0] == "." else plain
