"""Whether to answer: how likely the passages hold what is asked, and what is missing. Pure.

A model is asked for one word twice. Before it writes: whether the passages state the
answer, "yes" or "no". After an answer of a few words: whether the words that bear it
say that this answers exactly this question, "true" or "false". How much likelier it
finds the one than the other, so that nothing is sampled, becomes a confidence by a
logistic rule and is held against one threshold. Of the second word more is read than
the word, where the server tells more (``generation.readouts``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from generation.grounding.words import claim_of, fold, name_spans, terms_in
from generation.types import CitationFound, SourceRef

Outcome = Literal["answered", "partly", "not_in_documents"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A logistic rule of one model: an intercept, and the weights of what it says.

    Attributes:
        unborne: what words of the question add that the passages do not bear out
            (``generation.grounding.premises``).
        surest: of "true", what 19 of 20 answers to answerable questions of the fit stay
            below. What could not become sure enough even so is not written.
    """

    intercept: float
    says_yes: float
    says_true: float
    unborne: float = 0.0
    surest: float = 2.2


# By model; fitted on 122 questions of SQuAD 2 dev, between the 301st and the 466th of
# the file, that no figure is reported for (docs/evaluation.md, Answers): ridge logistic
# regression, both classes of equal weight, so that 0.5 is even odds. A model that none
# was fitted for is not asked: how readily it says "yes" is its own, and the smaller one
# says "no" to what stands in front of it. The weight of unborne words is of a fit with
# them to the questions below.
FITTED: dict[str, Rule] = {
    "qwen2.5-coder-1.5b-instruct-q4_k_m": Rule(
        intercept=-1.07, says_yes=1.45, says_true=0.96, unborne=-1.1
    ),
}
# The same with the reading in the place of the log-odds of "true": fitted on the 166
# questions from the 301st on, whose claims the reading was not fitted to.
READ: dict[str, Rule] = {
    "qwen2.5-coder-1.5b-instruct-q4_k_m": Rule(
        intercept=-0.10, says_yes=0.94, says_true=2.39, unborne=-0.93, surest=0.88
    ),
}
# A token that is not among the likeliest ones has at most about this log-probability.
_RARE = -12.0
# Bound of the log-odds.
_MOST = 6.0


def log_odds(chances: Mapping[str, float], word: str, other: str) -> float | None:
    """Return the log-odds of ``word`` over ``other``, None from a server that tells none.

    Args:
        chances: log-probabilities of the likeliest first tokens of the model's reply.
    """
    if not chances:
        return None
    odds = _chance(chances, word) - _chance(chances, other)
    return min(max(odds, -_MOST), _MOST)


def _chance(tokens: Mapping[str, float], word: str) -> float:
    """Return the log of the summed probability of the tokens that spell ``word``."""
    found = [p for token, p in tokens.items() if token.strip().casefold() == word]
    return math.log(sum(math.exp(p) for p in found)) if found else _RARE


def confidence(
    rule: Rule,
    says_yes: float,
    says_true: float | None = None,
    *,
    is_unborne: bool = False,
) -> float:
    """Return how likely the passages hold the answer, 0 to 1.

    Args:
        says_yes: log-odds before writing.
        says_true: what is said after it; left out, the result is the most that can come.
        is_unborne: the question has words that the passages do not bear out.
    """
    verdict = rule.surest if says_true is None else says_true
    odds = rule.intercept + rule.says_yes * says_yes + rule.says_true * verdict
    return 1 / (1 + math.exp(-odds - rule.unborne * is_unborne))


def missing_from(question: str, sources: Sequence[SourceRef]) -> tuple[str, ...]:
    """Return names and numbers of the question that no passage holds, as written."""
    claims = [
        claim_of(f"{source.document} {source.heading} {source.quote}")
        for source in sources
    ]
    held = frozenset[str]().union(*(claim.terms for claim in claims))
    wanted = [name for name in name_spans(question) if not question.startswith(name)]
    lacking = [name for name in wanted if claim_of(name).terms - held]
    return tuple(dict.fromkeys((*lacking, *_numbers_beyond(held, question))))


def _numbers_beyond(held: frozenset[str], question: str) -> Iterator[str]:
    """Yield the words of ``question`` that begin with a number and are not all held.

    "5 million" is one of them.
    """
    terms = terms_in(question)
    for word in re.finditer(r"[^\s?]+", question):
        own = [term for term in terms if word.start() <= term.start < word.end()]
        is_number = fold(word[0])[:1].isdigit() and own
        if is_number and any(term.term not in held for term in own):
            yield question[word.start() : max(word.end(), own[-1].end)]


def outcome_of(citations: Sequence[CitationFound], missing: Sequence[str]) -> Outcome:
    """Return what an answer that was given came to."""
    is_borne = all(citation.verdict == "supported" for citation in citations)
    return "answered" if is_borne and not missing else "partly"
