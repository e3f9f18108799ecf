"""Whether a question leans on the one before it: "And who repairs it?" Pure."""

from __future__ import annotations

import re

from generation import pointing
from generation.grounding.quantities import DATE
from generation.grounding.words import STOP_WORDS, fold, name_spans, question_terms
from generation.tables.values import DAY

# Between a question and what it leans on. What is asked now comes first: of two questions
# a small model answers the first one, of "How many days of leave are there – when is it
# requested?" the days. In small letters, for a capital would begin a name.
ASKED_BEFORE = " (asked before: "
#: A day, month or year that is no part of a number: not "INC-2024".
DATED = re.compile(rf"(?<![\w/-]){DAY.pattern}", re.IGNORECASE)
PRONOUNS = re.compile(
    r"\b(he|she|him|they|them|it|his|her|hers|their|theirs|its|this|that|these|those|there|"
    r"the same|the former|the latter"
    r"|(?:which|the(?: \w+)?|an? \w+|another) ones?(?! (?:of|that|who|which|with|in)\b))\b",
    re.IGNORECASE,
)
# Of these, those that point at a person or a thing, not at a place or a whole sentence.
POINTING = frozenset("he she him they them it his her hers their theirs its".split())  # noqa: SIM905
POSSESSIVE = {"his", "her", "hers", "their", "theirs", "its"}
WHAT_ABOUT = re.compile(
    r"^(?:and|so|then|but|ok|okay)?[\s,]*(?:what|how)\s+about\s+(.+?)\s*\??$",
    re.IGNORECASE,
)
LEADING = re.compile(
    r"^(?:and|but|so|then|also|or|und|aber|oder|et|mais|ou|pero|y(?! a\b))\b[\s,]*",
    re.IGNORECASE,
)
BE = r"(?:is|are|was|were)"
HELPING = r"(?:did|does|do|has|have|had|can|could|will|would|should|must|may)"
AUXILIARY = rf"(?:{BE}|{HELPING})"
_WHILE = rf"(?:if|while|because|unless|once|until|when(?! {AUXILIARY}\b))"
# Where another clause begins, which may point back at the one before.
_NEXT_CLAUSE = re.compile(
    rf"\b(?P<and>and (?:who|whom|what|when|where|why|how|which|{AUXILIARY}))\b|\b{_WHILE}\b",
    re.IGNORECASE,
)
_CLAUSE_FIRST = re.compile(rf"{_WHILE}\b[^,]*,", re.IGNORECASE)
# Before a possessive: it is the subject itself, or of a thing that is no owner.
_NO_OWNER_BEFORE = re.compile(
    rf"\b(?:of|for|in|on|at|to|with|by|from|about|than|{AUXILIARY}) $", re.IGNORECASE
)
# "The risks that threaten us", "the lease that we signed": it goes on about these.
_RELATIVE = re.compile(
    rf"\b(?:which|what|(?:the|all|any|our|of|many)(?: [\w-]+)?) (?!{AUXILIARY}\b)[^\W\d_]+s"
    rf" that(?= \w)|\b(?!(?:{AUXILIARY}|what|why|how|when|where|who|if|and|but)\b)[^\W\d_]+"
    rf" that(?= (?:{AUXILIARY}|i|we|you|he|she|they|there)\b)",
    re.IGNORECASE,
)
_ANY_THING = re.compile(r"\b(?:an?|each|every|any) [^\W\d_]", re.IGNORECASE)
_THE_THING = re.compile(r"\bthe [^\W\d_]", re.IGNORECASE)
# Not "What happens", a verb.
_PLURAL = re.compile(
    r"(?<!\bwhat )(?<!\bwho )\b[^\W\d_]{2,}[^\W\d_sui]s\b", re.IGNORECASE
)
# Of all that there are, whatever was spoken of before; not "How many are there?"
_OF_ALL = re.compile(
    rf"how many (?!of\b|{AUXILIARY}\b)[^\W\d_]+(?: [^\W\d_]+)?"
    rf" (?:{BE} there|do (?:we|you) have)\W*",
    re.IGNORECASE,
)
# Fewer terms of its own than this, and a question leans on the one before.
_FEW_TERMS = 2


def leans(question: str) -> bool:
    """Whether a question cannot be understood without the one before it."""
    plain = question.strip()
    if WHAT_ABOUT.match(plain):
        return True
    if _OF_ALL.fullmatch(plain):
        return False
    if _names_itself(LEADING.sub("", plain)):
        return False
    if LEADING.match(plain) or pointing.points_back(plain):
        return True
    names = [n for n in name_spans(plain) if not plain.startswith(n) or " " in n]
    if PRONOUNS.search(without_expletive(plain)):
        return not names or len(question_terms(plain)) <= _FEW_TERMS + 1
    return len(question_terms(plain)) < _FEW_TERMS and not names


def _names_itself(question: str) -> bool:
    """Whether the first pronoun of a question points at something in front of it there.

    "What did Curie discover and when did she do it?" In doubt it does not: "the" thing
    of another clause, or for a person, is too often not what is meant.
    """
    plain = without_expletive(question)
    pronoun = PRONOUNS.search(plain)
    if pronoun is None:
        return False
    word, head = fold(pronoun[0]), plain[: pronoun.start()]
    # "her" owns what follows it; at an end it is whom something is done to.
    is_owner = word in POSSESSIVE and (
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
    if pronoun not in POINTING:
        return False
    is_many = pronoun in {"they", "them", "their", "theirs"}
    plural = (fold(match[0]) for match in _PLURAL.finditer(words))
    return bool(
        names_inside(words)
        or _ANY_THING.search(words)
        or (is_definite and _THE_THING.search(words))
        or (is_many and any(word not in STOP_WORDS for word in plural))
    )


def without_expletive(question: str) -> str:
    """Drop words that look like pronouns and point at nothing."""
    dropped = r"\b(?:is|are|was|were) there\b|\bis it (?:true|possible)\b|\bthat(?= \w+(?:s|ed)\b)"
    plain = re.sub(dropped, "", question, flags=re.IGNORECASE)
    return _RELATIVE.sub(lambda m: m[0][: -len("that")], plain)


def names_inside(question: str) -> list[str]:
    """Names of a question; the first word of each is capitalised whatever it is.

    The month of a date is none.
    """
    for date in (DATED, DATE):
        question = date.sub(lambda match: " " * len(match[0]), question)
    firsts = re.split(rf"{re.escape(ASKED_BEFORE)}|[?.!] ", question)
    names = name_spans(question)
    return [
        name for name in names if not any(first.startswith(name) for first in firsts)
    ]
