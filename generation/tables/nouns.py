"""The thing that a question counts or lists: a column, or what the rows are. Pure."""

from __future__ import annotations

from generation.tables.known import Known, Mention
from generation.tables.reading import Reading, Unclear
from generation.tables.words import Word, terms_set

_ROWS = terms_set("rows entries records items lines")
_PEOPLE = terms_set("people persons employees colleagues staff members")
_PEOPLE_COLUMNS = _PEOPLE | terms_set("name person employee player")


def take_noun(reading: Reading) -> int | None:
    """Take the thing that is asked for, which stands first behind values of it.

    Returns:
        its column, None for the rows themselves.
    """
    at = 0
    while at < len(reading.words):
        mention = reading.mention_at(at)
        if mention and (mention.is_value or _is_label(reading, mention)):
            at = mention.end
        elif mention and len(mention.columns) == 1:
            reading.take(mention)
            column = next(iter(mention.columns))
            kind = reading.known.kind(column)
            if kind == "amount" and not mention.is_whole:
                raise Unclear
            return column if mention.is_whole or kind == "text" else None
        else:
            _take_rows(reading, at)
            return None
    raise Unclear


def _is_label(reading: Reading, mention: Mention) -> bool:
    """Whether a column's name stands behind a value of it: "high priority"."""
    before = reading.mention_at(mention.first - 1) if mention.first else None
    is_of_it = before is not None and bool(before.columns & mention.columns)
    is_last = mention.end == len(reading.words)
    return is_of_it and before is not None and before.is_value and not is_last


def _take_rows(reading: Reading, at: int) -> None:
    """Take a word for what a row is: of the title, "rows", or "people"."""
    start = at
    while at < len(reading.words) and _is_rows(reading.words[at], reading.known):
        reading.taken.add(at)
        at += 1
    if at == start:
        raise Unclear


def _is_rows(word: Word, known: Known) -> bool:
    names = (known.names[at] for at in known.columns if known.kind(at) == "text")
    has_people = any(_PEOPLE_COLUMNS & {*name} for name in names)
    is_people = word.term in _PEOPLE and has_people
    return is_people or word.term in known.title | _ROWS
