"""What the pages of golden answers show: read from rows, ready for a template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from generation.config import generation_config
from generation.curating.comparing import Compared, Pair
from generation.curating.golden_runs import outcome_of
from generation.curating.measuring import MEASURES, Difference, Figure, Measure
from generation.curating.models import AnswerRun, RunAnswer
from generation.curating.threshold import SHIPPED, Point, points_of
from ingestion.models import Collection
from ingestion.visibility import documents_visible_to, held_to_floor
from rag_site.asking import Asker

# What the list of runs shows of each.
_KEY = ("f1", "refusal_precision", "refusal_recall", "support_rate", "seconds")
# Below it a difference is taken for one: what the 95 % intervals say, too.
_CLEAR = 0.05
_NOTHING = Figure(n=0, mean=None, low=None, high=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One measure of a run, with that of the run it is held against."""

    measure: Measure
    second: Figure
    first: Figure
    difference: Difference | None

    @property
    def verdict(self) -> str:
        """Return "better" or "worse", or "" while chance may explain it."""
        found = self.difference
        if found is None or not found.mean or found.p is None or found.p >= _CLEAR:
            return ""
        return "better" if (found.mean > 0) != self.measure.is_less_better else "worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A passage that an answer was shown with; ``name`` of its document."""

    n: int
    name: str
    document: str
    version: str
    page: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One answer; ``links`` are its cited passages that the reader may open."""

    row: RunAnswer
    links: Sequence[Link]

    @property
    def supported(self) -> int:
        verdicts: list[str] = self.row.verdicts
        return verdicts.count("supported")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A question with both answers, ``first`` None where there is none to compare."""

    pair: Pair
    second: Side
    first: Side | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The curve to show: of ``run``, or as it was shipped."""

    in_force: float
    points: Sequence[Point]
    run: AnswerRun | None = None
    shipped = SHIPPED

    @property
    def is_marked(self) -> bool:
        return any(point.is_in_force for point in self.points)


def runs_of(collection: Collection) -> QuerySet[AnswerRun]:
    """Return the runs, newest first, with ``done`` and ``total`` questions."""
    answered = Count("answers", filter=Q(answers__answered_at__isnull=False))
    rows = AnswerRun.objects.filter(collection=collection)
    return rows.annotate(done=answered, total=Count("answers"))


def lines_of(
    second: AnswerRun, first: AnswerRun | None, compared: Compared | None
) -> list[Line]:
    return [
        Line(
            measure=measure,
            second=figure_of(second, measure.name),
            first=figure_of(first, measure.name) if first else _NOTHING,
            difference=compared.differences[measure.name] if compared else None,
        )
        for measure in MEASURES
    ]


def key_lines(run: AnswerRun) -> list[Line]:
    return [line for line in lines_of(run, None, None) if line.measure.name in _KEY]


def figure_of(run: AnswerRun, name: str) -> Figure:
    found: Mapping[str, Any] | None = run.figures.get(name)
    return Figure(**found) if found else _NOTHING


def shown(asker: Asker, pairs: Iterable[Pair]) -> list[Shown]:
    """Return the pairs with links to what the asker may read of their sources."""
    pairs = list(pairs)
    rows = [row for p in pairs for row in (p.second, p.first) if row is not None]
    ids = {source["document"] for row in rows for source in row.sources}
    readable = documents_visible_to(asker).filter(pk__in=ids)
    names = {
        str(document.pk): document.name
        for document in held_to_floor(asker.user_id, readable)
    }
    return [
        Shown(
            pair=pair,
            second=_side(pair.second, names),
            first=_side(pair.first, names) if pair.first else None,
        )
        for pair in pairs
    ]


def _side(row: RunAnswer, names: Mapping[str, str]) -> Side:
    links = [
        Link(
            name=names[source["document"]],
            **{name: source[name] for name in Link.__slots__ if name != "name"},
        )
        for source in row.sources
        if source["is_cited"] and source["document"] in names
    ]
    return Side(row=row, links=links)


def threshold_of(runs: Iterable[AnswerRun]) -> Threshold:
    """Return the curve of the newest finished run that told confidences."""
    in_force = generation_config().refusal_threshold
    for run in runs:
        if run.state == AnswerRun.State.DONE:
            outcomes = [outcome_of(row) for row in run.answers.all()]
            points = points_of(outcomes, run.config, in_force)
            if points:
                return Threshold(in_force=in_force, points=points, run=run)
    return Threshold(in_force=in_force, points=SHIPPED.points(in_force))
