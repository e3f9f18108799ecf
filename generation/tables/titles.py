"""What the names of a document and of its sections say of a table in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from generation.grounding.words import NEGATIONS
from generation.tables.words import Word, terms_in, terms_set, words_of

# A title with these tells how a table is laid out, or names more than one thing.
_SEVERAL = terms_set("and or per by und oder pro nach")
# What stands behind says more of the thing: "List of suppliers in Europe".
_OF = re.compile(r"\b(?:of|for|in|from|von|für)\b", re.IGNORECASE)
_NO_THING = terms_set(
    "list table overview register sheet file chart data master complete full current new "
    "week month year quarter liste tabelle übersicht"
)
# Many by themselves; "Project plan" is one plan.
_MANY = terms_set("staff personnel people equipment personal")
# Rows of such a table are some of what its name says, and not all.
_NARROWING = terms_set(
    "former ex top key cancelled canceled rejected open closed planned lost new sample "
    "selected overdue active inactive old past previous draft expired terminated archived "
    "deleted paid unpaid pending completed done upcoming"
)
_PLACE = re.compile(r"\b(?:in|from|at|aus)\b(?P<where>.+)", re.IGNORECASE)
_ENDING = re.compile(r"\.\w{2,5}$")


class Title:
    """What titles say.

    Attributes:
        terms: of their words.
        things: terms of what the rows are by their names.
        narrowing: terms of what the rows are besides: former, or in Europe.
    """

    def __init__(self, titles: Iterable[str]) -> None:
        parts = [
            _ENDING.sub("", part.strip())
            for title in titles
            for part in title.split("›")
        ]
        told = [part for part in parts if _is_told({*terms_in(part)})]
        self.terms = frozenset(term for part in told for term in terms_in(part))
        self.things = frozenset(thing for part in told if (thing := _thing(part)))
        self.narrowing = frozenset(term for part in parts for term in _narrowing(part))


def _is_told(terms: set[str]) -> bool:
    return not terms & (_SEVERAL | NEGATIONS)


def _thing(title: str) -> str:
    """Return the last word of the first phrase that names things, "" for none."""
    for phrase in _OF.split(title):
        words = [word for word in words_of(phrase) if _may_be_thing(word)]
        if words:
            is_many = words[-1].plain.endswith("s") or words[-1].term in _MANY
            return words[-1].term if is_many else ""
    return ""


def _narrowing(title: str) -> set[str]:
    place = _PLACE.search(title)
    where = {*terms_in(place["where"])} if place else set()
    return {*terms_in(title)} & _NARROWING | where


def _may_be_thing(word: Word) -> bool:
    return word.term not in _NO_THING and not word.term[0].isdigit()
