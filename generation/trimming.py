"""Which sentences of the passages found are worth their tokens. Pure.

A small model on a CPU reads a few dozen tokens a second, and is led astray by what
it need not have read. The best passage is kept whole where it fits, so that what "it"
and "he" mean stays clear; of each other one, and of a best one that is too long, the run
of sentences that speaks of the question remains, while there is room.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from generation.grounding.sentences import split_sentences
from generation.grounding.words import claim_of, question_terms
from retrieval.types import Hit

# What a sentence counts for: the rank of its passage, the question's terms that it
# holds, and those that it and the sentences beside it hold. Set on SQuAD 2 dev: with
# them 290 tokens hold as many answers as the first four passages, 640 tokens.
_PASSAGE, _OWN, _NEAR = 2.0, 1.0, 0.5
# Share of the tokens that the first passage may take.
_FIRST = 0.8
# A row of a table: cells between bars or tabs.
_ROW = re.compile(r"^[^\n]*(?: \| |\|[^\n]*\||\t)[^\n]*$", re.MULTILINE)
# One that names its columns, "Team: Flyers | Cups: 2", and is read without a header.
_RECORD = re.compile(r"([^|\n]+?): [^|\n]* \| ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A sentence or a whole table: characters start to end of passage ``hit``.

    ``ends`` are where it may end, the furthest first: a table also behind each row that
    speaks of the question, so that every row has the header before it.
    """

    hit: int
    start: int
    end: int
    ends: tuple[int, ...]
    terms: frozenset[str]
    tokens: float


def trim(question: str, hits: Sequence[Hit], *, tokens: int) -> list[Hit]:
    """Return the passages in their order, cut to about ``tokens`` in all.

    The first is whole if it fits. A passage of which nothing is of use is left out;
    a table is taken whole, or from its header to a row of use, or not at all. Spans
    stay spans of the version's text.
    """
    terms = question_terms(question)
    parts = [list(_parts(index, hit, terms)) for index, hit in enumerate(hits)]
    # The first passage leaves room for another, however long it is.
    aside = (1 - _FIRST) * tokens if len(hits) > 1 else 0.0
    is_whole = bool(hits) and hits[0].token_count <= tokens - aside
    # In another language, or in other words, a passage may hold none of them.
    speaking = {p.hit for some in parts for p in some if terms & p.terms}
    chosen: dict[int, tuple[int, int]] = {}
    room = float(tokens)
    for part in _by_use(question, hits, parts, is_whole=is_whole):
        known = chosen.get(part.hit)
        # A sentence that says nothing of the question is read beside one that does.
        floor = 0.0 if part.hit else aside
        is_aside = part.hit in speaking and not terms & part.terms
        if part.hit and not known and is_aside:
            continue
        costs = {
            span: _cost(hits[part.hit], _length(span) - _length(known))
            for span in _grown(part, known)
        }
        fitting = (span for span, cost in costs.items() if cost <= room - floor)
        span = next(fitting, None if chosen else list(costs)[-1])
        if span:
            chosen[part.hit] = span
            room -= costs[span]
    return [_cut(hits[index], *chosen[index]) for index in sorted(chosen)]


def _grown(part: Part, known: tuple[int, int] | None) -> Iterator[tuple[int, int]]:
    """Yield what is read with ``part`` beside ``known``, the longest first."""
    for end in part.ends:
        yield (
            (min(part.start, known[0]), max(end, known[1]))
            if known
            else (part.start, end)
        )


def _length(span: tuple[int, int] | None) -> int:
    return span[1] - span[0] if span else 0


def _by_use(
    question: str,
    hits: Sequence[Hit],
    parts: Sequence[Sequence[Part]],
    *,
    is_whole: bool,
) -> list[Part]:
    """Return the parts of the first passage, then of all others, the best first.

    Args:
        is_whole: the first is read whole, in its own order.
    """
    terms = question_terms(question)
    weights = _weights(terms, [part for some in parts for part in some])
    best = hits[0].score if hits else 0.0
    scored: list[tuple[bool, float, Part]] = []
    for hit, some in zip(hits, parts, strict=True):
        heading = claim_of(hit.heading).terms
        for at, part in enumerate(some):
            near = heading.union(*(p.terms for p in some[max(0, at - 1) : at + 2]))
            score = (
                _PASSAGE * (hit.score / best if best else 1.0)
                + _OWN * _share(terms & part.terms, weights)
                + _NEAR * _share(terms & near, weights)
            )
            is_first = part.hit == 0
            scored.append((is_first, 0.0 if is_first and is_whole else score, part))
    # Stable: equal ones stay in the order of reading.
    scored.sort(key=lambda one: one[:2], reverse=True)
    return [part for *_, part in scored]


def _weights(terms: frozenset[str], parts: Sequence[Part]) -> dict[str, float]:
    """Return what each term of the question tells: little if it is everywhere."""
    count = Counter(term for part in parts for term in terms & part.terms)
    return {term: math.log(1 + len(parts) / (1 + count[term])) for term in terms}


def _share(held: frozenset[str], weights: dict[str, float]) -> float:
    whole = sum(weights.values())
    return sum(weights[term] for term in held) / whole if whole else 0.0


def _parts(index: int, hit: Hit, terms: frozenset[str]) -> Iterator[Part]:
    """Yield the parts of a passage; ``terms`` are those of the question."""
    for start, end in _spans(hit.text):
        rows = list(_ROW.finditer(hit.text, start, end))[1:]
        used = [row.end() for row in rows if terms & claim_of(row[0]).terms]
        yield Part(
            hit=index,
            start=start,
            end=end,
            ends=tuple(dict.fromkeys([end, *reversed(used)])),
            terms=claim_of(hit.text[start:end]).terms,
            tokens=_cost(hit, end - start),
        )


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the sentences of ``text``; rows of a table that touch are one span."""
    rows = [match.span() for match in _ROW.finditer(text)]
    table: list[tuple[int, int]] = []
    for sentence in split_sentences(text):
        start, end = sentence.start, sentence.end
        if any(start < row_end and row_start < end for row_start, row_end in rows):
            table.append((start, end))
            continue
        yield from _table(text, table)
        table = []
        yield start, end
    yield from _table(text, table)


def _table(text: str, rows: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield rows that touch as one span, records each by itself."""
    records = [_RECORD.match(text, start) for start, _ in rows[1:]]
    names = {record[1].rstrip("…") if record else "" for record in records}
    first = names.pop() if len(names) == 1 else ""
    if first and text.startswith(first, rows[0][0]):
        yield from rows
    elif rows:
        yield rows[0][0], rows[-1][1]


def _cost(hit: Hit, chars: int) -> float:
    return hit.token_count * chars / max(1, len(hit.text))


def _cut(hit: Hit, start: int, end: int) -> Hit:
    """Return the passage with only these characters of its text."""
    return replace(
        hit,
        text=hit.text[start:end],
        start=hit.start + start,
        end=hit.start + end,
        token_count=round(_cost(hit, end - start)),
    )
