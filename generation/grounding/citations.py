"""Which source bears which sentence of an answer: deterministic and explainable. Pure.

Small models forget their marks or write wrong ones, so an answer is mended
first: numbers of sources that do not exist go, and a sentence without a mark, or
with one of a source that does not hold it, gets the one of a source that does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from generation.grounding.evidence import (
    Bearing,
    Passage,
    Verdict,
    bearing_of,
    passages_of,
    share_of,
)
from generation.grounding.sentences import (
    LEAD,
    MARK,
    Sentence,
    split_answer,
    without_broken_mark,
)
from generation.grounding.verbatim import FENCE, outside_code
from generation.grounding.words import Claim, claim_of, stem

# Other ways in which models write a mark.
_OTHER_MARKS = re.compile(
    r"[\[(【（](?P<word>(?:(?:passage|source|document|doc|see)s?\s*)?(?:id\s*=\s*)?)#?\"?"
    r"(?P<numbers>\d{1,3}(?:\s*(?:,|;|and|&)\s*\d{1,3})*)\"?[\])】）]",
    re.IGNORECASE,
)
# The blank that makes "- . " an item of a list stays: without it, it would be read anew.
_BLANK_BEFORE_STOP = re.compile(rf"(?m)(?P<lead>^{LEAD})|[ \t]+(?P<stop>[.!?,;])")
# What "To change the oil, follow these steps:" says besides the question.
_INTRODUCING = frozenset(
    map(stem, ("follow", "following", "steps", "below", "here", "listed", "lists"))
)
# Behind a fence a mark would keep it from closing its code.
_FENCE_AND_MARK = re.compile(
    r"^([ \t]*(?:`{3,}|~{3,}))[ \t]*(\[\d[^\n]*)$", re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Characters start to end of source ``n`` that bear a sentence."""

    n: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A sentence of the finished answer, its span in it, and what bears it."""

    start: int
    end: int
    sentence: str
    sources: tuple[int, ...]
    verdict: Verdict
    words: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The mended answer and its sentences in order."""

    text: str
    cited: tuple[Cited, ...]

    @property
    def numbers(self) -> frozenset[int]:
        return frozenset(n for item in self.cited for n in item.sources)


def check(
    text: str,
    sources: Mapping[int, str],
    *,
    question: str,
    headings: Mapping[int, str] | None = None,
) -> Checked:
    """Mend the marks of ``text`` and judge each sentence.

    Args:
        sources: text of each source by its number, as it was in the prompt.
        question: terms of it count as said, for answers of a few words.
        headings: where each source stands; counts as part of it.
    """
    titles = headings or {}
    held = passages_of(sources, titles, question)
    asked = claim_of(question)
    mended = mend_marks(text, frozenset(sources))
    mended = _mend_sources(mended, held, asked)
    parts = split_answer(mended)
    told = [part for part in parts[:-1] if not _introduces(part, asked)] + parts[-1:]
    cited = tuple(_cited(part, held, asked) for part in told)
    return Checked(text=mended, cited=cited)


def _introduces(sentence: Sentence, asked: Claim) -> bool:
    """Whether a sentence before a list says nothing that the question does not."""
    claim = claim_of(sentence.words)
    is_head = sentence.words.endswith(":") and not (sentence.marks or claim.is_negated)
    return is_head and claim.terms <= asked.terms | _INTRODUCING


def _cited(sentence: Sentence, held: Mapping[int, Passage], asked: Claim) -> Cited:
    found = bearings(sentence, held, asked)
    words = [
        Words(n=number, start=bearing.part.start, end=bearing.part.end)
        for number, bearing in found.items()
        if bearing.part is not None and bearing.verdict != "unsupported"
    ]
    return Cited(
        start=sentence.start,
        end=sentence.end,
        sentence=sentence.words,
        sources=sentence.marks,
        verdict=_together(found.values()),
        words=tuple(words),
    )


def mend_marks(text: str, known: frozenset[int]) -> str:
    """Write every mark as [n] and drop numbers that are not in ``known``; code stays.

    Round brackets are marks only if they say so and name sources that exist.
    """

    def mend(match: re.Match[str]) -> str:
        numbers = dict.fromkeys(int(n) for n in re.findall(r"\d+", match["numbers"]))
        marks = "".join(f"[{n}]" for n in numbers if n in known)
        # "(3 and 4)" may be numbers of their own, "(document 12)" one of the text.
        is_mark = match[0][0] in "[【" or (match["word"] and marks)
        return marks if is_mark else match[0]

    def mend_all(part: str) -> str:
        mended = _OTHER_MARKS.sub(mend, part)
        mended = re.sub(r"(\[\d{1,3}\])(?:\s*\1)+", r"\1", mended)
        return _BLANK_BEFORE_STOP.sub(r"\g<lead>\g<stop>", mended)

    text = _FENCE_AND_MARK.sub(r"\1\n\2", text)
    return outside_code(without_broken_mark(text), mend_all).strip()


def _mend_sources(text: str, held: Mapping[int, Passage], asked: Claim) -> str:
    """Name the source that clearly holds a sentence, where none or a wrong one is named.

    A mark before its sentence moves behind it, where readers look for it.
    """
    for sentence in reversed(split_answer(text)):
        if not sentence.marks or judge(sentence, held, asked) != "supported":
            number = best_source(sentence.words, held, asked)
        elif len(sentence.marks) == 1 and MARK.match(sentence.text):
            number = sentence.marks[0]
        else:
            continue
        if number is None:
            continue
        start, end = sentence.start, sentence.end
        text = f"{text[:start]}{_marked(sentence, number)}{text[end:]}"
    return text


def _marked(sentence: Sentence, number: int) -> str:
    """Return the sentence with this mark only, before its final punctuation.

    In a row of a table that is in its last cell, after a block of code the next line.
    """
    words = sentence.words
    block = FENCE.match(words)
    if block:
        return f"{words}\n[{number}]" if block["closed"] else sentence.text
    body = words.rstrip(" .!?。！？…:|\"'”’*_")
    return f"{body} [{number}]{words[len(body) :]}"


def best_source(sentence: str, held: Mapping[int, Passage], asked: Claim) -> int | None:
    """Return the source that holds the sentence best, None if none clearly does.

    Between equals the one that holds more of the question wins, then the one
    ranked first.
    """
    claim = claim_of(sentence)
    if not claim.terms:
        return None
    scored = [
        (share_of(claim.terms, one.whole), share_of(asked.terms, one.whole), -number)
        for number, one in held.items()
        if bearing_of(claim, one, asked).verdict == "supported"
    ]
    return -max(scored)[2] if scored else None


def judge(sentence: Sentence, held: Mapping[int, Passage], asked: Claim) -> Verdict:
    """Return the verdict on a sentence by the sources that it names."""
    return _together(bearings(sentence, held, asked).values())


def bearings(
    sentence: Sentence, held: Mapping[int, Passage], asked: Claim
) -> dict[int, Bearing]:
    """Return what each source that the sentence names says of it."""
    claim = claim_of(sentence.words)
    if not claim.terms:
        return {}
    named = [number for number in sentence.marks if number in held]
    return {number: bearing_of(claim, held[number], asked) for number in named}


def _together(found: Iterable[Bearing]) -> Verdict:
    """One source that bears a sentence is enough; several that bear parts are not."""
    verdicts = {bearing.verdict for bearing in found}
    order: tuple[Verdict, ...] = ("supported", "partly")
    return next((name for name in order if name in verdicts), "unsupported")
