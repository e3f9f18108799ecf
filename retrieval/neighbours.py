"""A hit brings the passage next to it, where that one goes on with the same thing.

Ranks, scores and chunks stay those of the search: only the words that are read
grow. A hit of few words grows first, because its cut is the likeliest to have
left something out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from retrieval.types import Hit

#: Tokens of a passage and those beside it together, about two passages of the
#: default size.
MAX_TOKENS = 400

# The gap is white space: passages hold every other character of the text. It is
# read from the page, because quotes are the text word for word.
_ADJACENT = """
SELECT c.id, n.ordinal < c.ordinal, n.text, n.start, n."end", n.page_first,
       n.page_last, n.token_count,
       substr(p.text, least(c."end", n."end") - p.start + 1,
              greatest(c.start, n.start) - least(c."end", n."end"))
FROM ingestion_chunk c
JOIN ingestion_chunk n ON n.version_id = c.version_id AND n.heading = c.heading
    AND n.ordinal IN (c.ordinal - 1, c.ordinal + 1)
JOIN ingestion_page p ON p.version_id = c.version_id
    AND p.number = c.page_first AND c.page_first = c.page_last
    AND n.page_first = c.page_first AND n.page_last = c.page_first
WHERE c.id = ANY(%s)
"""


class Beside(NamedTuple):
    """A passage next to a hit, on the same page and under the same headings."""

    chunk_id: int
    is_before: bool
    text: str
    start: int
    end: int
    page: int
    page_last: int
    token_count: int
    gap: str


def with_neighbours(hits: Sequence[Hit], max_tokens: int = MAX_TOKENS) -> list[Hit]:
    """Return ``hits`` with the words of the passages beside them.

    No word comes twice: a passage that is a hit itself, or was taken by a better
    one, is left where it is. One statement.
    """
    if not hits:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_ADJACENT, [[hit.chunk_id for hit in hits]])
        beside = [Beside(*row) for row in cursor]
    return grow(hits, beside, max_tokens)


def grow(hits: Sequence[Hit], beside: Iterable[Beside], max_tokens: int) -> list[Hit]:
    """Join each hit with what lies beside it, the following passage first. Pure."""
    taken = {(hit.version_id, hit.start) for hit in hits}
    by_hit: dict[int, list[Beside]] = {}
    for one in sorted(beside, key=lambda one: one.is_before):
        by_hit.setdefault(one.chunk_id, []).append(one)
    return [
        _grow_one(hit, by_hit.get(hit.chunk_id, ()), taken, max_tokens) for hit in hits
    ]


def _grow_one(
    hit: Hit, beside: Iterable[Beside], taken: set[tuple[UUID, int]], max_tokens: int
) -> Hit:
    grown = hit
    for one in beside:
        fits = grown.token_count + one.token_count <= max_tokens
        if fits and (hit.version_id, one.start) not in taken:
            taken.add((hit.version_id, one.start))
            grown = _joined(grown, one)
    return grown


def _joined(hit: Hit, one: Beside) -> Hit:
    first, second = (one.text, hit.text) if one.is_before else (hit.text, one.text)
    return replace(
        hit,
        text=first + one.gap + second,
        start=min(hit.start, one.start),
        end=max(hit.end, one.end),
        token_count=hit.token_count + one.token_count,
    )
