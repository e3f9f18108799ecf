"""Two rankings become one. Pure functions on hits; no Django here.

nDCG@10 on the development sets (chunks of 200 tokens, all-MiniLM-L6-v2):

                dense   BM25  fusion of ranks  of scores
    SciFact     0.683  0.699            0.726      0.744
    SQuAD 2     0.799  0.897            0.885      0.916
    MuSiQue     0.598  0.499            0.582      0.607
    HotpotQA    0.780  0.807            0.803      0.818
    Cranfield   0.352  0.313            0.365      0.374
    XQuAD en    0.941  0.967            0.967      0.979
    PubMedQA    0.989  0.978            0.989      0.991

Ranks throw away how far apart two hits are, so a list that is sure of itself
counts no more than one that guesses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from retrieval.types import DENSE_WEIGHT, Hit

#: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet
#: and individual Rank Learning Methods", 2009, found 60 best on TREC runs.
RANK_CONSTANT = 60


def fuse_scores(hits: Iterable[Hit], dense_weight: float = DENSE_WEIGHT) -> list[Hit]:
    """Return ``hits`` scored by a convex combination of their scores, best first.

    Each score is scaled between the least it can be (cosine -1, BM25 0) and the
    best among ``hits``: theoretical min-max, TM2C2 of Bruch, Gai and Ingber, "An
    Analysis of Fusion Functions for Hybrid Retrieval", 2023. Unlike a scaling by
    the worst candidate, it does not depend on how many there are.

    ``dense_weight`` 1 ranks by similarity alone, 0 by BM25 alone.
    """
    found = list(hits)
    best_dense = max((_closeness(hit) for hit in found), default=0.0) or 1.0
    best_lexical = max((hit.bm25 or 0.0 for hit in found), default=0.0) or 1.0
    return best_first(
        replace(
            hit,
            score=dense_weight * _closeness(hit) / best_dense
            + (1 - dense_weight) * (hit.bm25 or 0.0) / best_lexical,
        )
        for hit in found
    )


def fuse_ranks(hits: Iterable[Hit], constant: int = RANK_CONSTANT) -> list[Hit]:
    """Return ``hits`` scored by reciprocal rank fusion, best first.

    Scaled so that a hit that leads both rankings has score 1.
    """
    return best_first(
        replace(
            hit,
            score=sum(
                (constant + 1) / (constant + rank) / 2
                for rank in (hit.dense_rank, hit.lexical_rank)
                if rank is not None
            ),
        )
        for hit in hits
    )


def best_first(hits: Iterable[Hit]) -> list[Hit]:
    """Sort by falling score; equal ones by chunk, so that the order is one."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))


def _closeness(hit: Hit) -> float:
    """Return the similarity moved to 0 to 2; 0 for a hit without a vector."""
    return 0.0 if hit.similarity is None else hit.similarity + 1.0
