"""What search costs above its SQL, and what the index misses.

``search()`` against the bare SQL that it rests on: the statements of a search
are recorded and sent again, as they are, over a plain psycopg connection. The
index walk against a full comparison: the share of the ten nearest chunks that
it finds. Questions come with their vectors, so no model is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from statistics import fmean, median
from typing import Any

from django.db import connection

from rag_site.benchmarks import Result
from retrieval.search import search
from retrieval.synthetic import Library, make_library
from retrieval.types import Hit, RetrievalConfig

# A little more than the exact scan is used for, so that both paths are seen.
CHUNKS, QUESTIONS = 25_000, 50
#: Goals of the project; without one, a figure is there to compare.
GOAL_OVERHEAD, GOAL_RECALL = 1.3, 0.95

Statement = tuple[str, Any]


def run(options: Mapping[str, Any]) -> list[Result]:
    """Fill the current database, a scratch one, and measure.

    Args:
        options: ``chunks`` and ``questions``, each with a default, and
            ``progress``, called with documents done and documents in all.
    """
    library = make_library(
        options.get("chunks") or CHUNKS,
        questions=options.get("questions") or QUESTIONS,
        progress=options.get("progress"),
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    config = RetrievalConfig.from_settings(k=10)
    return [
        result
        for share in sorted(library.readers, reverse=True)
        for result in (
            *_overhead(library, share, config),
            *_recalls(library, share, config),
        )
    ]


def _overhead(library: Library, share: float, config: RetrievalConfig) -> list[Result]:
    """Compare in turns, each after a run of the same search that warms the cache."""
    searched, bare = [], []
    for question in library.questions:
        ask = partial(_search, library, question, share, config)
        statements = _recorded(ask)
        searched.append(_timed(ask))
        bare.append(_timed(partial(_replay, statements)))
    value, baseline = median(searched), median(bare)
    return [
        Result(
            name=f"search p50, {share:.0%} visible, against its bare SQL",
            value=round(value, 2),
            unit="ms",
            baseline=round(baseline, 2),
            ratio=round(value / baseline, 3),
            goal=f"ratio at most {GOAL_OVERHEAD}",
        )
    ]


def _recalls(library: Library, share: float, config: RetrievalConfig) -> list[Result]:
    """Of the path that the site would choose, and of the index walk in any case."""
    exact = replace(config, method="dense", exact_scan_chunks=10**12)
    walked = replace(exact, exact_scan_chunks=0)
    chosen = replace(exact, exact_scan_chunks=config.exact_scan_chunks)
    return [
        _recall(library, share, exact, chosen, title="as configured", goal=GOAL_RECALL),
        _recall(library, share, exact, walked, title="by index walk", goal=None),
    ]


def _recall(
    library: Library,
    share: float,
    exact: RetrievalConfig,
    tried: RetrievalConfig,
    *,
    title: str,
    goal: float | None,
) -> Result:
    values = []
    for question in library.questions:
        wanted = _search(library, question, share, exact)
        values.append(_overlap(wanted, _search(library, question, share, tried)))
    return Result(
        name=f"recall@10 {title}, {share:.0%} visible, against exact",
        value=round(fmean(values), 4),
        unit="share",
        baseline=1.0,
        ratio=round(fmean(values), 4),
        goal=f"at least {goal}" if goal else None,
    )


def _overlap(wanted: tuple[Hit, ...], found: tuple[Hit, ...]) -> float:
    ids = {hit.chunk_id for hit in wanted}
    return len(ids & {hit.chunk_id for hit in found}) / len(ids)


def _search(
    library: Library, question: str, share: float, config: RetrievalConfig
) -> tuple[Hit, ...]:
    visible = library.readers[share]
    return search(question, visible, config, embedder=library.embedder).hits


def _recorded(call: Callable[[], object]) -> list[Statement]:
    """Return the statements that ``call`` sends through Django."""
    statements: list[Statement] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        call()
    return statements


def _replay(statements: list[Statement]) -> None:
    """Send ``statements`` in one transaction on the driver's own connection."""
    with connection.connection.transaction():
        for sql, params in statements:
            cursor = connection.connection.execute(sql, params)
            if cursor.description:
                cursor.fetchall()


def _timed(call: Callable[[], object]) -> float:
    """Return milliseconds."""
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1000
