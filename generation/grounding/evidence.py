"""The words of a passage that bear a claim, and how well they do. Pure.

A passage that holds all the words of a sentence need not say it: they may be those
of different sentences. So a claim is held against single sentences, and against two
that follow each other only where no single one speaks of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Literal

from generation.grounding.quantities import agree
from generation.grounding.sentences import split_sentences
from generation.grounding.words import Claim, claim_of
from generation.tables.beside import ALL_ROWS_TELL, RowsBeside, rows_beside

Verdict = Literal["supported", "partly", "unsupported"]

# Share of a sentence's terms that its source must hold. Set on SQuAD 2 dev
# answers: paraphrases keep about two thirds of their words.
SUPPORTED_SHARE = 0.6
PARTLY_SHARE = 0.34
# A fact of one or two words is in many passages; then the question's terms
# must be near it as well.
SHORT_CLAIM_TERMS = 3
SHORT_QUESTION_SHARE = 0.3
# Words of German sentences that no English one has.
_GERMAN = frozenset("der das und ist sind ein eine den dem im vom zum zur".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Characters start to end of a passage: a sentence, or two."""

    start: int
    end: int
    claim: Claim
    # The sentence before, to which "he" and "this" point.
    before: Claim | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A source as it was in the prompt, ready to be held against claims.

    Attributes:
        beside: rows of a table that do not tell what is asked.
    """

    whole: Claim
    heading: Claim
    parts: tuple[Part, ...]
    beside: RowsBeside = ALL_ROWS_TELL

    def pairs(self) -> Iterator[Part]:
        """Yield each two sentences of which the second goes on with the first."""
        for first, second in pairwise(self.parts):
            shared = first.claim.terms & second.claim.terms
            if not (second.claim.points_back or shared):
                continue
            yield Part(
                start=first.start,
                end=second.end,
                claim=joined([first.claim, second.claim]),
                before=first.before,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """What a passage says of a claim; ``part`` are its words that come closest."""

    verdict: Verdict
    share: float
    part: Part | None


def passage_of(text: str, heading: str = "", question: str = "") -> Passage:
    """Return ``text`` in parts; their offsets count in it."""
    single: list[Part] = []
    for sentence in split_sentences(text):
        before = single[-1].claim if single else None
        claim = claim_of(text[sentence.start : sentence.end])
        part = Part(start=sentence.start, end=sentence.end, claim=claim, before=before)
        single.append(part)
    titled = claim_of(heading)
    whole = joined([titled, *(part.claim for part in single)])
    return Passage(
        whole=whole,
        heading=titled,
        parts=tuple(single),
        beside=rows_beside(question, text, heading) if question else ALL_ROWS_TELL,
    )


def passages_of(
    texts: Mapping[int, str], headings: Mapping[int, str], question: str = ""
) -> dict[int, Passage]:
    """Return the sources by their numbers, ready to be held against claims.

    Args:
        question: whose rows of tables count, "" if all do.
    """
    return {
        n: passage_of(text, headings.get(n, ""), question) for n, text in texts.items()
    }


def joined(claims: Iterable[Claim]) -> Claim:
    """Return all that ``claims`` say together."""
    nothing = Claim(frozenset(), frozenset(), frozenset(), is_negated=False)
    return reduce(_and, claims, nothing)


def _and(one: Claim, other: Claim) -> Claim:
    return Claim(
        words=one.words | other.words,
        numbers=one.numbers | other.numbers,
        names=one.names | other.names,
        is_negated=one.is_negated or other.is_negated,
        denied=one.denied | other.denied,
        points_back=one.points_back,
        quantities=one.quantities | other.quantities,
        dated=(one.dated | other.dated) - one.undated - other.undated,
    )


def bearing_of(claim: Claim, passage: Passage, asked: Claim) -> Bearing:
    """Judge ``claim`` by the words of ``passage`` that come closest to it.

    Args:
        asked: terms of the question count as said, for answers of a few words.
    """
    said = claim.terms - asked.terms or claim.terms
    whole = share_of(said, passage.whole)
    part = _closest(claim, said, asked, passage)
    if part is None or whole < PARTLY_SHARE:
        return Bearing(verdict="unsupported", share=whole, part=part)
    share = share_of(said, joined([part.claim, passage.heading]))
    if part.start in passage.beside.counted and claim.numbers - asked.numbers:
        return Bearing(verdict="unsupported", share=share, part=part)
    is_other = part.start in passage.beside.others
    is_said = share >= SUPPORTED_SHARE and not is_other
    if is_said and _is_exact(claim, part, passage, asked):
        return Bearing(verdict="supported", share=share, part=part)
    if share >= SUPPORTED_SHARE and _is_denied(claim, part.claim, asked):
        return Bearing(verdict="unsupported", share=share, part=part)
    return Bearing(verdict="partly", share=share, part=part)


def _closest(
    claim: Claim, said: frozenset[str], asked: Claim, passage: Passage
) -> Part | None:
    """Return the sentence that holds most of ``said``, then of all and of the question.

    Between two with the same numbers the one counts that means the same by them. Two
    sentences are taken where no single one speaks of it.
    """
    around = claim.terms | asked.terms

    def rank(part: Part) -> tuple[float, bool, int, int]:
        near = len(around & part.claim.terms)
        is_same = agree(claim.quantities, part.claim.quantities)
        return share_of(said, part.claim), is_same, near, -part.start

    best = max(passage.parts, key=rank, default=None)
    if best is not None and share_of(said, best.claim) < SUPPORTED_SHARE:
        return max(passage.pairs(), key=rank, default=best)
    return best


def _is_exact(claim: Claim, part: Part, passage: Passage, asked: Claim) -> bool:
    said = claim.terms - asked.terms or claim.terms
    is_short = bool(asked.terms) and len(said) <= SHORT_CLAIM_TERMS
    return agrees(claim, part, passage, asked) and (
        not is_short or _is_near(asked, part, passage)
    )


def agrees(claim: Claim, part: Part, passage: Passage, asked: Claim) -> bool:
    """Whether numbers, names and negations agree.

    A number, or a name that the question did not bring, must be in the words that
    bear the claim, and a number mean the same there; a name may be in the heading, or
    just before a pronoun.
    """
    held = part.claim
    told = claim.numbers - asked.numbers
    return (
        told <= held.numbers | passage.heading.numbers
        # Three of something are not the third of a month.
        and not told & claim.undated & held.dated - passage.heading.numbers
        and agree(claim.quantities, held.quantities)
        and _names_agree(claim, part, passage, asked)
        and _denies_nothing(claim, held, asked)
    )


def agreeing(
    claim: Claim, numbers: Iterable[int], held: Mapping[int, Passage], asked: Claim
) -> list[tuple[int, Part]]:
    """Return the sentences of the sources ``numbers`` that ``claim`` may rest on."""
    return [
        (n, part)
        for n in numbers
        for part in held[n].parts
        if part.start not in held[n].beside.others | held[n].beside.counted
        and agrees(claim, part, held[n], asked)
    ]


def _names_agree(claim: Claim, part: Part, passage: Passage, asked: Claim) -> bool:
    """Whether each name is where it should be.

    One from the sentence before may stand for a pronoun, but not in the place of a
    name that the words have themselves.
    """
    held = part.claim
    missing = claim.names - asked.names - held.words - passage.heading.words
    if not missing:
        return not _is_of_another(claim, part, passage, asked)
    stands_for = held.points_back and part.before and missing <= part.before.words
    return bool(stands_for) and held.names <= claim.words | asked.words


def _is_of_another(claim: Claim, part: Part, passage: Passage, asked: Claim) -> bool:
    """Whether the words have another name in the place of one that the question brought.

    A heading that has one of them says what all of it is about. Where nouns are capitalised, as in German, that cannot be told.
    """
    held = part.claim
    brought = claim.names & asked.names
    if held.points_back or held.words & _GERMAN or brought & passage.heading.words:
        return False
    around = [held, *([part.before] if part.before else [])]
    missing = brought - joined(around).words
    others = held.names - claim.words - asked.words
    is_short = _is_short_for(missing, others) or _is_short_for(others, missing)
    return bool(missing and others) and not is_short


def _is_short_for(short: frozenset[str], names: frozenset[str]) -> bool:
    """Whether the letters of one of ``short`` begin words of ``names``: HR, WHO."""
    initials = {name[0] for name in names}
    return any(set(name.rstrip(".")) <= initials for name in short)


def _denies_nothing(claim: Claim, held: Claim, asked: Claim) -> bool:
    """Whether neither denies what the other says."""
    if claim.denied and not asked.is_negated and not claim.denied & held.denied:
        return False
    affirmed = claim.terms - claim.denied - asked.denied
    return not held.denied & affirmed


def _is_denied(claim: Claim, held: Claim, asked: Claim) -> bool:
    """Whether ``held`` denies what ``claim`` says, which itself denies nothing."""
    return not claim.is_negated and bool(held.denied & (claim.terms - asked.denied))


def _is_near(asked: Claim, part: Part, passage: Passage) -> bool:
    around = [part.claim, passage.heading, *([part.before] if part.before else [])]
    near = share_of(asked.terms, joined(around))
    return not asked.terms or max(near, share_of(asked.terms, passage.whole) / 2) >= (
        SHORT_QUESTION_SHARE
    )


def share_of(terms: frozenset[str], held: Claim) -> float:
    """Return the share of ``terms`` in ``held``, 0 to 1; 1 if there are none."""
    return len(terms & held.terms) / len(terms) if terms else 1.0
