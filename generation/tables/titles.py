"""What the names of a document and of its sections say of a table in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from generation.tables.words import Word, terms_in, terms_set, words_of
from generation.words import NEGATIONS

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
_ENDING = re.compile(r"\.\w{2,5}$")


class Title:
    """Terms of titles, and those of the things that are the rows by their names."""

    def __init__(self, titles: Iterable[str]) -> None:
        parts = [
            _ENDING.sub("", part.strip())
            for title in titles
            for part in title.split("›")
        ]
        told = [part for part in parts if _is_told({*terms_in(part)})]
        self.terms = frozenset(term for part in told for term in terms_in(part))
        self.things = frozenset(thing for part in told if (thing := _thing(part)))


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


def _may_be_thing(word: Word) -> bool:
    return word.term not in _NO_THING and not word.term[0].isdigit()
