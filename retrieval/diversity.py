"""No document should take every place of a short list. Pure functions on hits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from retrieval.fusion import best_first
from retrieval.types import Hit

#: Passages of one document that keep their full score.
FREE = 3
#: What each further one of that document keeps of its score: gentle, so that a
#: passage of another document comes before it only where it is about as good.
DECAY = 0.97


def spread(hits: Iterable[Hit], *, free: int = FREE, decay: float = DECAY) -> list[Hit]:
    """Return ``hits``, best first, with the later ones of each document lowered.

    The first hit of every document keeps its score, so that a ranking of
    documents by their best passage stays the same. A decay of 1 changes nothing.
    """
    taken: Counter[UUID] = Counter()
    lowered = []
    for hit in hits:
        excess = max(0, taken[hit.document_id] + 1 - free)
        taken[hit.document_id] += 1
        score = hit.score * decay**excess
        lowered.append(replace(hit, score=score) if excess else hit)
    return best_first(lowered)
