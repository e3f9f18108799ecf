"""Right and planted wrong citations, made from judged questions. Deterministic.

Of each answerable question come sentences that its paragraph bears, and the same
ones made wrong: tied to another paragraph on the same subject, or with a number, a
name or the sense changed. What is measured is what the check says of each as it
stands, without mending.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation.grounding.citations import check
from generation.grounding.sentences import split_sentences
from generation.grounding.words import NEGATIONS, STOP_WORDS, fold
from retrieval.corpora import CorpusInvalid, Text, read_corpus, read_lines

# A fixed beginning of every random choice.
_SEED = 20261122
# Leaves of a sentence that can go without changing what it says.
_ADJUNCT = re.compile(r"\s*\([^)]*\)|^(?:However|Moreover|Also|In addition|Thus),\s*")
_AUXILIARY = re.compile(
    r"\b(is|was|are|were|has|had|can|could|will|would|did|does|do)\b"
)
_NUMBER = re.compile(r"(?<![\w.,])\d{1,4}(?![\w]|[.,]\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A cited text and whether its citation is right; ``kind`` says how it was made."""

    kind: str
    question: str
    text: str
    passage: str
    heading: str
    is_right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    question: str
    answer: str
    sentence: str
    home: Text


def build(directory: Path, *, limit: int | None = None) -> list[Planted]:
    """Return the cases from the first ``limit`` answerable questions of a set.

    Raises:
        CorpusInvalid
    """
    corpus = {text.id: text for text in read_corpus(directory)}
    by_title: dict[str, list[Text]] = defaultdict(list)
    for text in corpus.values():
        by_title[text.title].append(text)
    choose = random.Random(_SEED)  # noqa: S311 - a fixed sample, not a secret
    found: list[Planted] = []
    for count, known in enumerate(_known(directory, corpus)):
        if limit is not None and count >= limit:
            break
        found += _cases(known, by_title[known.home.title], choose)
    if not found:
        raise CorpusInvalid(f"{directory}/qa.jsonl holds no answer that can be cited.")
    return found


def _known(directory: Path, corpus: Mapping[str, Text]) -> Iterator[_Known]:
    for row in read_lines(directory / "qa.jsonl"):
        homes = [corpus[pk] for pk in row.get("context_ids", ()) if pk in corpus]
        if not (row.get("answerable", True) and row["answers"] and homes):
            continue
        answer = row["answers"][0]
        sentences = [s.text for s in split_sentences(homes[0].text)]
        holding = [s for s in sentences if answer in s and len(s.split()) > 5]
        if holding:
            yield _Known(
                question=row["question"],
                answer=answer,
                sentence=holding[0],
                home=homes[0],
            )


def _cases(
    known: _Known, beside: Sequence[Text], choose: random.Random
) -> Iterator[Planted]:
    """Yield the right citations of one answer, and the wrong ones."""
    said = _ADJUNCT.sub("", known.sentence)
    told = _case(known, said, known.question)
    yield told("sentence", known.home, is_right=True)
    short = _case(known, known.answer, known.question)
    yield short("short answer", known.home, is_right=True)
    others = [text for text in beside if not _holds(text, known.answer)]
    if others:
        other = choose.choice(others)
        yield told("sentence, other paragraph", other, is_right=False)
        yield short("short answer, other paragraph", other, is_right=False)
    for kind, change in _CHANGES.items():
        changed = change(said, known.home, choose)
        if changed:
            made = _case(known, changed, known.question)
            yield made(f"sentence, {kind}", known.home, is_right=False)


def _case(known: _Known, text: str, question: str) -> Callable[..., Planted]:
    def case(kind: str, home: Text, *, is_right: bool) -> Planted:
        body = text.rstrip(" .")
        return Planted(
            kind=kind,
            question=question,
            text=f"{body} [1].",
            passage=home.text,
            heading=home.title,
            is_right=is_right,
        )

    return case


def _holds(text: Text, answer: str) -> bool:
    return fold(answer) in fold(f"{text.title} {text.text}")


def _other_number(said: str, home: Text, choose: random.Random) -> str | None:
    """Return the sentence with a number that its paragraph does not hold."""
    found = list(_NUMBER.finditer(said))
    if not found:
        return None
    match = choose.choice(found)
    new = next(
        str(value)
        for step in range(1, 100)
        if (value := int(match[0]) + step) and str(value) not in home.text
    )
    return f"{said[: match.start()]}{new}{said[match.end() :]}"


def _other_name(said: str, home: Text, choose: random.Random) -> str | None:
    """Return the sentence with one name replaced by another of its own paragraph."""
    inside = _names(said)
    outside = [name for name in _names(home.text) if name not in said]
    if not inside or not outside:
        return None
    old, new = choose.choice(inside), choose.choice(outside)
    return re.sub(rf"\b{re.escape(old)}\b", lambda _m: new, said)


def _names(text: str) -> list[str]:
    """Return single capitalised words inside sentences, each once, in order."""
    words = re.findall(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b", text)
    return [w for w in dict.fromkeys(words) if fold(w) not in STOP_WORDS]


def _denied(said: str, home: Text, choose: random.Random) -> str | None:
    """Return the sentence with the opposite sense."""
    words = {fold(word) for word in re.findall(r"\w+", said)}
    if words & NEGATIONS or not _AUXILIARY.search(said):
        return None
    return _AUXILIARY.sub(lambda m: f"{m[0]} not", said, count=1)


_CHANGES: dict[str, Callable[[str, Text, random.Random], str | None]] = {
    "another number": _other_number,
    "another name": _other_name,
    "denied": _denied,
}


def measure(cases: Sequence[Planted]) -> dict[str, Any]:
    """Return the shares of right and of wrong citations that are flagged, and by kind.

    Flagged is what is not shown as supported.
    """
    count: Counter[str] = Counter()
    flagged: Counter[str] = Counter()
    for case in cases:
        for name in (case.kind, "right" if case.is_right else "wrong"):
            count[name] += 1
            flagged[name] += is_flagged(case)
    shares = {name: round(flagged[name] / count[name], 4) for name in count}
    return {
        "right": {"n": count["right"], "flagged": shares.pop("right")},
        "wrong": {"n": count["wrong"], "flagged": shares.pop("wrong")},
        "kinds": {
            name: {"n": count[name], "flagged": share}
            for name, share in sorted(shares.items())
        },
    }


def is_flagged(case: Planted) -> bool:
    """Whether the check shows this citation as anything but supported."""
    checked = check(
        case.text,
        {1: case.passage},
        question=case.question,
        headings={1: case.heading},
    )
    return any(item.verdict != "supported" for item in checked.cited)
