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
from retrieval.filters import Filters
from retrieval.fusion import DENSE_WEIGHT, drop_repeats, fuse_ranks, fuse_scores
from retrieval.reach import measure_reach
from retrieval.types import Hit, RetrievalConfig, SearchResult

logger = logging.getLogger(__name__)

_WEIGHTS = {"hybrid": DENSE_WEIGHT, "dense": 1.0, "lexical": 0.0}


def search(
    question: str,
    visible: Visible,
    config: RetrievalConfig,
    *,
    filters: tuple[Filters, ...] = (),
    embedder: Embedder | None = None,
) -> SearchResult:
    """Return the chunks of ``visible`` that answer ``question`` best.

    An empty library gives an empty result. Blocks: three statements and one
    forward pass; asynchronous callers run it in a thread.

    Args:
        question: without filters (retrieval.filters.parse takes them out).
        filters: that a document must pass, all of them.

    Raises:
        EmbedderUnavailable, WeightsMissing: the question cannot be embedded.
        EmbedderChanged: the vectors were written by other weights.
    """
    stopwatch = Stopwatch()
    reach = measure_reach(question, visible, filters)
    stopwatch.lap("reach")
    hits: list[Hit] = []
    if reach.chunks:
        space = live_space() if config.method != "lexical" else None
        vector = _embed(question, space, embedder) if space else None
        stopwatch.lap("embed")
        candidates = find_candidates(
            Query(
                visible=visible,
                filters=filters,
                config=config,
                reach=reach,
                space=space,
                vector=vector,
            )
        )
        stopwatch.lap("find")
        hits = list(islice(drop_repeats(_fuse(candidates, config)), config.k))
        stopwatch.lap("fuse")
    timings = stopwatch.stop()
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


def _fuse(candidates: list[Hit], config: RetrievalConfig) -> list[Hit]:
    if config.method == "hybrid" and config.fusion == "ranks":
        return fuse_ranks(candidates)
    return fuse_scores(candidates, _WEIGHTS[config.method])


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
