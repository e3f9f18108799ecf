"""How good search is on judged questions: dense, lexical and hybrid side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from ingestion.embedding import Embedder
from ingestion.visibility import Visible
from retrieval.confidence import Interval, compare, interval_of
from retrieval.corpora import Judged, read_corpus, read_judged
from retrieval.loading import Progress, Reader, load_texts
from retrieval.metrics import metric_values
from retrieval.search import search
from retrieval.types import Method, RetrievalConfig

# Of each measure, one number for each question.
Values = dict[str, list[float]]

METHODS: tuple[Method, ...] = ("dense", "lexical", "hybrid")
# Chunks taken from each ranking: with the 100 of a normal search, long documents
# would not leave 100 different ones for recall@100. The first ten hits stay the
# same: a chunk beyond the 100th of both rankings does not get there.
_CANDIDATES = 300


def run(
    directory: Path,
    *,
    limit: int | None = None,
    reader: Reader | None = None,
    progress: Mapping[str, Progress] | None = None,
) -> dict[str, Any]:
    """Load the set in ``directory`` into the current database and search it.

    A document's score is that of its best chunk.

    Args:
        limit: ask only the first so many judged questions, of the whole corpus.
        progress: functions called with steps done and in all, by stage:
            "load" and "search".

    Returns:
        What ``manage.py evaluate retrieval --json`` prints.

    Raises:
        CorpusInvalid, WeightsMissing
    """
    begun = time.perf_counter()
    reader, progress = reader or Reader.from_settings(), progress or {}
    texts, judged = read_corpus(directory), _first(read_judged(directory), limit)
    visible = load_texts(texts, reader, progress=progress.get("load"))
    rankings = _rank(judged, visible, reader.embedder, progress.get("search"))
    values = {
        method: metric_values(rankings[method], judged.qrels) for method in METHODS
    }
    return {
        "dataset": directory.resolve().name,
        "queries": len(judged.queries),
        "methods": {method: _figures(values[method]) for method in METHODS},
        "paired": {
            f"hybrid - {method}": _paired(values["hybrid"], values[method])
            for method in METHODS
            if method != "hybrid"
        },
        "seconds": round(time.perf_counter() - begun, 1),
    }


def _figures(values: Values) -> dict[str, Any]:
    """Return each measure's mean, and under "ci95" its 95 % interval."""
    means: dict[str, Any] = {
        name: round(fmean(each), 4) if each else 0.0 for name, each in values.items()
    }
    return means | {
        "ci95": {name: _rounded(interval_of(each)) for name, each in values.items()}
    }


def _paired(first: Values, second: Values) -> dict[str, Any]:
    found = {name: compare(first[name], second[name]) for name in first}
    return {
        name: {
            "difference": round(each.difference, 4),
            "ci95": _rounded(each.interval),
            "p": round(each.p, 4),
        }
        for name, each in found.items()
    }


def _rounded(interval: Interval) -> list[float]:
    return [round(end, 4) for end in interval]


def _first(judged: Judged, limit: int | None) -> Judged:
    kept = dict(islice(judged.queries.items(), limit))
    return Judged(queries=kept, qrels={query: judged.qrels[query] for query in kept})


def _rank(
    judged: Judged, visible: Visible, embedder: Embedder, progress: Progress | None
) -> dict[Method, dict[str, list[str]]]:
    """Return for each method and query the names of documents, best first."""
    site = RetrievalConfig.from_settings()
    config = replace(site, k=_CANDIDATES, candidates=_CANDIDATES)
    rankings: dict[Method, dict[str, list[str]]] = {method: {} for method in METHODS}
    for done, (query, text) in enumerate(judged.queries.items(), 1):
        for method in METHODS:
            result = search(
                text, visible, replace(config, method=method), embedder=embedder
            )
            # A dict keeps the first, best place of each name.
            names = dict.fromkeys(hit.document for hit in result.hits)
            rankings[method][query] = list(names)
        if progress:
            progress(done, len(judged.queries))
    return rankings
