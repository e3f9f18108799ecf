"""Figures of the engine for Prometheus, read when asked: the engine counts nothing twice."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from generation.server.engine import Engine


class EngineCollector(Collector):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        engine = self._engine
        yield GaugeMetricFamily(
            "plumbline_queue_waiting", "Requests in line.", engine.waiting
        )
        yield GaugeMetricFamily(
            "plumbline_slots_busy", "Requests being answered.", int(engine.is_busy)
        )
        for name, text, value in (
            ("prompt_evaluated", "Tokens evaluated.", engine.weights.evaluated),
            (
                "prompt_reused",
                "Prompt tokens not evaluated again.",
                engine.reused_tokens,
            ),
            ("answered", "Tokens of answers.", engine.answered_tokens),
        ):
            yield CounterMetricFamily(f"plumbline_tokens_{name}", text, value)
        ended = CounterMetricFamily(
            "plumbline_requests", "Requests by how they ended.", labels=["reason"]
        )
        for reason, count in engine.finished.items():
            ended.add_metric([reason], count)
        yield ended


def render_metrics(engine: Engine) -> tuple[bytes, str]:
    """Return the exposition text and its media type."""
    registry = CollectorRegistry()
    registry.register(EngineCollector(engine))
    return generate_latest(registry), CONTENT_TYPE_LATEST
