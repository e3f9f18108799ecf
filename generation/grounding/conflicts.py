"""Sentences of other passages that say otherwise than the one an answer rests on. Pure.

Two sentences disagree if they are alike but for the answer: what stands in its place
in the other one is another value. Two more cases are as plain: another number of the
same unit in a sentence that speaks of what is asked, and a denial of the same words.
Sentences that differ in a further name or number speak of something else: the rates
of two years, the heads of two firms.

The thresholds were set on the first 50 of the 100 questions of each mode of the
conflict set, and on SQuAD 2 dev, whose passages do not disagree: docs/evaluation.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from generation.grounding.sentences import split_sentences
from generation.grounding.words import Claim, Term, claim_of, terms_in
from ingestion.parsing.tables import BETWEEN

# Share of the terms outside the answer's place that both sentences must have.
ALIKE_SHARE = 0.6
# And as many in all, so that sentences of three words are not alike by chance.
ALIKE_TERMS = 2
# Share of the question's terms in the first sentence that the other one holds; not
# asked of sentences that are the same but for the answer.
ASKED_SHARE = 0.5
SAME_SHARE, SAME_TERMS = 0.9, 5
# For a number alone: share of all terms of the question.
NUMBER_SHARE = 0.6
# For a denial the whole sentences are held against each other.
DENIED_SHARE, DENIED_TERMS = 0.8, 3
# Signs that tell what a number counts, before and after it.
_BEFORE, _AFTER = "$£€¥#", "%‰°"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A sentence, its characters start to end of a passage, under what it stands."""

    text: str
    start: int
    end: int
    terms: tuple[Term, ...]
    claim: Claim
    heading: Claim

    @property
    def is_row(self) -> bool:
        """Whether it is a row of a table."""
        return BETWEEN in self.text

    @property
    def held(self) -> frozenset[str]:
        return self.claim.terms | self.heading.terms

    @property
    def marks(self) -> frozenset[str]:
        """Names and numbers: what tells one subject from another."""
        return self.claim.names | self.claim.numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """What stands in one sentence where the other has something else."""

    gone: frozenset[str]
    come: frozenset[str]


def line_of(text: str, heading: str = "") -> Line:
    return _line(text, 0, len(text), claim_of(heading))


def lines_of(text: str, heading: str = "") -> tuple[Line, ...]:
    """Return the sentences of a passage."""
    titled = claim_of(heading)
    return tuple(
        _line(text, sentence.start, sentence.end, titled)
        for sentence in split_sentences(text)
    )


def _line(text: str, start: int, end: int, heading: Claim) -> Line:
    words = text[start:end]
    return Line(
        text=words,
        start=start,
        end=end,
        terms=tuple(terms_in(words)),
        claim=claim_of(words),
        heading=heading,
    )


def disagreement(
    question: str, answer: str, own: Line, lines: Iterable[Line]
) -> Line | None:
    """Return the first of ``lines`` that disagrees with ``own``, None if none does.

    Args:
        answer: a sentence of it, without marks.
        own: what it rests on.
        lines: of another passage.
    """
    asked, said = claim_of(question), claim_of(answer)
    return next((one for one in lines if disagrees(asked, said, own, one)), None)


def disagrees(asked: Claim, said: Claim, own: Line, other: Line) -> bool:
    """Whether ``other`` gives another answer than ``own``, from which ``said`` is."""
    if not _is_of_the_same(asked, own, other):
        return False
    if _is_denied(asked, own, other):
        return True
    core = (said.terms - asked.terms or said.terms) & own.claim.terms
    if not core or core <= other.claim.terms:
        return False
    if not _units_of(core, own) & asked.terms <= other.claim.terms:
        # Asked for days, hours are no other answer.
        return False
    if _is_of_another(asked, core, own, other):
        return False
    return _has_other_value(asked, core, own, other) or _has_other_number(
        asked, said, own, other
    )


def _is_of_the_same(asked: Claim, own: Line, other: Line) -> bool:
    """Whether names and numbers of the question that one has are in the other too."""
    wanted = (asked.names | asked.numbers) & own.claim.terms
    return wanted <= other.held


def _is_of_another(asked: Claim, core: frozenset[str], own: Line, other: Line) -> bool:
    """Whether ``other`` has something else in the place of what is asked for.

    The price of the premium plan is no other price of the basic one.
    """
    for swap in _aligned(own, other)[1]:
        lost = (swap.gone & asked.terms) - other.held
        come = swap.come - own.claim.terms
        if not swap.gone & core:
            is_other = bool(come)
        else:
            # "9 on weekdays", "10 on Saturdays": more than the number is another.
            is_other = _are_numbers(swap.gone & core) and bool(come & other.claim.names)
        if lost and is_other:
            return True
    return False


def _are_numbers(terms: frozenset[str]) -> bool:
    return all(term[0].isdigit() for term in terms)


def _has_other_value(
    asked: Claim, core: frozenset[str], own: Line, other: Line
) -> bool:
    if len(own.claim.terms & other.claim.terms) < ALIKE_TERMS:
        return False
    shared, swaps = _aligned(own, other)
    for swap in swaps:
        gone = (swap.gone & core) - other.claim.terms
        come = swap.come - own.claim.terms - asked.terms
        if not gone or not come or len(shared) < max(len(gone), len(come)):
            continue
        first, second = own.claim.terms - gone, other.claim.terms - swap.come
        alike = min(_share(shared, first), _share(shared, second))
        if alike < ALIKE_SHARE or len(shared) < ALIKE_TERMS:
            continue
        further = (own.marks & first) - other.held, (other.marks & second) - own.held
        # Two rows of a table speak of two things, unless all else in them is the same.
        if any(further) if own.is_row and other.is_row else all(further):
            continue
        is_same = alike >= SAME_SHARE and len(shared) >= SAME_TERMS
        if is_same or _share(other.held, asked.terms & own.held) >= ASKED_SHARE:
            return True
    return False


def _aligned(own: Line, other: Line) -> tuple[frozenset[str], list[Swap]]:
    """Return the terms that both have in the same order, and what differs between."""
    first, second = ([term.term for term in line.terms] for line in (own, other))
    shared: set[str] = set()
    swaps: list[Swap] = []
    steps = SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    for step, start, end, other_start, other_end in steps:
        gone, come = first[start:end], second[other_start:other_end]
        if step == "equal":
            shared.update(gone)
        elif step == "replace":
            swaps.append(Swap(gone=frozenset(gone), come=frozenset(come)))
    return frozenset(shared), swaps


def _has_other_number(asked: Claim, said: Claim, own: Line, other: Line) -> bool:
    """Whether ``other`` counts the same by another number, in other words."""
    numbers = (said.numbers - asked.numbers) & own.claim.numbers
    if numbers & other.claim.numbers or _share(other.claim.terms, asked.terms) < (
        NUMBER_SHARE
    ):
        return False
    units = _units_of(numbers, own)
    found = {number for number, unit in _counted(other) if unit in units}
    further = other.marks - found - own.claim.terms - asked.terms - other.heading.terms
    return bool(found) and not further


def _units_of(numbers: frozenset[str], line: Line) -> frozenset[str]:
    return frozenset(u for number, u in _counted(line) if number in numbers and u)


def _counted(line: Line) -> Iterator[tuple[str, str]]:
    """Yield each number with its unit: a sign or the word behind it, else ""."""
    text = line.text
    for at, term in enumerate(line.terms):
        if not term.term[0].isdigit():
            continue
        after, before = text[term.end : term.end + 1], text[: term.start][-1:]
        following = line.terms[at + 1 : at + 2]
        if after and after in _AFTER:
            yield term.term, after
        elif before and before in _BEFORE:
            yield term.term, before
        elif following and following[0].start - term.end <= 1:
            yield term.term, following[0].term
        else:
            yield term.term, ""


def _is_denied(asked: Claim, own: Line, other: Line) -> bool:
    """Whether one denies what the other says in the same words."""
    if own.claim.is_negated == other.claim.is_negated:
        return False
    shared = own.claim.terms & other.claim.terms
    denied = own.claim.denied | other.claim.denied
    alike = min(_share(shared, own.claim.terms), _share(shared, other.claim.terms))
    return (
        alike >= DENIED_SHARE
        and len(shared) >= DENIED_TERMS
        and bool(denied & shared)
        and _share(other.held, asked.terms & own.held) >= ASKED_SHARE
    )


def _share(held: frozenset[str], terms: frozenset[str]) -> float:
    """Return the share of ``terms`` in ``held``, 0 to 1; 1 if there are none."""
    return len(terms & held) / len(terms) if terms else 1.0
