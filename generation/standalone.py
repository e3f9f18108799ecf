"""Makes a follow-up question stand on its own, so that search can find its passage. Pure.

Deterministic: a model would cost seconds of prompt on a CPU, and what is found
must not depend on a sample.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from generation.sentences import MARK
from generation.words import STOP_WORDS, fold, name_spans, question_terms

_PRONOUNS = re.compile(
    r"\b(he|she|him|they|them|it|his|her|hers|their|theirs|its|this|that|these|those|there|"
    r"the same|the former|the latter)\b",
    re.IGNORECASE,
)
# Of these, those that point at a person or a thing, not at a place or a whole sentence.
_POINTING = frozenset("he she him they them it his her hers their theirs its".split())  # noqa: SIM905
_POSSESSIVE = {"his", "her", "hers", "their", "theirs", "its"}
_WHAT_ABOUT = re.compile(
    r"^(?:and|so|then|but|ok|okay)?[\s,]*(?:what|how)\s+about\s+(.+?)\s*\??$",
    re.IGNORECASE,
)
# "And in Switzerland?", and what it is put in the place of: "in Germany".
_PLACED = (
    r"(?P<link>in|at|for|from|of|with|on|by|to) "
    r"(?P<what>(?:the )?(?:(?P<name>[A-Z][\w'’-]*(?: [A-Z][\w'’-]*)*)|\d{4}))"
)
_AND_PLACED = re.compile(
    rf"(?i:(?:and|but|or|then|ok|okay|so)?[\s,]*(?:(?:what|how) about )?)(?-i:{_PLACED})\s*\??$"
)
_LEADING = re.compile(r"^(?:and|but|so|then|also|or)\b[\s,]*", re.IGNORECASE)
_BE = r"(?:is|are|was|were)"
_HELPING = r"(?:did|does|do|has|have|had|can|could|will|would|should|must|may)"
_AUXILIARY = rf"(?:{_BE}|{_HELPING})"
_WHILE = rf"(?:if|while|because|unless|once|until|when(?! {_AUXILIARY}\b))"
# Where another clause begins, which may point back at the one before.
_NEXT_CLAUSE = re.compile(
    rf"\b(?P<and>and (?:who|whom|what|when|where|why|how|which|{_AUXILIARY}))\b|\b{_WHILE}\b",
    re.IGNORECASE,
)
_CLAUSE_FIRST = re.compile(rf"{_WHILE}\b[^,]*,", re.IGNORECASE)
# Before a possessive: it is the subject itself, or of a thing that is no owner.
_NO_OWNER_BEFORE = re.compile(
    rf"\b(?:of|for|in|on|at|to|with|by|from|about|than|{_AUXILIARY}) $", re.IGNORECASE
)
_ANY_THING = re.compile(r"\b(?:an?|each|every|any) [^\W\d_]", re.IGNORECASE)
_THE_THING = re.compile(r"\bthe [^\W\d_]", re.IGNORECASE)
# Not "What happens", a verb.
_PLURAL = re.compile(
    r"(?<!\bwhat )(?<!\bwho )\b[^\W\d_]{2,}[^\W\d_sui]s\b", re.IGNORECASE
)
# "The king" of a question, without words of its own that tell which. That "the head" of
# "the head office" is none, only an end, "'s" or what must be a verb may stand behind.
_LINK = (
    r"(?:in|on|at|from|to|into|for|with|by|after|before|under|during|last|first|again)"
)
_PAST = r"(?:[^\W\d_]+[^\W\d_e]ed|born|built|made|held|sold|found|written)"
_DEFINITE = re.compile(
    rf"(?:\b{_HELPING}|^{_BE}) (?P<doer>the [^\W\d_]+)(?= [^\W\d_]+\W*$)"
    rf"|\b{_BE} (?P<done>the [^\W\d_]+)(?= {_PAST}(?:\W*$| {_LINK}\b))"
    r"|\b(?P<rest>the [^\W\d_]+)(?=['’]s |\W*$)",
    re.IGNORECASE,
)
# The thing itself is asked for; there is nothing to put in its place.
_ASKS_WHICH = re.compile(
    rf"(?:who|what|which)(?:['’]s| {_BE}) the [^\W\d_]+\W*$", re.IGNORECASE
)
# What a question asks for by its kind: "Who was king of", "Which pump is".
_ASKED_KIND = re.compile(
    rf"(?:who|what) {_BE} (?:(?:the|an?) )?(?:[^\W\d_]+ ){{0,2}}?(?P<is>[^\W\d_]+)"
    rf"(?= (?:of|{_LINK}|when|that|who)\b|\W*$)"
    rf"|(?:which|what) (?P<which>[^\W\d_]+) (?:{_AUXILIARY}|{_PAST})\b",
    re.IGNORECASE,
)
# An answer of at most this many words names a thing; a longer one tells about it.
_NAME_WORDS = 6
# Between a question and what it leans on. What is asked now comes first: of two questions
# a small model answers the first one, of "How many days of leave are there – when is it
# requested?" the days. In small letters, for a capital would begin a name.
_ASKED_BEFORE = " (asked before: "
# "Who approves it?", not "For landlords?"
_WHOLE = re.compile(
    rf"who(?:se|m)?\b \w+|(?:(?:what|which|when|where|why|how)\b.*? )?{_AUXILIARY} \w+",
    re.IGNORECASE,
)
# Of all that there are, whatever was spoken of before; not "How many are there?"
_OF_ALL = re.compile(
    rf"how many (?!of\b|{_AUXILIARY}\b)[^\W\d_]+(?: [^\W\d_]+)?"
    rf" (?:{_BE} there|do (?:we|you) have)\W*",
    re.IGNORECASE,
)
# The end of what was asked before, across a chain of follow-ups.
_BEFORE_CHARS = 300
# Fewer terms of its own than this, and a question leans on the one before.
_FEW_TERMS = 2
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
    plain = _LEADING.sub("", question.strip())
    named = _with_the_place(question.strip(), previous) or _with_the_thing(
        plain, previous
    )
    if named:
        return named
    if not leans(question):
        return question
    about = _WHAT_ABOUT.match(question.strip())
    if about:
        return _put_into(about[1], previous)
    return _with_subject(plain, previous)


def leans(question: str) -> bool:
    """Whether a question cannot be understood without the one before it."""
    plain = question.strip()
    if _WHAT_ABOUT.match(plain):
        return True
    if _OF_ALL.fullmatch(plain):
        return False
    if _names_itself(_LEADING.sub("", plain)):
        return False
    if _LEADING.match(plain):
        return True
    names = [n for n in name_spans(plain) if not plain.startswith(n) or " " in n]
    if _PRONOUNS.search(_without_expletive(plain)):
        return not names or len(question_terms(plain)) <= _FEW_TERMS + 1
    return len(question_terms(plain)) < _FEW_TERMS and not names


def _names_itself(question: str) -> bool:
    """Whether the first pronoun of a question points at something in front of it there.

    "What did Curie discover and when did she do it?" In doubt it does not: "the" thing
    of another clause, or for a person, is too often not what is meant.
    """
    plain = _without_expletive(question)
    pronoun = _PRONOUNS.search(plain)
    if pronoun is None:
        return False
    word, head = fold(pronoun[0]), plain[: pronoun.start()]
    # "her" owns what follows it; at an end it is whom something is done to.
    is_owner = word in _POSSESSIVE and (
        word != "her" or re.match(r" \w", plain[pronoun.end() :])
    )
    if is_owner and not _NO_OWNER_BEFORE.search(head):
        return _holds_antecedent(head, word, is_definite=word in {"its", "their"})
    first = _CLAUSE_FIRST.match(head)
    if first:
        return _holds_antecedent(first[0], word, is_definite=False)
    clauses = [*_NEXT_CLAUSE.finditer(head)]
    if not clauses:
        return False
    last = clauses[-1]
    is_definite = bool(last["and"]) and word in {"it", "they", "them"}
    return _holds_antecedent(head[: last.start()], word, is_definite=is_definite)


def _holds_antecedent(words: str, pronoun: str, *, is_definite: bool) -> bool:
    """Whether ``words`` hold what ``pronoun`` may stand for.

    Args:
        is_definite: "the pump" counts as well as "a pump".
    """
    if pronoun not in _POINTING:
        return False
    is_many = pronoun in {"they", "them", "their", "theirs"}
    plural = (fold(match[0]) for match in _PLURAL.finditer(words))
    return bool(
        _names_inside(words)
        or _ANY_THING.search(words)
        or (is_definite and _THE_THING.search(words))
        or (is_many and any(word not in STOP_WORDS for word in plural))
    )


def _without_expletive(question: str) -> str:
    """Drop words that look like pronouns and point at nothing."""
    dropped = r"\b(?:is|are|was|were) there\b|\bis it (?:true|possible)\b|\bthat(?= \w+(?:s|ed)\b)"
    return re.sub(dropped, "", question, flags=re.IGNORECASE)


def _put_into(topic: str, previous: Turn) -> str:
    """Ask the question before about ``topic``: its last name is replaced."""
    before = previous.question
    names = _names_inside(before)
    if names:
        at = before.rindex(names[-1])
        return before[:at] + topic + before[at + len(names[-1]) :]
    return _after(f"What about {topic}?", previous)


def _with_the_place(question: str, previous: Turn) -> str:
    """Return the question before with another name behind the same small word, or ""."""
    asked = _AND_PLACED.fullmatch(question[:1].lower() + question[1:])
    if asked is None:
        return ""
    before = previous.question.partition(_ASKED_BEFORE)[0]
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
        _PRONOUNS.search(_without_expletive(question))
        or _names_inside(question)
        or re.search(r"\d", question)
        or _ASKS_WHICH.match(question)
    )
    if match is None or not is_plain:
        return ""
    start, end = match.span(match.lastgroup or 0)
    noun = fold(question[start:end].split()[1])
    asked = _ASKED_KIND.match(_LEADING.sub("", previous.question.strip()))
    is_asked = asked and fold(asked["is"] or asked["which"]) == noun
    thing = (is_asked and _told(previous)) or _in_full(noun, previous.question)
    return f"{question[:start]}{thing}{question[end:]}" if thing else ""


def _in_full(noun: str, question: str) -> str:
    """Return ``noun`` with the names behind it in ``question``, "" if there are none."""
    name = r"(?:of|with|for|from|in|at) (?:the )?(?:[A-Z][\w-]*(?: [A-Z][\w-]*)*|\d{4})"
    found = re.search(rf"\b{re.escape(noun)}(?: {name})+(?![\w-])", question)
    return f"the {found[0]}" if found else ""


def _with_subject(question: str, previous: Turn) -> str:
    subject = subject_of(previous)
    pointing = _PRONOUNS.search(_without_expletive(question))
    if subject and pointing:
        return _replace(question, pointing[0], subject)
    return _after(question, previous)


def _after(question: str, previous: Turn) -> str:
    """Return ``question`` with what was asked before it."""
    last, _, earlier = previous.question.partition(_ASKED_BEFORE)
    if _WHOLE.match(last) and not _PRONOUNS.search(_without_expletive(last)):
        earlier = ""
    before = f"{earlier.removesuffix(')')} {_ended(last)}".strip()
    if len(before) > _BEFORE_CHARS:
        before = before[-_BEFORE_CHARS:].partition(" ")[2]
    return f"{_ended(question)}{_ASKED_BEFORE}{before})"


def asked_now(question: str) -> str:
    """Return ``question`` without what was asked before it, if it can do without.

    "For landlords?" cannot: what is asked stands in the question before.
    """
    own = question.partition(_ASKED_BEFORE)[0]
    return own if _WHOLE.match(own) else question


def _ended(question: str) -> str:
    asked = question.strip()
    asked = asked[:1].upper() + asked[1:]
    return asked if asked.endswith(("?", ".", "!")) else f"{asked}?"


def _replace(question: str, pronoun: str, subject: str) -> str:
    owner = f"{subject}'s" if fold(pronoun) in _POSSESSIVE else subject
    pattern = rf"\b{re.escape(pronoun)}\b"
    return re.sub(pattern, lambda _m: owner, question, count=1)


def subject_of(turn: Turn) -> str:
    """Return what a pronoun after ``turn`` most likely points at, or ""."""
    in_question = _names_inside(turn.question)
    return _told(turn) or (in_question[-1] if in_question else "")


def _told(turn: Turn) -> str:
    """Return the name that ``turn`` asked for and was told, or ""."""
    in_question = _names_inside(turn.question)
    answer = "" if turn.is_refused else MARK.sub("", turn.answer).strip(" .\n")
    if _ASKS_FOR_THING.match(turn.question) and _is_name(answer):
        return answer
    if _ASKS_FOR_PERSON.match(turn.question):
        in_answer = [n for n in name_spans(answer) if n not in in_question]
        if in_answer:
            return in_answer[0]
    return ""


def _names_inside(question: str) -> list[str]:
    """Names of a question; the first word of each is capitalised whatever it is."""
    firsts = re.split(rf"{re.escape(_ASKED_BEFORE)}|[?.!] ", question)
    names = name_spans(question)
    return [
        name for name in names if not any(first.startswith(name) for first in firsts)
    ]


def _is_name(answer: str) -> bool:
    words = answer.split()
    if not 0 < len(words) <= _NAME_WORDS or fold(words[0]) in STOP_WORDS - {"the"}:
        return False
    long = [word for word in words if fold(word) not in STOP_WORDS]
    return bool(long) and all(word[0].isupper() for word in long)
