"""Whether the passages found can answer at all, and whether the model says not. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from generation.grounding.sentences import split_answer
from generation.grounding.words import claim_of, fold, question_terms
from generation.guards import refusing
from retrieval.types import Hit

# What the prompt tells the model to say, and what a reader then sees.
NOT_IN_DOCUMENTS = "Not in your documents."
# Citation marks, whole or just begun: small models put one before a refusal too.
_MARKS = re.compile(r"\[[\d,\s]*(?:\]|$)")
# A word behind it makes it part of an answer: "Not in documents older than 2010".
_MARKER = re.compile(
    r"(?:no(?:t|ne)_?\s?in_?\s?(?:your_?\s?|the_?\s?)?documents?(?: (?:provided|given))?"
    rf"|{'|'.join(refusing.MARKERS)})[ \t]*(?:[^\w \t,]|_|$)",
    re.IGNORECASE,
)
# What was read, not what an answer may be about: "travel documents", "source code",
# "the text of the offer".
_THE = r"(?:the|these|this|your|any|provided|given|available|above)"
_NOUN = r"(?:passages?|documents?|text|sources?|context|information)"
_READ = (
    rf"{_NOUN}\b(?! (?:code|messages?|systems?|desks?|sheets?|fields?|menus?|templates?)\b)"
    rf"(?! of (?!(?:{_THE} )*(?:{_NOUN}|collections?|library)\b))"
)
_NOT = r"(?:\s?n['’]t|\bnot)\b"
_SAID = (
    r"(?:given|provided|available|found|mentioned|stated|specified|contained|included)"
)
_TELLS = (
    r"(?:contain|mention|provide|hold|state|say|specif(?:y|ie)|include|answer|give)"
)
# "Names must not be mentioned in the documents" is a rule, and "Costs not specified in
# the documents are not paid" speaks of costs: an auxiliary stands before a refusal's
# "not", or nothing.
_IS = (
    r"(?:(?:^|[.,:;] |['’]s |\b(?:is|are|was|were|has|have|had|can|ca|could|would|but|and)\s?)"
    rf"(?:\w+ly |also |still |therefore |however )?{_NOT}|\b(?:do|does|did)\s?{_NOT} (?:appear|seem|look)\b)"
)
# "If the documents do not contain a signature" says what then.
_CONDITION = re.compile(
    rf"\b(?:if|when|whenever|unless|where|in case) (?:{_THE} )*{_READ}"
    rf" (?:do|does|did|is|are|was|were)\s?{_NOT}[^.,;:]*",
    re.IGNORECASE,
)
_REFUSALS = re.compile(
    rf"(?:^|[.,:;] |\b{_THE} ){_READ}.{{0,60}}\b(?:do|does|did)\s?{_NOT}.{{0,30}}\b"
    rf"{_TELLS}"
    rf"|(?:^|[.,:;] |\b{_THE} ){_READ}.{{0,30}}\b{_TELLS}s? nothing"
    r"(?= (?:about|on|of|regarding|concerning)\b|\s*[.!]|\s*$)"
    rf"|\b(?:none of (?:{_THE} )*|no (?:{_THE} )*|neither (?:of (?:{_THE} )*)?)"
    rf"(?:passage|source|document|text)s? (?:\w+ly )?{_TELLS}s?\b"
    rf"|{_IS}.{{0,30}}\b{_SAID} (?:in|by|within) (?:{_THE} )*{_READ}"
    r"|\b(?:the|this|that|such) (?:information|answer)\b.{0,60}"
    rf"\b(?:is|was)\s?{_NOT}.{{0,30}}\b{_SAID}\s*(?:[.!]|$)"
    rf"|\bno (?:information|mention|answer)\b.{{0,40}}\b(?:in|within|from) (?:{_THE} )*{_READ}"
    r"|\bi (?:do not|don['’]t|cannot|can['’]t) (?:know|answer|find)\b",
    re.IGNORECASE | re.DOTALL,
)
# Cosine similarities of all-MiniLM-L6-v2 below the first have nothing to do with
# the question, above the second nearly always the right subject (SQuAD 2 dev:
# 1st and 50th percentile of the best passage of answerable questions).
SIMILARITY_NOTHING, SIMILARITY_SURE = 0.15, 0.60
# Evidence below which nothing is asked of the model: it is off the subject. Half of the
# question's terms in one passage are 0.25, and "Why did the margin fall?" is no more to
# minutes that speak of six things.
EVIDENCE_FLOOR = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How well the passages fit the question; every figure is 0 to 1, higher is better."""

    score: float
    similarity: float
    coverage: float

    def data(self) -> dict[str, float]:
        return {
            "evidence": round(self.score, 4),
            "similarity": round(self.similarity, 4),
            "coverage": round(self.coverage, 4),
        }


def weigh(question: str, hits: Sequence[Hit]) -> Evidence:
    """Judge passages before anything is written.

    Two views that fail on different questions: the best cosine similarity,
    stretched to 0..1, and the largest share of the question's own terms that one
    passage holds. The score is their mean, or the similarity where that is more.
    """
    best = max((hit.similarity or 0.0 for hit in hits), default=0.0)
    span = SIMILARITY_SURE - SIMILARITY_NOTHING
    similarity = min(max((best - SIMILARITY_NOTHING) / span, 0.0), 1.0)
    coverage = _coverage(question_terms(question), hits)
    # A question in another language than its passages shares no words with them.
    score = max(similarity, (similarity + coverage) / 2) if best else coverage
    return Evidence(score=score, similarity=similarity, coverage=coverage)


def _coverage(terms: frozenset[str], hits: Sequence[Hit]) -> float:
    """Return the largest share of ``terms`` in one passage.

    A question without terms of its own, such as "Summarise this", fits any.
    """
    if not terms or not hits:
        return 1.0 if hits else 0.0
    held = [claim_of(f"{hit.document} {hit.heading} {hit.text}").terms for hit in hits]
    return max(len(terms & words) / len(terms) for words in held)


def is_refusal(text: str) -> bool:
    """Whether an answer only says that the documents do not hold one."""
    if _is_marker(text):
        return True
    plain = _plain(text)
    # Longer texts explain something besides; a sentence of them may refuse a part.
    return len(plain) < 240 and bool(
        _REFUSALS.search(_CONDITION.sub("", plain)) or refusing.REFUSALS.search(plain)
    )


def holds_refusal(text: str) -> bool:
    """Whether a sentence of an answer is the marker: it takes back what stands beside it."""
    return any(_is_marker(sentence.words) for sentence in split_answer(text))


def without_marker(text: str) -> str:
    """Return an explanation without the marker that a small model puts behind it."""
    parts = split_answer(text)
    while len(parts) > 1 and _is_marker(parts[-1].words):
        text = text[: parts.pop().start].rstrip()
    return text


def may_become_refusal(text: str) -> bool:
    """Whether the beginning of an answer is, or could turn into, the marker.

    Such a beginning is held back, so that no reader sees half a marker.
    """
    plain = _letters(_MARKS.sub("", text))
    return any(m.startswith(plain) for m in _BEGINNINGS) or _is_marker(text)


def _is_marker(text: str) -> bool:
    return bool(_MARKER.match(_plain(text).lstrip("\"'*_ ")))


def _plain(text: str) -> str:
    return fold(_MARKS.sub("", text)).strip()


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", fold(text))


_BEGINNINGS = tuple(
    _letters(marker)
    for marker in (
        *(NOT_IN_DOCUMENTS, "not in documents", "none in your documents"),
        *refusing.MARKERS,
    )
)
