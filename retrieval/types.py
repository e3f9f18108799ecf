"""Values that cross the seams of retrieval."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

Method = Literal["hybrid", "dense", "lexical"]

#: Share of the dense score in the fused one; BM25 has the rest. From 0.77 to
#: 0.82 no development set changes by more than 0.02, and on each of them hybrid
#: is better than either ranking alone.
DENSE_WEIGHT = 0.78


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalConfig:
    """How a search runs.

    Attributes:
        k: hits returned.
        candidates: taken from each ranking before fusion.
        method: hybrid, or one ranking alone for comparison.
        fusion: how hybrid joins the rankings (retrieval.fusion).
        dense_weight: share of the dense score in a fusion of scores, 0 to 1.
        decay: what a passage keeps of its score for each one of its document
            beyond the first few before it (retrieval.diversity); 1 is off.
        rerank: of the best hits, how many a reranker reads again; 0 is off, and
            so is a site that has none (retrieval.reranking).
        neighbours: whether a hit brings the passage next to it
            (retrieval.neighbours); ranks stay as they are.
        exact_scan_chunks: visible chunks up to which every vector is compared
            without asking what an index walk would cost.
        walk_cost: vectors that are compared in the time of one step of an index
            walk (retrieval.dense).
        ef_search: hnsw.ef_search of an index scan.
    """

    k: int = 8
    candidates: int = 100
    method: Method = "hybrid"
    fusion: Literal["scores", "ranks"] = "scores"
    dense_weight: float = DENSE_WEIGHT
    decay: float = 0.97
    rerank: int = 0
    neighbours: bool = False
    exact_scan_chunks: int = 20_000
    walk_cost: float = 50.0
    ef_search: int = 400

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.candidates:
            raise ValueError("k must be between 1 and candidates")
        if not (0 <= self.dense_weight <= 1 and 0 < self.decay <= 1):
            raise ValueError("dense_weight and decay must be between 0 and 1")

    @classmethod
    def from_settings(cls, *, k: int = 8, method: Method = "hybrid") -> RetrievalConfig:
        """Return the site's configuration for ``k`` hits."""
        from django.conf import settings

        return cls(
            k=k,
            method=method,
            candidates=max(k, settings.CANDIDATES),
            rerank=settings.RERANK if settings.RERANKER else 0,
            exact_scan_chunks=settings.EXACT_SCAN_CHUNKS,
            walk_cost=settings.WALK_COST,
            ef_search=settings.HNSW_EF_SEARCH,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A chunk that a search found.

    Attributes:
        score: fused score, 0 to 1, higher is better; comparable within one
            search only.
        similarity: cosine similarity of question and chunk, -1 to 1, whichever
            ranking found it; None if the search used no vectors.
        bm25: BM25 score, 0 or more, None if the search used no words.
        dense_rank, lexical_rank: 1-based, None where not among the candidates.
        fused: score before a reranker changed it, None where none did.
    """

    chunk_id: int
    document_id: UUID
    version_id: UUID
    collection_id: UUID
    document: str
    heading: str
    text: str
    start: int
    end: int
    page: int
    page_last: int
    token_count: int
    score: float
    similarity: float | None = None
    bm25: float | None = None
    dense_rank: int | None = None
    lexical_rank: int | None = None
    fused: float | None = None

    def __repr__(self) -> str:
        return (
            f"Hit({self.chunk_id}, {self.document!r} p. {self.page}, {self.score:.3f})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Hits in falling score, and what was searched.

    Attributes:
        copies: passages left out as near copies of a hit, other words and all.
        chunks: that were searched.
        timings: milliseconds of the stages reach, embed, find, fuse and choose,
            of rerank and neighbours where those are on, and total.
    """

    hits: tuple[Hit, ...]
    collections: int
    documents: int
    copies: tuple[Hit, ...] = ()
    chunks: int = 0
    # Documents in the asker's reach that are still being read.
    unread_documents: int = 0
    timings: dict[str, float] = field(default_factory=dict)
