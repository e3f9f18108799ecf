"""Holding the sentences of an answer to their sources by an entailment model.

It may lift what words did not find and doubt what they did, but numbers, names and
denials stay with the words: a sentence whose number its source does not have is not
supported, whatever a model says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from generation.grounding.citations import Checked, Cited, Words
from generation.grounding.entailment import Entailment
from generation.grounding.evidence import (
    SHORT_CLAIM_TERMS,
    Passage,
    agreeing,
    passages_of,
)
from generation.grounding.sentences import without_marks
from generation.grounding.words import Claim, claim_of

# Probability from which a sentence counts as said, or as contradicted. Not measured
# here: no trained model could be had. A wrong "supported" costs more than a wrong
# "partly", so it is high.
SURE = 0.9
# Most sentences of the sources read for one of the answer: some 10 ms each.
MOST_PAIRS = 16


async def hold_to(
    checked: Checked,
    texts: Mapping[int, str],
    headings: Mapping[int, str],
    question: str,
    entailment: Entailment,
) -> Checked:
    """Return the sentences as ``entailment`` judges them.

    What a sentence of its sources entails is supported. What was supported, and is
    entailed by none of them and contradicted by one that bore it, is partly.

    Args:
        texts, headings: of the sources by number, as they were checked against.

    Raises:
        EntailmentUnavailable
    """
    asked = claim_of(question)
    held = passages_of(texts, headings, question)

    def judged(item: Cited) -> Cited:
        claim = claim_of(item.sentence)
        places = _places(item, claim, held, asked)
        if not claim.terms or not places:
            return item
        # Of a few words nothing follows without what was asked.
        is_short = len(claim.terms - asked.terms) <= SHORT_CLAIM_TERMS
        said = without_marks(item.sentence)
        said = f"{question} {said}" if is_short else said
        read = [(texts[place.n][place.start : place.end], said) for place in places]
        odds = entailment.judge(read)
        best = max(range(len(places)), key=lambda at: odds[at].entailed)
        if odds[best].entailed >= SURE:
            words = item.words if item.verdict == "supported" else (places[best],)
            return replace(item, verdict="supported", words=words)
        against = zip(places, odds, strict=True)
        is_denied = any(
            one.contradicted >= SURE and _overlaps(place, item)
            for place, one in against
        )
        if item.verdict == "supported" and is_denied:
            return replace(item, verdict="partly")
        return item

    cited = [await asyncio.to_thread(judged, item) for item in checked.cited]
    return replace(checked, cited=tuple(cited))


def _places(
    item: Cited, claim: Claim, held: Mapping[int, Passage], asked: Claim
) -> list[Words]:
    """Return the sentences of the item's sources that may say it, those that bore it first."""
    found = [
        Words(n=n, start=part.start, end=part.end)
        for n, part in agreeing(claim, item.sources, held, asked)
    ]
    found.sort(key=lambda place: not _overlaps(place, item))
    return found[:MOST_PAIRS]


def _overlaps(place: Words, item: Cited) -> bool:
    return any(
        words.n == place.n and words.start < place.end and place.start < words.end
        for words in item.words
    )
