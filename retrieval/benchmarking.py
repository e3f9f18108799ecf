"""What search costs above its SQL, what the index misses, and how fast each reader is.

``search()`` against the bare SQL that it rests on: the statements of a search
are recorded and sent again, as they are, over a plain psycopg connection. What
is found against a full comparison: the share of the ten nearest chunks, for
readers of all, a tenth, a hundredth and a thousandth of the library. Questions
come with their vectors, so no model is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import groupby, islice
from operator import attrgetter
from statistics import fmean, median, quantiles
from typing import Any, NamedTuple

from django.db import connection

from ingestion import indexing
from ingestion.spaces import live_space
from rag_site.benchmarks import Result
from rag_site.machine import usable_cores
from retrieval.search import search
from retrieval.synthetic import Library, make_library
from retrieval.types import Hit, RetrievalConfig

# A little more than the exact scan is used for, so that both paths are seen.
CHUNKS, QUESTIONS = 25_000, 50
#: Goals of the project; without one, a figure is there to compare.
GOAL_OVERHEAD, GOAL_RECALL = 1.3, 0.95
_K = 10


class Statement(NamedTuple):
    sql: str
    params: Any
    in_transaction: bool


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
    return measure(library)


def measure(library: Library) -> list[Result]:
    """Measure the ``library`` that the current database holds."""
    with connection.cursor() as cursor:
        # The full comparison of a million vectors takes longer than a request may.
        cursor.execute("SET statement_timeout = 0")
    config = RetrievalConfig.from_settings(k=_K)
    results = [*_sizes(library)]
    for share in sorted(library.readers, reverse=True):
        results += [
            *_overhead(library, share, config),
            *_found(library, share, config),
            *_speed(library, share, replace(config, method="dense")),
            *_speed(library, share, config),
        ]
    return results


def _sizes(library: Library) -> Iterator[Result]:
    """What was built, and how long it took; without goals."""
    for step, seconds in library.seconds.items():
        yield Result(name=f"build of {step}", value=seconds, unit="s")
    space = live_space()
    if space is not None:
        status = indexing.status(space)
        for name, size in (
            ("vectors on disk", status.table_bytes),
            ("index of vectors on disk", status.index_bytes),
        ):
            yield Result(name=name, value=round(size / 1e6, 1), unit="MB")


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
            name=f"search p50, {share:.4g} visible, against its bare SQL",
            value=round(value, 2),
            unit="ms",
            baseline=round(baseline, 2),
            ratio=round(value / baseline, 3),
            goal=f"ratio at most {GOAL_OVERHEAD}",
        )
    ]


def _found(library: Library, share: float, config: RetrievalConfig) -> Iterator[Result]:
    """Of the path that the site would choose, and of the index walk in any case."""
    exact = replace(config, method="dense", exact_scan_chunks=10**12)
    chosen = replace(config, method="dense")
    walked = replace(chosen, exact_scan_chunks=0, walk_cost=0)
    wanted = [
        _search(library, question, share, exact) for question in library.questions
    ]
    for title, tried, goal in (
        ("as configured", chosen, GOAL_RECALL),
        ("by index walk", walked, None),
    ):
        found = [
            _search(library, question, share, tried) for question in library.questions
        ]
        pairs = list(zip(wanted, found, strict=True))
        yield _figure(
            f"recall@{_K} {title}, {share:.4g} visible, against exact",
            fmean(_overlap(*pair) for pair in pairs),
            f"at least {goal}" if goal else None,
        )
        yield _figure(
            f"rows {title}, {share:.4g} visible, against those that exist",
            min(len(found) / len(wanted) for wanted, found in pairs),
            "1: never fewer",
        )


def _figure(name: str, share: float, goal: str | None) -> Result:
    value = round(share, 4)
    return Result(
        name=name, value=value, unit="share", baseline=1.0, ratio=value, goal=goal
    )


def _speed(library: Library, share: float, config: RetrievalConfig) -> Iterator[Result]:
    """Of one client, and of as many as there are cores; the caches are warm."""
    ask = partial(_search, library, share=share, config=config)
    name = f"{config.method} search, {share:.4g} visible"
    times = [_timed(partial(ask, question)) for question in library.questions]
    p95 = quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]
    yield Result(name=f"{name}, p50", value=round(median(times), 2), unit="ms")
    yield Result(name=f"{name}, p95", value=round(p95, 2), unit="ms")
    clients = usable_cores()
    questions = library.questions * 2
    elapsed = _timed(partial(_ask_at_once, ask, questions, clients)) / 1000
    yield Result(
        name=f"{name}, {clients} clients",
        value=round(len(questions) / elapsed, 2),
        unit="questions/s",
    )


def _ask_at_once(
    ask: Callable[[str], object], questions: tuple[str, ...], clients: int
) -> None:
    def work(number: int) -> None:
        try:
            for question in islice(questions, number, None, clients):
                ask(question)
        finally:
            connection.close()

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, range(clients)))


def _overlap(wanted: tuple[Hit, ...], found: tuple[Hit, ...]) -> float:
    ids = {hit.chunk_id for hit in wanted}
    return len(ids & {hit.chunk_id for hit in found}) / len(ids) if ids else 1.0


def _search(
    library: Library, question: str, share: float, config: RetrievalConfig
) -> tuple[Hit, ...]:
    visible = library.readers[share]
    return search(question, visible, config, embedder=library.embedder).hits


def _recorded(call: Callable[[], object]) -> list[Statement]:
    """Return the statements that ``call`` sends through Django."""
    statements: list[Statement] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(Statement(sql, params, connection.in_atomic_block))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        call()
    return statements


def _replay(statements: list[Statement]) -> None:
    """Send ``statements`` on the driver's own connection, in transactions like theirs."""
    for in_transaction, group in groupby(statements, attrgetter("in_transaction")):
        bounds = (
            connection.connection.transaction() if in_transaction else nullcontext()
        )
        with bounds:
            for sql, params, _ in group:
                cursor = connection.connection.execute(sql, params)
                if cursor.description:
                    cursor.fetchall()


def _timed(call: Callable[[], object]) -> float:
    """Return milliseconds."""
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1000
