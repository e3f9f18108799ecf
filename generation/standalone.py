"""Makes a follow-up question stand on its own, so that search can find its passage. Pure.

Deterministic: a model would cost seconds of prompt on a CPU, and what is found
must not depend on a sample.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from generation.grounding.sentences import MARK
from generation.grounding.words import CAPITAL, STOP_WORDS, fold, name_spans
from generation.leaning import (
    ASKED_BEFORE,
    AUXILIARY,
    BE,
    DATED,
    HELPING,
    LEADING,
    POINTING,
    POSSESSIVE,
    PRONOUNS,
    WHAT_ABOUT,
    leans,
    names_inside,
    without_expletive,
)
from generation.tables.values import DAY

_MANY = frozenset(("they", "them", "their", "theirs"))
# Some of what was spoken of, which no name stands for.
_SOME_OF = re.compile(r"\bof (?:them|those|these)\b", re.IGNORECASE)
# "And in Switzerland?", and what it is put in the place of: "in Germany".
_NAME = rf"{CAPITAL}[\w'’-]*(?:/\w[\w'’-]*)*"
_PLACED = (
    r"(?P<link>in|at|for|from|of|with|on|by|to) "
    rf"(?P<what>(?:the )?(?:(?P<name>{_NAME}(?: {_NAME})*)|\d{{4}}))"
)
_AND_PLACED = re.compile(
    rf"(?i:(?:and|but|or|then|ok|okay|so)?[\s,]*(?:(?:what|how) about )?)(?-i:{_PLACED})\s*\??$"
)
# "And 2023?", "What about March 2024?", and what may stand before a date.
_AND_DATED = re.compile(
    r"(?:and|but|or|then|ok|okay|so)?[\s,]*(?:(?:what|how) about )?"
    rf"(?:(?P<link>in|on|of|from|for|since|before|after) )?(?P<when>{DAY.pattern})\s*\??",
    re.IGNORECASE,
)
# "The king" of a question, without words of its own that tell which. That "the head" of
# "the head office" is none, only an end, "'s" or what must be a verb may stand behind.
_LINK = (
    r"(?:in|on|at|from|to|into|for|with|by|after|before|under|during|last|first|again)"
)
_PAST = r"(?:[^\W\d_]+[^\W\d_e]ed|born|built|made|held|sold|found|written)"
_DEFINITE = re.compile(
    rf"(?:\b{HELPING}|^{BE}) (?P<doer>the [^\W\d_]+)(?= [^\W\d_]+\W*$)"
    rf"|\b{BE} (?P<done>the [^\W\d_]+)(?= {_PAST}(?:\W*$| {_LINK}\b))"
    r"|\b(?P<rest>the [^\W\d_]+)(?=['’]s |\W*$)",
    re.IGNORECASE,
)
# Several are asked for: "they" are those.
_ASKED_MANY = re.compile(
    r"(?:which|what|how many)(?: [\w-]+)? [^\W\d_]+s\b", re.IGNORECASE
)
# The thing itself is asked for; there is nothing to put in its place.
_ASKS_WHICH = re.compile(
    rf"(?:who|what|which)(?:['’]s| {BE}) the [^\W\d_]+\W*$", re.IGNORECASE
)
# What a question asks for by its kind: "Who was king of", "Which pump is".
_ASKED_KIND = re.compile(
    rf"(?:who|what) {BE} (?:(?:the|an?) )?(?:[^\W\d_]+ ){{0,2}}?(?P<is>[^\W\d_]+)"
    rf"(?= (?:of|{_LINK}|when|that|who)\b|\W*$)"
    rf"|(?:which|what) (?P<which>[^\W\d_]+) (?:{AUXILIARY}|{_PAST})\b",
    re.IGNORECASE,
)
# An answer of at most this many words names a thing; a longer one tells about it.
_NAME_WORDS = 6
# "Who approves it?", not "For landlords?"
_WHOLE = re.compile(
    rf"who(?:se|m)?\b \w+|(?:(?:what|which|when|where|why|how)\b.*? )?{AUXILIARY} \w+",
    re.IGNORECASE,
)
# The end of what was asked before, across a chain of follow-ups.
_BEFORE_CHARS = 300
_ASKS_FOR_PERSON = re.compile(r"who(?:se|m)?\b", re.IGNORECASE)
_ASKS_FOR_THING = re.compile(r"(?:who(?:se|m)?|which|what)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A question as it was searched, and the answer to it."""

    question: str
    answer: str = ""
    is_refused: bool = False


def make_standalone(question: str, previous: Turn | None) -> str:
    """Return ``question``, completed from the turn before where it leans on it."""
    if previous is None:
        return question
    plain = LEADING.sub("", question.strip())
    named = (
        _with_the_date(question.strip(), previous)
        or _with_the_place(question.strip(), previous)
        or _with_the_thing(plain, previous)
    )
    if named:
        return named
    if not leans(question):
        return question
    about = WHAT_ABOUT.match(question.strip())
    if about:
        return _put_into(about[1], previous)
    return _with_subject(plain, previous)


def _put_into(topic: str, previous: Turn) -> str:
    """Ask the question before about ``topic``: its last name is replaced.

    By a name only: "interns" do not stand for Germany, nor "clause 8" for Siemens.
    """
    before = previous.question
    names = names_inside(before)
    if names and re.match(CAPITAL, topic):
        at = before.rindex(names[-1])
        return before[:at] + topic + before[at + len(names[-1]) :]
    return _after(f"What about {topic}?", previous)


def _with_the_date(question: str, previous: Turn) -> str:
    """Return the question before with another date in the place of its only one, or "".

    A day for a day and a year for a year, behind the same small word if there is one.
    """
    asked = _AND_DATED.fullmatch(question)
    before = previous.question.partition(ASKED_BEFORE)[0]
    dates = [*DATED.finditer(before)]
    if asked is None or len(dates) != 1 or _parts_of(dates[0]) != _parts_of(asked):
        return ""
    start, end = dates[0].span()
    if asked["link"] and not before[:start].endswith(f" {asked['link'].lower()} "):
        return ""
    return f"{before[:start]}{asked['when']}{before[end:]}"


def _parts_of(date: re.Match[str]) -> set[str]:
    """Return which of year, month and day a match of DAY tells."""
    return {
        name[0] for name, said in date.groupdict().items() if said and len(name) == 2
    }


def _with_the_place(question: str, previous: Turn) -> str:
    """Return the question before with another name behind the same small word, or ""."""
    asked = _AND_PLACED.fullmatch(question[:1].lower() + question[1:])
    if asked is None:
        return ""
    before = previous.question.partition(ASKED_BEFORE)[0]
    places = [
        place
        for place in re.finditer(rf"\b{_PLACED}(?![\w-])", before)
        if place["link"] == asked["link"] and bool(place["name"]) == bool(asked["name"])
    ]
    if not places:
        return ""
    start, end = places[-1].span("what")
    return f"{before[:start]}{asked['what']}{before[end:]}"


def _with_the_thing(question: str, previous: Turn) -> str:
    """Return ``question`` with what "the king" of it means, "" where that is not plain.

    It must be what the turn before asked for, by this word, and was told by name, or
    what it named there in full: "the contract with Siemens".
    """
    match = _DEFINITE.search(question)
    is_plain = match and not (
        PRONOUNS.search(without_expletive(question))
        or names_inside(question)
        or re.search(r"\d", question)
        or _ASKS_WHICH.match(question)
    )
    if match is None or not is_plain:
        return ""
    start, end = match.span(match.lastgroup or 0)
    noun = fold(question[start:end].split()[1])
    asked = _ASKED_KIND.match(LEADING.sub("", previous.question.strip()))
    is_asked = asked and fold(asked["is"] or asked["which"]) == noun
    thing = (is_asked and _told(previous)) or _in_full(noun, previous.question)
    return f"{question[:start]}{thing}{question[end:]}" if thing else ""


def _in_full(noun: str, question: str) -> str:
    """Return ``noun`` with the names behind it in ``question``, "" if there are none."""
    name = rf"(?:of|with|for|from|in|at) (?:the )?(?:{_NAME}(?: {_NAME})*|\d{{4}})"
    found = re.search(rf"\b{re.escape(noun)}(?: {name})+(?![\w-])", question)
    return f"the {found[0]}" if found else ""


def _with_subject(question: str, previous: Turn) -> str:
    found = [fold(m[0]) for m in PRONOUNS.finditer(without_expletive(question))]
    pronoun = next((one for one in found if one in POINTING), "".join(found[:1]))
    subject = _subject(pronoun, previous)
    if subject and not _SOME_OF.search(question):
        return _replace(question, pronoun, subject)
    return _after(question, previous)


def _after(question: str, previous: Turn) -> str:
    """Return ``question`` with what was asked before it."""
    last, _, earlier = previous.question.partition(ASKED_BEFORE)
    if _WHOLE.match(last) and not PRONOUNS.search(without_expletive(last)):
        earlier = ""
    before = f"{earlier.removesuffix(')')} {_ended(last)}".strip()
    if len(before) > _BEFORE_CHARS:
        before = before[-_BEFORE_CHARS:].partition(" ")[2]
    return f"{_ended(question)}{ASKED_BEFORE}{before})"


def asked_now(question: str) -> str:
    """Return ``question`` without what was asked before it, if it can do without.

    "For landlords?" cannot: what is asked stands in the question before.
    """
    own = question.partition(ASKED_BEFORE)[0]
    return own if _WHOLE.match(own) else question


def _ended(question: str) -> str:
    asked = question.strip()
    asked = asked[:1].upper() + asked[1:]
    return asked if asked.endswith(("?", ".", "!")) else f"{asked}?"


def _replace(question: str, pronoun: str, subject: str) -> str:
    owner = f"{subject}'s" if pronoun in POSSESSIVE else subject
    said = f"in {subject}" if pronoun == "there" else owner
    pattern = rf"\b{re.escape(pronoun)}\b"
    return re.sub(pattern, lambda _m: said, question, count=1, flags=re.IGNORECASE)


def _subject(pronoun: str, turn: Turn) -> str:
    """Return the name that ``pronoun`` after ``turn`` most likely points at, or ""."""
    if pronoun in {"this", "that"}:
        return "" if _ASKS_FOR_PERSON.match(turn.question) else _told(turn)
    if pronoun not in POINTING | {"there"}:
        return ""
    return _told(turn) or _named(pronoun, turn.question)


def _named(pronoun: str, question: str) -> str:
    """Return the last name of ``question``, "" where ``pronoun`` means another thing."""
    names = names_inside(question)
    is_many = pronoun in _MANY and _ASKED_MANY.match(question)
    is_thing = pronoun in _MANY | {"it", "its"}
    if not names or is_many or (is_thing and _is_beside(names[-1], question)):
        return ""
    return names[-1]


def _is_beside(name: str, question: str) -> bool:
    """Whether a name says where, when or which: "in Kiel", "the Siemens contract"."""
    before, _, behind = question.rpartition(name)
    is_placed = re.search(
        r"\b(?:in|at|on|from|for|by|with|to) (?:the )?$", before, re.IGNORECASE
    )
    is_one_of = re.search(r"\b(?:the|our|an?) $", before, re.IGNORECASE)
    return bool(is_placed or (is_one_of and re.match(r" [^\W\d_]", behind)))


def _told(turn: Turn) -> str:
    """Return the name that ``turn`` asked for and was told, or ""."""
    in_question = names_inside(turn.question)
    answer = "" if turn.is_refused else MARK.sub("", turn.answer).strip(" .\n")
    if _ASKS_FOR_THING.match(turn.question) and _is_name(answer):
        return answer
    if _ASKS_FOR_PERSON.match(turn.question):
        in_answer = [n for n in name_spans(answer) if n not in in_question]
        if in_answer:
            return in_answer[0]
    return ""


def _is_name(answer: str) -> bool:
    words = answer.split()
    if not 0 < len(words) <= _NAME_WORDS or fold(words[0]) in STOP_WORDS - {"the"}:
        return False
    long = [word for word in words if fold(word) not in STOP_WORDS]
    return bool(long) and all(word[0].isupper() for word in long)
