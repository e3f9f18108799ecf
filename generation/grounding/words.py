"""What a sentence says, as sets that can be compared: words, numbers, names. Pure.

Deliberately plain: the checks built on it must be explainable to a reader.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from generation.grounding.quantities import (
    AMOUNT,
    CURRENCIES,
    CURRENCY_SIGN,
    DATE,
    NOT_MORE_THAN,
    Quantity,
    quantities_of,
    value_of,
)

# Words that carry no claim of their own.
STOP_WORDS = frozenset(
    """a about above after again all also an and any are as at be because been before
    being between both but by can could did do does doing during each either else ever
    few for from further had has have having he her here hers him himself his how i if
    in into is it its itself just may me might more most much must my no nor not of off
    on once only or other our out over own said same shall she should so some such than
    that the their theirs them themselves then there these they this those through to
    too under until up upon us very was we were what when where which while who whom
    whose why will with within without would yes you your yours according based
    document documents passage passages source sources nein ja oui""".split()  # noqa: SIM905 - a list of 150 quoted words reads worse
)
QUESTION_WORDS = frozenset(
    """name kind type give list tell describe explain many long old often summarise
    summarize summary overview main point topic content whole""".split()  # noqa: SIM905
)
# Spanish "sin" is left out: in English it is another word.
NEGATIONS = frozenset(
    """not no never none neither nor without cannot nobody nothing nowhere
    nicht kein keine keinen keinem keiner keines nie niemals niemand nichts weder ohne
    pas non aucun aucune jamais ni nunca ninguno ninguna""".split()  # noqa: SIM905
)
PRONOUNS = frozenset(
    """he she it they him her them his its their theirs hers this these those such
    who which whose""".split()  # noqa: SIM905
)
_WORD = re.compile(
    rf"(?P<sign>{CURRENCY_SIGN})|\bU\.S\.(?:A\.)?|\bUnited States\b|{AMOUNT}"
    r"|[^\W\d_]+(?:['’][^\W\d_]+)?"
)
# Names that are spelled like words without a claim: the month inside a sentence, before a
# number or at an end, and names of capitals.
_NAMED = re.compile(
    r"(?<=[\w,;(] )May\b(?! I\b)|\bM(?:ay|AY)\b(?=\s*(?:[\d.,;:!?)\[]|$))"
    r"|\bU\.S\.(?:A\.)?|\bUnited States\b|\b(?:USA?|WHO)\b(?! [A-Z]{2})"
)
# No denial: "No. 7", "No. of places", and a column of that name, where a number is meant;
# "oder nicht"; names inside a sentence: nickel, Pas-de-Calais; and bounds of numbers.
_NO_DENIAL = re.compile(
    r"\bNo(?:\.(?=\s*(?:\d|[Oo]f\b))|:(?=\s))|(?<=\boder )nicht\b"
    r"|(?<=[\w,;(] )(?:P(?:as|AS)|N(?:on|ON|i|I|ie|IE))\b|(?<=faux )pas\b"
    rf"|{NOT_MORE_THAN}"
)
_SPELLED = dict.fromkeys(("u.s.", "u.s.a.", "usa", "united states"), "us")
# Scripts that put no blanks between words, as in ingestion's migration 0016: there
# overlapping pairs of letters stand for words.
_UNSPACED = re.compile(
    r"[\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u3040-\u30FF"
    r"\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF]"
)
_SUFFIXES = ("ations", "ation", "ments", "ment", "ings", "ing", "ies", "ied", "ers")
_SHORT_SUFFIXES = ("er", "ed", "es", "ly", "s", "e", "y")
# Capitals of Latin, Greek and Cyrillic: "Élodie" and "Łódź" are names as "Oslo" is.
CAPITAL = f"[{''.join(c for c in map(chr, range(0x530)) if c.isupper())}]"
# With all of a number of parts behind a slash: of AX-200/3 AX-200 is another part.
_NAME_WORD = rf"{CAPITAL}[\w'’.-]*(?:/\w[\w'’-]*)*"
_NAME_MORE = rf"{CAPITAL}[\w'’-]*(?:/\w[\w'’-]*)*"
_NAMES = re.compile(
    rf"\b{_NAME_WORD}(?:\s+(?:of|the|de|von|van|and)\s+{_NAME_MORE}|\s+{_NAME_MORE})*"
)
# A stem shorter than this would bring unrelated words together.
_MIN_STEM = 4
# Digits of a day or a month; years are numbers like any other.
_DAY_DIGITS = 2
# Words of a sentence in which a pronoun is its subject.
_OPENING = 4


@dataclass(frozen=True, slots=True)
class Claim:
    """The comparable parts of a text."""

    words: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    is_negated: bool
    # What the negations bear upon: the first term after each, or the last of all.
    denied: frozenset[str] = frozenset()
    # A pronoun among its first words points at the sentence before.
    points_back: bool = False
    # The numbers again, with what is said of them.
    quantities: frozenset[Quantity] = frozenset()
    # Numbers that are days or months of dates, and nothing else here.
    dated: frozenset[str] = frozenset()

    @property
    def terms(self) -> frozenset[str]:
        return self.words | self.numbers

    @property
    def undated(self) -> frozenset[str]:
        return self.numbers - self.dated


@dataclass(frozen=True, slots=True)
class Term:
    """What a word is compared by; it is characters start to end of its text."""

    term: str
    start: int
    end: int


def fold(text: str) -> str:
    """Return ``text`` without case, accents and width differences."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c))


def stem(word: str) -> str:
    """Cut the commonest English endings; other languages lose little by it."""
    for suffix in (*_SUFFIXES, *_SHORT_SUFFIXES):
        if word.endswith(suffix) and len(word) - len(suffix) >= _MIN_STEM:
            return word[: -len(suffix)]
    return word


_ASKING = frozenset(stem(word) for word in QUESTION_WORDS)


def claim_of(text: str) -> Claim:
    words, numbers, undated, names, denied = set(), set(), set(), set(), set()
    affirming = {match.start() for match in _NO_DENIAL.finditer(text)}
    in_dates = {at for date in DATE.finditer(text) for at in range(*date.span())}
    is_negated = points_back = False
    is_first = True
    denying = last = ""
    for count, (raw, word, start, end) in enumerate(_words(text)):
        term = _term(word)
        denies = (word in NEGATIONS or "n't" in word) and start not in affirming
        if term[:1].isdigit():
            numbers.add(term)
            if start not in in_dates or len(term) > _DAY_DIGITS:
                undated.add(term)
        elif denies:
            denying, is_negated = word, True
        elif term:
            words.add(term)
            # The first word of a sentence is capitalised whatever it is.
            if raw[0].isupper() and not is_first:
                names.add(term)
        if term and not denies:
            if denying and raw not in "$€£¥":
                denied.add(term)
                denying = ""
            last = term
        points_back = points_back or (count < _OPENING and word in PRONOUNS)
        is_first = text[end : end + 1] in ".!?:"
    if denying == "nicht" and last:
        # "Die Firma zahlt das nicht": the verb that it denies is far before it.
        denied.add(last)
    return Claim(
        words=frozenset(words),
        numbers=frozenset(numbers),
        names=frozenset(names),
        is_negated=is_negated,
        denied=frozenset(denied),
        points_back=points_back,
        quantities=quantities_of(text),
        dated=frozenset(numbers - undated),
    )


def terms_in(text: str) -> list[Term]:
    """Return the terms of ``text`` in their order, with their places."""
    found = []
    for _, word, start, end in _words(text):
        term = _term(word)
        if term:
            found.append(Term(term=term, start=start, end=end))
    return found


def _words(text: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield the words of ``text``: as written, in one form, start and end.

    A number has its "million" with it.
    """
    named = {match.start() for match in _NAMED.finditer(text)}
    for match in _WORD.finditer(text):
        raw, start = match[0], match.start()
        if match["number"] or match["sign"]:
            word = value_of(match) if match["number"] else raw.lower()
            yield raw, word, start, match.end()
            continue
        if not _UNSPACED.search(raw):
            word = _plain(raw)
            if start in named:
                # With its dot it is no longer the word without a claim.
                word = f"{_SPELLED.get(word, word)}."
            yield raw, word, start, match.end()
            continue
        for at in range(max(1, len(raw) - 1)):
            pair = raw[at : at + 2]
            yield pair, _plain(pair), start + at, start + min(at + 2, len(raw))


def _plain(raw: str) -> str:
    return re.sub(r"['’]s$", "", fold(raw))


def _term(word: str) -> str:
    """Return what a word is compared by, "" if it says nothing of its own."""
    if word[:1].isdigit():
        return word
    if word in CURRENCIES:
        return CURRENCIES[word]
    return stem(word) if word not in STOP_WORDS and len(word) > 1 else ""


def question_terms(question: str) -> frozenset[str]:
    """Return the terms that an answering passage can be expected to hold."""
    return claim_of(question).terms - _ASKING


def name_spans(text: str) -> list[str]:
    """Return runs of capitalised words and numbers inside ``text``, in order.

    The first word of the text is left out unless its run goes on.
    """
    runs = _NAMES.findall(text)
    return [
        run.rstrip(".'’")
        for run in runs
        if fold(run) not in STOP_WORDS and len(run) > 1
    ]
