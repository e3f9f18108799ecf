"""Figures for Prometheus, read when asked for: no figure is kept twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.contrib.auth.decorators import login_not_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from generation.models import Answer
from ingestion.models import Chunk, Document
from rag_site.asking import Asker, asker_of_request
from rag_site.errors import Forbidden
from rag_site.health import parts
from rag_site.models import User


@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the figures to staff, or to a key of theirs with the scope `manage`."""
    _check_may_see(asker_of_request(request))
    return HttpResponse(generate_latest(_REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _check_may_see(asker: Asker) -> None:
    is_staff = User.objects.filter(pk=asker.user_id, is_staff=True).exists()
    if not is_staff or "manage" not in asker.scopes:
        raise Forbidden


class _Site(Collector):
    def collect(self) -> Iterator[Metric]:
        yield _by_state("documents", "Documents by state.", _states(Document))
        yield _by_state("answers", "Answers by state.", _states(Answer))
        chunks = GaugeMetricFamily("plumbline_chunks", "Stored passages.")
        chunks.add_metric([], Chunk.objects.count())
        yield chunks
        up = GaugeMetricFamily(
            "plumbline_part_up", "1 while a part is well.", labels=["part"]
        )
        for part in parts():
            up.add_metric([part.name], float(part.ok))
        yield up


def _states(model: type[Document] | type[Answer]) -> Iterable[tuple[str, int]]:
    counted = dict(
        model._default_manager.order_by()
        .values_list("state")
        .annotate(Count("pk"))
        .values_list("state", "pk__count")
    )
    return [(state, counted.get(state, 0)) for state in model.State.values]


def _by_state(name: str, text: str, counts: Iterable[tuple[str, int]]) -> Metric:
    family = GaugeMetricFamily(f"plumbline_{name}", text, labels=["state"])
    for state, count in counts:
        family.add_metric([state], count)
    return family


# A registry of its own, with nothing registered at import but this collector.
_REGISTRY = CollectorRegistry()
_REGISTRY.register(_Site())
