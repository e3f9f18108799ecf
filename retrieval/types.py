"""Values that cross the seams of retrieval."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

Method = Literal["hybrid", "dense", "lexical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalConfig:
    """How a search runs.

    Attributes:
        k: hits returned.
        candidates: taken from each ranking before fusion.
        method: hybrid, or one ranking alone for comparison.
        fusion: how hybrid joins the rankings (retrieval.fusion).
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
    exact_scan_chunks: int = 20_000
    walk_cost: float = 4.0
    ef_search: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.candidates:
            raise ValueError("k must be between 1 and candidates")

    @classmethod
    def from_settings(cls, *, k: int = 8, method: Method = "hybrid") -> RetrievalConfig:
        """Return the site's configuration for ``k`` hits."""
        from django.conf import settings

        return cls(
            k=k,
            method=method,
            candidates=max(k, settings.CANDIDATES),
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

    def __repr__(self) -> str:
        return (
            f"Hit({self.chunk_id}, {self.document!r} p. {self.page}, {self.score:.3f})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Hits in falling score, and what was searched.

    Attributes:
        timings: milliseconds of the stages reach, embed, find, fuse, and total.
    """

    hits: tuple[Hit, ...]
    collections: int
    documents: int
    # Documents in the asker's reach that are still being read.
    unread_documents: int = 0
    timings: dict[str, float] = field(default_factory=dict)
