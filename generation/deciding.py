"""Whether to answer: how likely the passages hold what is asked, and what is missing. Pure.

Two things are known of the model before its first word is shown: whether it says
"yes" when asked if the passages state the answer, and how likely it finds it to begin
with the refusal. Both come as probabilities of single tokens, so nothing is sampled.
Together they make one confidence by a logistic rule, held against one threshold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from generation.guarding import NOT_IN_DOCUMENTS
from generation.types import CitationFound, SourceRef
from generation.words import claim_of, fold, name_spans

Outcome = Literal["answered", "partly", "not_in_documents"]

# Fitted on 88 questions of SQuAD 2 dev that no figure of the pipeline is reported for
# (docs/evaluation.md, Answers): ridge logistic regression, both classes of equal weight.
INTERCEPT, SAYS_YES, SAYS_MISSING = -0.95, 1.28, -0.25
# A token that is not among the likeliest ones has at most about this probability.
_RARE = -12.0
# Bounds of a signal, so that one that is sure of itself cannot outvote the rest.
_MOST = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is known before an answer is shown.

    Attributes:
        says_yes: log-odds of "yes" over "no" in the model's own check.
        says_missing: log-odds that the answer begins with the refusal.
    """

    says_yes: float
    says_missing: float

    def data(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


def signals_of(
    check: Mapping[str, float], opening: Mapping[str, float]
) -> Signals | None:
    """Return the signals, or None from a server that tells no probabilities.

    Args:
        check: log-probabilities of the first token of the model's check.
        opening: those of the first token of its answer.
    """
    if not check or not opening:
        return None
    says_yes = _chance(check, ("yes",)) - _chance(check, ("no",))
    missing = _chance(opening, (NOT_IN_DOCUMENTS.split()[0].casefold(),))
    return Signals(
        says_yes=_bounded(says_yes),
        says_missing=_bounded(missing - _log_rest(missing)),
    )


def _chance(tokens: Mapping[str, float], words: Sequence[str]) -> float:
    """Return the log of the summed probability of tokens that spell one of ``words``."""
    found = [p for token, p in tokens.items() if token.strip().casefold() in words]
    return math.log(sum(math.exp(p) for p in found)) if found else _RARE


def _log_rest(chance: float) -> float:
    """Return log(1 - exp(chance))."""
    return math.log(max(-math.expm1(min(chance, 0.0)), math.exp(_RARE)))


def _bounded(value: float) -> float:
    return min(max(value, -_MOST), _MOST)


def confidence(signals: Signals) -> float:
    """Return how likely the passages hold the answer, 0 to 1."""
    total = (
        INTERCEPT + SAYS_YES * signals.says_yes + SAYS_MISSING * signals.says_missing
    )
    return 1 / (1 + math.exp(-total))


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
