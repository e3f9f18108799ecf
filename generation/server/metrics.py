"""Figures of the engine for Prometheus, read when asked: the engine counts nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from generation.server.engine import Engine
from generation.server.figures import FIRST_TOKEN_BOUNDS_S


class EngineCollector(Collector):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        yield from self._gauges()
        yield from self._counters()
        yield self._ends()
        yield self._first_tokens()

    def _gauges(self) -> Iterator[Metric]:
        engine = self._engine
        for name, text, value in (
            ("queue_waiting", "Requests in line.", engine.waiting),
            ("slots_busy", "Requests being answered.", engine.running),
            ("slots", "Requests answered at the same time.", engine.weights.slots),
            ("cache_cells", "Tokens that the cache can hold.", engine.weights.cells),
            ("cache_cells_used", "Of them full or set aside.", engine.cells_used),
            ("kept_runs", "Runs of tokens kept for reuse.", len(engine.kept)),
            ("kept_bytes", "Memory that they take.", engine.kept.used_bytes),
        ):
            yield GaugeMetricFamily(f"plumbline_{name}", text, value)

    def _counters(self) -> Iterator[Metric]:
        figures = self._engine.figures
        for name, text, value in (
            ("steps", "Batches evaluated.", figures.steps),
            ("steps_seconds", "Time spent on them.", figures.step_s),
            (
                "steps_occupied",
                "Requests in each batch, summed.",
                figures.occupied,
            ),
            ("tokens_evaluated", "Rows of all batches.", figures.rows),
            ("tokens_prompt", "Tokens of prompts.", figures.prompt),
            ("tokens_prompt_reused", "Of them not evaluated.", figures.reused),
            ("prefix_hits", "Requests that reused some.", figures.prefix_hits),
            ("tokens_answered", "Tokens of answers.", figures.answered),
            ("tokens_drafted", "Tokens guessed from prompts.", figures.drafts),
            ("tokens_drafted_right", "Of them right.", figures.drafts_right),
        ):
            yield CounterMetricFamily(f"plumbline_{name}", text, value)

    def _ends(self) -> Metric:
        ended = CounterMetricFamily(
            "plumbline_requests", "Requests by how they ended.", labels=["reason"]
        )
        for reason, count in self._engine.figures.finished.items():
            ended.add_metric([reason], count)
        return ended

    def _first_tokens(self) -> Metric:
        figures = self._engine.figures
        names = [str(b) if b != float("inf") else "+Inf" for b in FIRST_TOKEN_BOUNDS_S]
        sums = [float(count) for count in accumulate(figures.first_tokens)]
        return HistogramMetricFamily(
            "plumbline_first_token_seconds",
            "From submission to the first token.",
            buckets=list(zip(names, sums, strict=True)),
            sum_value=figures.first_token_s,
        )


def render_metrics(engine: Engine) -> tuple[bytes, str]:
    """Return the exposition text and its media type."""
    registry = CollectorRegistry()
    registry.register(EngineCollector(engine))
    return generate_latest(registry), CONTENT_TYPE_LATEST
