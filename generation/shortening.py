"""The few words of an answer that a question of fact asks for. Pure.

Small models answer "Who led it?" with "It was led by Ada Holm." Where a sentence says
the question again, what is left is the answer: fewer words to read and to check.
"""

from __future__ import annotations

import re

from generation.grounding.sentences import split_answer
from generation.grounding.words import claim_of, question_terms

# What joins the question said again and the answer, in either order.
_JOINT = re.compile(
    r"\s+(?:is|was|are|were|has been|had been|will be|be|became|called|named|known as)\s+",
    re.IGNORECASE,
)
# Share of the terms of the part that goes, which the question must hold.
_SAID_AGAIN = 0.75
# Besides the English ones: without them "are not covered" says what "covered" asks.
_NEGATED = re.compile(
    r"\b(?:non|nicht|nichts|kein(?:e[mnrs]?)?|nie(?:mals)?|niet|geen|pas|aucune?|jamais|"
    r"rien)\b",
    re.IGNORECASE,
)
# A longer answer tells something besides.
_MOST_WORDS = 40


def shorten(answer: str, question: str) -> str:
    """Return ``answer`` without the question in it; marks stay at its end.

    Text of more than one sentence, or without the question in it, stays as it is.
    """
    sentences = split_answer(answer)
    if len(sentences) != 1 or len(answer.split()) > _MOST_WORDS:
        return answer
    marks = "".join(f"[{number}]" for number in sentences[0].marks)
    words = sentences[0].words.rstrip(" .")
    kept = _rest(words, question)
    return f"{kept} {marks}".strip() if kept else answer


def _rest(words: str, question: str) -> str:
    """Return what ``words`` say beside ``question``, "" if that cannot be told."""
    asked = question_terms(question)
    for joint in _JOINT.finditer(words):
        before, after = words[: joint.start()].strip(), words[joint.end() :].strip()
        if _is_said(after, asked) == _is_said(before, asked):
            continue
        is_first = _is_said(after, asked)
        gone, kept = (after, before) if is_first else (before, after)
        # "Sale items are not refundable" does not answer what is refundable.
        if _is_negated(gone) != _is_negated(question) or not claim_of(kept).terms:
            return ""
        return kept if is_first else _without_opening(kept, asked)
    return ""


def _is_negated(words: str) -> bool:
    return claim_of(words).is_negated or bool(_NEGATED.search(words))


def _without_opening(words: str, asked: frozenset[str]) -> str:
    """Return ``words`` without those of the question that they begin with."""
    rest = words
    while (first := rest.split(maxsplit=1)) and len(first) == 2:
        if not claim_of(first[0]).terms & asked:
            break
        rest = first[1].removeprefix("by ")
    return rest


def _is_said(words: str, asked: frozenset[str]) -> bool:
    terms = claim_of(words).terms
    return bool(terms) and len(terms & asked) >= _SAID_AGAIN * len(terms)
