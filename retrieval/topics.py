"""What documents must speak of, as a text-search query of each language.

    pumps or "oil filter"    a passage with the one, or with the other word for word

Words that are not in quotation marks may stand apart, in any order, but in one
passage. Each language stems them by its own rules, as its passages were.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from retrieval.lexical import quoted

# No comma of a number: 1,200 is neither 1 nor 200. From the first of several blanks
# only: from each it would take the square of them.
_OR = re.compile(r"(?<!\s)\s+or\s+|(?:(?<!\s)\s+)?,(?!\d)\s*(?:or\s+)?", re.IGNORECASE)
_PHRASE = re.compile(r"\"([^\"]+)\"|[“„]([^”“]+)[”“]|«\s*([^»]+?)\s*»")
#: Alternatives of one topic that are looked for.
MAX_ALTERNATIVES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Words of alternative ``choice``, which stand in this order if ``is_phrase``."""

    choice: int
    text: str
    is_phrase: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as the passages of one language know it.

    Attributes:
        query: a tsquery.
        phrase: lexemes with their distance from the first one, of a topic that is
            one phrase; counting how often it occurs needs them.
    """

    language: str
    query: str
    phrase: tuple[tuple[str, int], ...] = ()


def pieces_of(topic: str, *, as_phrase: bool = False) -> list[Piece]:
    """Return what ``topic`` names; nothing for "". Pure.

    Args:
        as_phrase: the whole of it is one phrase, with quotation marks or without.
    """
    if not topic.strip():
        return []
    if as_phrase:
        return [Piece(choice=0, text=re.sub(r"[\"“”]", " ", topic), is_phrase=True)]
    # An "or" within quotation marks is part of the phrase.
    phrases = [next(filter(None, found)) for found in _PHRASE.findall(topic)]
    held = _PHRASE.sub(" \x00 ", topic)
    found, taken = [], iter(phrases)
    for choice, part in enumerate(_OR.split(held)[:MAX_ALTERNATIVES]):
        found += [
            Piece(choice=choice, text=next(taken), is_phrase=True)
            for _ in range(part.count("\x00"))
        ]
        words = part.replace("\x00", " ").strip()
        if words:
            found.append(Piece(choice=choice, text=words, is_phrase=False))
    return found


def topics_in(languages: Iterable[str], pieces: Sequence[Piece]) -> list[Topic]:
    """Return ``pieces`` in each of ``languages`` that has words for them.

    A piece of stop words only is left out. One statement.
    """
    sql = """
        SELECT language, piece, lexeme, at
        FROM unnest(%s::text[]) language,
             unnest(%s::text[]) WITH ORDINALITY AS given (words, piece),
             unnest(lexemes_of(language, words)) AS found (lexeme, positions, weights),
             unnest(positions) at
        ORDER BY language, piece, at
    """
    known = sorted(set(languages))
    words: dict[str, dict[int, list[tuple[str, int]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [known, [piece.text for piece in pieces]])
        for language, number, lexeme, at in cursor:
            words[language][number - 1].append((lexeme, at))
    return [_topic(language, found, pieces) for language, found in words.items()]


def _topic(
    language: str, found: dict[int, list[tuple[str, int]]], pieces: Sequence[Piece]
) -> Topic:
    choices: dict[int, list[str]] = defaultdict(list)
    phrase: tuple[tuple[str, int], ...] = ()
    for number, placed in found.items():
        piece = pieces[number]
        if piece.is_phrase:
            first = placed[0][1]
            phrase = tuple((lexeme, at - first) for lexeme, at in placed)
        choices[piece.choice].append(_clause(placed, is_phrase=piece.is_phrase))
    query = " | ".join(f"({' & '.join(clauses)})" for clauses in choices.values())
    is_one = len(pieces) == 1
    return Topic(language=language, query=query, phrase=phrase if is_one else ())


def _clause(placed: Sequence[tuple[str, int]], *, is_phrase: bool) -> str:
    """Return a tsquery of lexemes with their positions, in rising order."""
    if not is_phrase:
        return " & ".join(dict.fromkeys(quoted(lexeme) for lexeme, _ in placed))
    parts, before = [quoted(placed[0][0])], placed[0][1]
    for lexeme, at in placed[1:]:
        parts.append(f"<{at - before}> {quoted(lexeme)}")
        before = at
    return f"({' '.join(parts)})"
