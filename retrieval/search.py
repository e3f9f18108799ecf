"""The one search: every door asks here, within the asker's rights."""

from __future__ import annotations

import logging
import time
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ingestion.embedding import Embedder, get_embedder
from ingestion.errors import EmbedderChanged
from ingestion.models import EmbeddingSpace
from ingestion.spaces import live_space
from ingestion.visibility import Visible
from retrieval.candidates import Query, find_candidates
from retrieval.copies import drop_copies
from retrieval.diversity import spread
from retrieval.filters import Filters
from retrieval.foreign import dense_weight
from retrieval.fusion import fuse_ranks, fuse_scores
from retrieval.neighbours import with_neighbours
from retrieval.reach import Reach, measure_reach
from retrieval.reranking import Reranker, RerankerUnavailable, get_reranker, rerank
from retrieval.types import Hit, RetrievalConfig, SearchResult

logger = logging.getLogger(__name__)


def search(
    question: str,
    visible: Visible,
    config: RetrievalConfig,
    *,
    filters: tuple[Filters, ...] = (),
    embedder: Embedder | None = None,
    reranker: Reranker | None = None,
) -> SearchResult:
    """Return the chunks of ``visible`` that answer ``question`` best.

    An empty library gives an empty result. Blocks: three or four statements and
    one forward pass; asynchronous callers run it in a thread.

    Args:
        question: without filters (retrieval.filters.parse takes them out).
        filters: that a document must pass, all of them.
        embedder, reranker: the site's if left out.

    Raises:
        EmbedderUnavailable, WeightsMissing: the question cannot be embedded.
        EmbedderChanged: the vectors were written by other weights.
    """
    stopwatch = Stopwatch()
    reach = measure_reach(question, visible, filters)
    stopwatch.lap("reach")
    hits: list[Hit] = []
    copies: list[Hit] = []
    if reach.chunks:
        space = live_space() if config.method != "lexical" else None
        vector = _embed(question, space, embedder) if space else None
        stopwatch.lap("embed")
        query = Query(
            visible=visible,
            filters=filters,
            config=config,
            reach=reach,
            space=space,
            vector=vector,
        )
        candidates = find_candidates(query)
        stopwatch.lap("find")
        ranked = _fuse(question, candidates, query)
        stopwatch.lap("fuse")
        if config.rerank:
            ranked = _rerank(question, ranked, copies, config, reranker)
            stopwatch.lap("rerank")
        hits = _choose(ranked, copies, config, stopwatch)
    return _result(hits, copies, reach, stopwatch.stop())


def _result(
    hits: list[Hit], copies: list[Hit], reach: Reach, timings: dict[str, float]
) -> SearchResult:
    logger.info(
        "search: %d hits of %d chunks in %d documents, %.0f ms",
        len(hits),
        reach.chunks,
        reach.documents,
        timings["total"],
    )
    return SearchResult(
        hits=tuple(hits),
        collections=reach.collections,
        documents=reach.documents,
        copies=tuple(copies),
        chunks=reach.chunks,
        unread_documents=reach.unread_documents,
        timings=timings,
    )


def _embed(
    question: str, space: EmbeddingSpace, embedder: Embedder | None
) -> NDArray[np.float32]:
    """Return the question's vector by the weights that wrote those of ``space``."""
    embedder = embedder or get_embedder(space.model_name)
    if embedder.digest != space.model_digest:
        raise EmbedderChanged(detail={"live": space.model_name})
    return embedder.embed_question(question)


def _choose(
    ranked: list[Hit], copies: list[Hit], config: RetrievalConfig, stopwatch: Stopwatch
) -> list[Hit]:
    """Return the ``k`` hits to show, none of which repeats another.

    Copies that are not word for word, met on the way, are added to ``copies``.
    """
    different = drop_copies(spread(ranked, decay=config.decay), aside=copies)
    hits = list(islice(different, config.k))
    stopwatch.lap("choose")
    if config.neighbours:
        hits = with_neighbours(hits)
        stopwatch.lap("neighbours")
    return hits


def _fuse(question: str, candidates: list[Hit], query: Query) -> list[Hit]:
    config, space = query.config, query.space
    if config.method == "hybrid" and config.fusion == "ranks":
        return fuse_ranks(candidates)
    if config.method != "hybrid" or space is None:
        return fuse_scores(candidates, float(config.method == "dense"))
    chunks = {one.language: one.chunks for one in query.reach.terms}
    weight = dense_weight(config.dense_weight, question, space.model_name, chunks)
    return fuse_scores(candidates, weight)


def _rerank(
    question: str,
    hits: list[Hit],
    copies: list[Hit],
    config: RetrievalConfig,
    reranker: Reranker | None,
) -> list[Hit]:
    """Return the hits reranked, or as they are where the reranker is away."""
    try:
        chosen = reranker or get_reranker()
        if chosen is None:
            return hits
        # A copy read twice would only cost time.
        different = list(drop_copies(hits, aside=copies))
        return rerank(question, different, chosen, count=config.rerank)
    except RerankerUnavailable as exc:
        logger.warning("search goes on without reranking: %s", exc.message)
        return hits


class Stopwatch:
    """Milliseconds of one stage after another."""

    def __init__(self) -> None:
        self._begun = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._laps[stage] = round((now - self._last) * 1000, 2)
        self._last = now

    def stop(self) -> dict[str, float]:
        total = round((time.perf_counter() - self._begun) * 1000, 2)
        return {**self._laps, "total": total}
