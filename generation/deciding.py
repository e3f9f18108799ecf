"""Whether to answer: how likely the passages hold what is asked, and what is missing. Pure.

Before anything is written the model is asked whether the passages state the answer.
How much likelier it finds "yes" than "no" as its next token, so that nothing is
sampled, becomes a confidence by a logistic rule and is held against one threshold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from generation.types import CitationFound, SourceRef
from generation.words import claim_of, fold, name_spans

Outcome = Literal["answered", "partly", "not_in_documents"]

# Intercept and slope by model, fitted on 88 questions of SQuAD 2 dev, between the
# 301st and the 431st of the file, that no figure is reported for (docs/evaluation.md,
# Answers): ridge logistic regression, both classes of equal weight, so that 0.5 is even
# odds. A model that none was fitted for is not asked: how readily it says "yes" is its
# own, and the smaller one says "no" to what stands in front of it.
FITTED: dict[str, tuple[float, float]] = {
    "qwen2.5-coder-1.5b-instruct-q4_k_m": (-0.735, 1.511),
}
# A token that is not among the likeliest ones has at most about this log-probability.
_RARE = -12.0
# Bound of the log-odds.
_MOST = 6.0


def log_odds(check: Mapping[str, float]) -> float | None:
    """Return the log-odds of "yes" over "no", None from a server that tells none.

    Args:
        check: log-probabilities of the likeliest first tokens of the model's reply.
    """
    if not check:
        return None
    odds = _chance(check, "yes") - _chance(check, "no")
    return min(max(odds, -_MOST), _MOST)


def _chance(tokens: Mapping[str, float], word: str) -> float:
    """Return the log of the summed probability of the tokens that spell ``word``."""
    found = [p for token, p in tokens.items() if token.strip().casefold() == word]
    return math.log(sum(math.exp(p) for p in found)) if found else _RARE


def confidence(says_yes: float, model: str) -> float:
    """Return how likely the passages hold the answer, 0 to 1.

    Args:
        model: one of ``FITTED``.
    """
    intercept, slope = FITTED[model]
    return 1 / (1 + math.exp(-(intercept + slope * says_yes)))


def missing_from(question: str, sources: Sequence[SourceRef]) -> tuple[str, ...]:
    """Return names and numbers of the question that no passage holds, as written."""
    claims = [
        claim_of(f"{source.document} {source.heading} {source.quote}")
        for source in sources
    ]
    held = frozenset[str]().union(*(claim.terms for claim in claims))
    wanted = [name for name in name_spans(question) if not question.startswith(name)]
    numbers = [
        word
        for word in question.replace("?", " ").split()
        if claim_of(word).numbers and fold(word)[0].isdigit()
    ]
    lacking = [part for part in (*wanted, *numbers) if claim_of(part).terms - held]
    return tuple(dict.fromkeys(lacking))


def outcome_of(citations: Sequence[CitationFound], missing: Sequence[str]) -> Outcome:
    """Return what an answer that was given came to."""
    is_borne = all(citation.verdict == "supported" for citation in citations)
    return "answered" if is_borne and not missing else "partly"
