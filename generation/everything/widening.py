"""Comparisons and the latest: what is read besides the best passages of a question.

For a comparison each side is searched by itself, so that the better known one does
not take all places. For the latest, only the newest of the matching documents is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from generation.drafts import Draft, Means
from generation.everything.kinds import Kind, Wanted
from generation.everything.library import Library
from generation.everything.newest import Newest, newest_of
from generation.grounding.words import STOP_WORDS, fold, stem
from generation.trimming import trim
from generation.types import GenerationConfig, Notice
from retrieval.everything import Listed
from retrieval.types import Hit, SearchResult

_WORD = re.compile(r"\w+")
# Share of its own words that a passage must have to name a side.
_SIDE_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The passages that an answer may read.

    Attributes:
        hits: best first.
        sides: the same by side, the last for the question as a whole; none where
            nothing is compared. No passage stands in two of them.
        copies: near copies of them, which are not read but may say otherwise.
    """

    hits: Sequence[Hit]
    sides: Sequence[Sequence[Hit]] = ()
    copies: Sequence[Hit] = ()


async def widen(
    wanted: Wanted, question: str, found: SearchResult, means: Means, draft: Draft
) -> Material:
    """Return what to read for ``wanted``; what a reader should know is in the draft.

    Args:
        found: by the search for the whole question.
    """
    material = None
    if wanted.kind == Kind.COMPARE:
        material = await _each_side(wanted, found.hits, means, draft)
    elif wanted.kind == Kind.LATEST and means.library is not None:
        material = await _newest(wanted, question, means, means.library, draft)
    return material or Material(hits=found.hits, copies=found.copies)


async def _each_side(
    wanted: Wanted, hits: Sequence[Hit], means: Means, draft: Draft
) -> Material | None:
    found: list[Sequence[Hit]] = []
    for side in wanted.sides:
        result = await means.find(f"{side} {wanted.aspect}".strip())
        others = [other for other in wanted.sides if other != side]
        found.append(result.hits if _names(side, others, result.hits) else ())
    lacking = [side for side, own in zip(wanted.sides, found, strict=True) if not own]
    draft.notices += [
        Notice(code="side_missing", message=f"No passage names “{side}”.")
        for side in lacking
    ]
    if len(lacking) == len(wanted.sides):
        return None
    draft.receipt["way"] = wanted.kind.value
    draft.lacking = tuple(lacking)
    sides = _apart([own for own in found if own], hits, means.config)
    return Material(hits=list(_in_turn(sides)), sides=sides)


def _names(side: str, others: Iterable[str], hits: Sequence[Hit]) -> bool:
    """Whether a passage has the words that tell ``side`` from the others.

    By words alone: what is like it in sense is most often the other side.
    """
    own = _words(side).difference(*map(_words, others))
    own = own - STOP_WORDS or own
    held = [_words(f"{hit.document} {hit.heading} {hit.text}") for hit in hits]
    most = max((len(own & words) for words in held), default=0)
    return bool(hits) and most >= _SIDE_SHARE * len(own)


def _words(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in _WORD.findall(fold(text)))


def _apart(
    sides: Sequence[Sequence[Hit]], whole: Sequence[Hit], config: GenerationConfig
) -> list[list[Hit]]:
    """Return the best of each side, then of the whole, each passage once."""
    most = max(1, config.max_sources // (len(sides) + 1))
    taken: set[int] = set()
    apart: list[list[Hit]] = []
    for hits in (*sides, whole):
        least = config.min_score_share * hits[0].score if hits else 0.0
        good = [h for h in hits if h.score >= least and h.chunk_id not in taken][:most]
        taken.update(hit.chunk_id for hit in good)
        apart.append(good)
    return apart


def trim_sides(
    question: str, sides: Sequence[Sequence[Hit]], *, tokens: int
) -> list[Hit]:
    """Return the passages of all sides in turn, each side cut to its share of ``tokens``.

    What one side does not need goes to those after it.
    """
    cut: list[list[Hit]] = []
    for left, hits in zip(range(len(sides), 0, -1), sides, strict=True):
        cut.append(trim(question, hits, tokens=tokens // left) if hits else [])
        tokens -= sum(hit.token_count for hit in cut[-1])
        tokens = max(0, tokens)
    return list(_in_turn(cut))


def _in_turn(sides: Iterable[Sequence[Hit]]) -> Iterator[Hit]:
    return (hit for hit in chain.from_iterable(zip_longest(*sides)) if hit is not None)


async def _newest(
    wanted: Wanted, question: str, means: Means, library: Library, draft: Draft
) -> Material | None:
    """Return passages of the latest document only, None where that cannot be told."""
    hits = await library.near(question)
    least = means.config.min_score_share * hits[0].score if hits else 0.0
    good = [hit for hit in hits if hit.score >= least]
    listed = await library.listed(hit.document_id for hit in good)
    rows = _of_kind(wanted, list(listed.values()))
    newest = newest_of(rows)
    if newest is None or len(rows) < 2:
        return None
    if len(newest.rows) == len(rows):
        draft.notices.append(_untold(newest))
        return None
    draft.receipt["way"] = wanted.kind.value
    names = " and ".join(f"“{row.name}”" for row in newest.rows[:3])
    told = f"Answered from {names}, the latest of {len(rows)} matching documents, {newest.how}."
    draft.notices.append(Notice(code="latest_by", message=told))
    chosen = {row.document_id for row in newest.rows}
    return Material(hits=[hit for hit in good if hit.document_id in chosen])


def _of_kind(wanted: Wanted, rows: Sequence[Listed]) -> Sequence[Listed]:
    """Return the documents that are named as the question names them, else all.

    The latest travel policy is none on leave, where one on travel has that name.
    """
    named = [
        row
        for row in rows
        if re.search(wanted.named, f"{row.name} {row.title}".lower())
    ]
    kind = _words(wanted.topic)
    exact = [row for row in named if kind <= _words(f"{row.name} {row.title}")]
    return exact or named or rows


def _untold(newest: Newest) -> Notice:
    same = "have the same date in their name" if newest.is_by_name else (
        "were added on the same day and have no date in their name"
    )  # fmt: skip
    return Notice(
        code="latest_unknown",
        message=f"Which document is the latest cannot be told: those that match {same}. "
        "This answer rests on the best passages.",
    )
