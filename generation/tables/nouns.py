"""The thing that a question counts or lists: a column, or what the rows are. Pure."""

from __future__ import annotations

from generation.tables.known import Known, Mention
from generation.tables.reading import Reading, Unclear
from generation.tables.words import Word, terms_set

_ROWS = terms_set("rows entries records items lines")
# "Which contract ends first?"
_VERBS = frozenset("ends starts begins expires costs weighs".split())  # noqa: SIM905
_PEOPLE = terms_set("people persons employees colleagues staff members")


def take_noun(reading: Reading) -> int | None:
    """Take the thing that is asked for, which stands first behind values of it.

    Returns:
        its column, None for the rows themselves.

    Raises:
        Unclear
    """
    at = 0
    while at < len(reading.words):
        mention = reading.mention_at(at)
        if mention and (mention.is_value or _is_label(reading, mention)):
            at = mention.end
        elif mention and len(mention.columns) == 1:
            return _take_column(reading, mention)
        else:
            _take_rows(reading, at)
            return None
    raise Unclear


def _take_column(reading: Reading, mention: Mention) -> int | None:
    reading.take(mention)
    known, column = reading.known, next(iter(mention.columns))
    kind = known.kind(column)
    is_part = kind == "amount" and not mention.is_whole
    if is_part or known.is_flag(column) or _is_adjective(reading, mention):
        raise Unclear
    return column if mention.is_whole or kind == "text" else None


def _is_label(reading: Reading, mention: Mention) -> bool:
    """Whether a column's name stands behind a value of it: "high priority"."""
    before = reading.mention_at(mention.first - 1) if mention.first else None
    is_last = mention.end == len(reading.words)
    is_of_it = bool(before and before.is_value and before.columns & mention.columns)
    return is_of_it and not is_last


def _is_adjective(reading: Reading, mention: Mention) -> bool:
    """Whether the thing comes only behind: "paid invoices" where a column is "Paid on"."""
    last = reading.words[mention.end - 1]
    if mention.end == len(reading.words) or last.plain.endswith("s"):
        return False
    word, follows = reading.words[mention.end], reading.mention_at(mention.end)
    if follows and not follows.is_value and word.plain not in _VERBS:
        return not (last.is_owner or follows.columns & mention.columns)
    return not follows and _is_of_thing(word, reading.known)


def _take_rows(reading: Reading, at: int) -> None:
    """Take a word for what a row is: of the title, "rows", or "people"."""
    start = at
    while at < len(reading.words) and _is_of_thing(reading.words[at], reading.known):
        reading.taken.add(at)
        at += 1
    if at == start or not _is_row(reading.words[at - 1], reading.known):
        raise Unclear


def _is_of_thing(word: Word, known: Known) -> bool:
    return word.term in known.title.terms or _is_row(word, known)


def _is_row(word: Word, known: Known) -> bool:
    is_people = word.term in _PEOPLE and known.people is not None
    return is_people or word.term in known.title.things | _ROWS
