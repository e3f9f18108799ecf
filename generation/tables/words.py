"""Words of questions and of cells, in the form in which they are compared. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from generation.grounding.words import fold
from generation.tables.values import DAY, Days, days_at

Terms = tuple[str, ...]

# "15,000" is one word, and so is "12 May 2026".
_WORD = re.compile(
    rf"(?P<when>(?<![\w/-]){DAY.pattern})|(?P<number>\d+(?:[.,]\d+)*)"
    r"|[^\W_]+(?:['’][^\W_]+)?",
    re.IGNORECASE,
)
# Not 1.200, which is a little more than one, or 1,200.
_ENGLISH_NUMBER = re.compile(
    r"(?![1-9]\d{0,2}\.\d{3}$)(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of a question, which begins at ``start``.

    Attributes:
        term: what it is compared by.
        days, amount: what it says if it is a date or a number; a year is both.
    """

    text: str
    term: str
    start: int
    days: Days | None = None
    amount: float | None = None

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def plain(self) -> str:
        return self.text.lower()

    @property
    def is_capitals(self) -> bool:
        return len(self.text) > 1 and self.text.isupper()

    @property
    def is_owner(self) -> bool:
        return self.text.endswith(("'s", "’s", "s'", "s’"))

    @property
    def is_name(self) -> bool:
        return self.text[0].isupper()


def words_of(text: str) -> list[Word]:
    return [
        Word(
            text=match[0],
            term=term_of(match[0]),
            start=match.start(),
            days=days_at(match) if match["when"] else None,
            amount=_amount(match[0]),
        )
        for match in _WORD.finditer(text)
    ]


def _amount(text: str) -> float | None:
    is_number = _ENGLISH_NUMBER.fullmatch(text)
    return float(text.replace(",", "")) if is_number else None


def term_of(word: str) -> str:
    """Return what a word is compared by: without case, accents and plural.

    No other endings are cut: a trainer is no training, and what opened need not be open.
    """
    bare = re.sub(r"['’]s?$", "", fold(word))
    bare = re.sub(r"(?<=..)ies$", "y", bare)
    bare = re.sub(r"(?<=ss|sh|ch|.x)es$", "", bare)
    return re.sub(r"(?<=..[^s])s$", "", bare)


def terms_in(text: str) -> Terms:
    return tuple(term_of(match[0]) for match in _WORD.finditer(text))


def terms_set(words: str) -> frozenset[str]:
    """Return the terms of words with blanks between them."""
    return frozenset(map(term_of, words.split()))


def stands_in(terms: Terms, cell: Terms) -> bool:
    """Whether ``terms`` stand in ``cell`` one after the other."""
    size = len(terms)
    return any(cell[at : at + size] == terms for at in range(len(cell) - size + 1))
