"""Which source bears which sentence of an answer: deterministic and explainable. Pure.

Small models forget their marks or write wrong ones, so an answer is mended
first: numbers of sources that do not exist go, and a sentence without a mark, or
with one of a source that does not hold it, gets the one of a source that does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from generation.sentences import MARK, Sentence, split_sentences
from generation.words import Claim, claim_of

Verdict = Literal["supported", "partly", "unsupported"]

# Share of a sentence's terms that its sources must hold. Set on SQuAD 2 dev
# answers: paraphrases keep about two thirds of their words.
SUPPORTED_SHARE = 0.6
PARTLY_SHARE = 0.34
# A fact of one or two words is in many passages; then the question's terms
# must be near it as well.
SHORT_CLAIM_TERMS = 3
SHORT_QUESTION_SHARE = 0.3
# Other ways in which models write a mark.
_OTHER_MARKS = re.compile(
    r"[\[(【（](?:(?:passage|source|document|doc|see)s?\s*)?(?:id\s*=\s*)?#?\"?"
    r"(\d{1,3}(?:\s*(?:,|;|and|&)\s*\d{1,3})*)\"?[\])】）]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A sentence of the finished answer, its span in it, and what bears it."""

    start: int
    end: int
    sentence: str
    sources: tuple[int, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The mended answer and its sentences in order."""

    text: str
    cited: tuple[Cited, ...]

    @property
    def numbers(self) -> frozenset[int]:
        return frozenset(n for item in self.cited for n in item.sources)


def check(text: str, sources: Mapping[int, str], *, question: str) -> Checked:
    """Mend the marks of ``text`` and judge each sentence.

    Args:
        sources: text of each source by its number, as it was in the prompt.
        question: terms of it count as said, for answers of a few words.
    """
    claims = {number: claim_of(source) for number, source in sources.items()}
    asked = claim_of(question)
    mended = mend_marks(text, frozenset(sources))
    mended = _mend_sources(mended, claims, asked)
    cited = tuple(
        Cited(
            start=sentence.start,
            end=sentence.end,
            sentence=sentence.words,
            sources=sentence.marks,
            verdict=judge(sentence, claims, asked),
        )
        for sentence in split_sentences(mended)
    )
    return Checked(text=mended, cited=cited)


def mend_marks(text: str, known: frozenset[int]) -> str:
    """Write every mark as [n] and drop numbers that are not in ``known``."""

    def mend(match: re.Match[str]) -> str:
        numbers = dict.fromkeys(int(n) for n in re.findall(r"\d+", match[1]))
        is_plain = match[0][0] == "[" or match[0][0] == "【"
        # "(3)" may be a number of its own; "(passage 3)" is not.
        if not is_plain and not re.search(r"[a-z]", match[0], re.IGNORECASE):
            return match[0]
        return "".join(f"[{n}]" for n in numbers if n in known)

    mended = _OTHER_MARKS.sub(mend, text)
    return re.sub(r"[ \t]+([.!?,;])", r"\1", mended).strip()


def _mend_sources(text: str, claims: Mapping[int, Claim], asked: Claim) -> str:
    """Name the source that clearly holds a sentence, where none or a wrong one is named.

    A mark before its sentence moves behind it, where readers look for it.
    """
    for sentence in reversed(split_sentences(text)):
        if not sentence.marks or judge(sentence, claims, asked) == "unsupported":
            number = best_source(sentence.words, claims, asked)
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
    """Return the sentence with this mark only, before its final punctuation."""
    words = sentence.words
    body = words.rstrip(" .!?。！？…:\"'”’*_")
    return f"{body} [{number}]{words[len(body) :]}"


def best_source(sentence: str, claims: Mapping[int, Claim], asked: Claim) -> int | None:
    """Return the source that holds the sentence best, None if none clearly does.

    Between equals the one that holds more of the question wins, then the one
    ranked first.
    """
    claim = claim_of(sentence)
    if not claim.terms:
        return None
    scored = [
        (_share(claim.terms, held), _share(asked.terms, held), -number)
        for number, held in claims.items()
        if verdict_of(claim, held, asked) == "supported"
    ]
    return -max(scored)[2] if scored else None


def judge(sentence: Sentence, claims: Mapping[int, Claim], asked: Claim) -> Verdict:
    """Return the verdict on a sentence by the sources that it names."""
    named = [claims[number] for number in sentence.marks if number in claims]
    claim = claim_of(sentence.words)
    if not named or not claim.terms:
        return "unsupported"
    together = Claim(
        words=frozenset().union(*(held.words for held in named)),
        numbers=frozenset().union(*(held.numbers for held in named)),
        names=frozenset().union(*(held.names for held in named)),
        is_negated=any(held.is_negated for held in named),
    )
    return verdict_of(claim, together, asked)


def verdict_of(claim: Claim, held: Claim, asked: Claim) -> Verdict:
    """Compare one claim with what a source holds.

    A number, or a name that the question did not bring, must be in the source;
    a negation must have one there.
    """
    said = claim.terms - asked.terms or claim.terms
    share = _share(said, held)
    new_names = claim.names - asked.names
    exact = claim.numbers - asked.numbers <= held.numbers and new_names <= held.words
    if claim.is_negated and not (held.is_negated or asked.is_negated):
        exact = False
    if len(said) <= SHORT_CLAIM_TERMS and asked.terms:
        exact = exact and _share(asked.terms, held) >= SHORT_QUESTION_SHARE
    if exact and share >= SUPPORTED_SHARE:
        return "supported"
    return "partly" if share >= PARTLY_SHARE else "unsupported"


def _share(terms: frozenset[str], held: Claim) -> float:
    """Return the share of ``terms`` in the source, 0 to 1; 1 if there are none."""
    return len(terms & held.terms) / len(terms) if terms else 1.0
