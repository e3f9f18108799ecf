"""Why a search found what it found: ranks and scores, beside another configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Exists, Q, QuerySet

from ingestion.embedding import Embedder
from ingestion.models import Collection, Document, Role
from ingestion.visibility import (
    Visible,
    collections_visible_to,
    documents_visible_to,
    held_to_floor,
    visible_to,
)
from rag_site.asking import Asker
from rag_site.errors import NotFound
from retrieval.filters import parse
from retrieval.search import search
from retrieval.types import Hit, RetrievalConfig, SearchResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A hit, and its rank in the configuration beside it, None where it has none."""

    rank: int
    hit: Hit
    other_rank: int | None = None

    @property
    def score_share(self) -> int:
        """Return the score in percent, for a bar."""
        return round(100 * min(1.0, max(0.0, self.hit.score)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One configuration's hits; ``is_compared`` if there is another beside it."""

    lines: Sequence[Line]
    result: SearchResult
    is_compared: bool


def curated_collection(asker: Asker, pk: UUID) -> Collection:
    """Return the collection for those who look after it, or raise NotFound."""
    rows = collections_curated_by(asker).filter(pk=pk)
    found = held_to_floor(asker.user_id, rows)
    if not found:
        raise NotFound
    return found[0]


def collections_curated_by(asker: Asker) -> QuerySet[Collection]:
    """Return the collections that the asker looks after.

    Writers and managers do, and staff where they may read: being staff opens
    no collection.
    """
    people = get_user_model()._default_manager
    is_staff = people.filter(pk=asker.user_id, is_active=True, is_staff=True)
    written = collections_visible_to(asker, Role.WRITER).values("pk")
    return collections_visible_to(asker).filter(Q(pk__in=written) | Exists(is_staff))


def explain(
    question: str,
    asker: Asker,
    collection: Collection,
    configs: Sequence[RetrievalConfig],
    *,
    embedder: Embedder | None = None,
) -> list[Explained]:
    """Search ``collection`` as ``asker`` by each of one or two configurations.

    Raises:
        NotFound: a question without words beside its filters.
        FilterInvalid, EmbedderUnavailable, EmbedderChanged
    """
    plain, filters = parse(question)
    if not plain.strip():
        raise NotFound("Type a question beside the filters.")
    visible: Visible = visible_to(asker, frozenset({collection.pk}))
    results = [
        search(plain, visible, config, filters=(filters,), embedder=embedder)
        for config in configs
    ]
    ranks = [
        {hit.chunk_id: rank for rank, hit in enumerate(result.hits, 1)}
        for result in results
    ]
    return [
        Explained(
            lines=[
                Line(
                    rank=rank,
                    hit=hit,
                    other_rank=ranks[1 - side].get(hit.chunk_id)
                    if len(results) > 1
                    else None,
                )
                for rank, hit in enumerate(result.hits, 1)
            ],
            result=result,
            is_compared=len(results) > 1,
        )
        for side, result in enumerate(results)
    ]


def removed_by_rights(asker: Asker, collection: Collection) -> int:
    """Return how many searchable documents of the collection the asker may not read.

    A number and nothing else: not which, and not whether they would have matched.
    """
    searchable = {"collection": collection, "current_version__isnull": False}
    held = Document.objects.filter(**searchable).count()
    return max(0, held - documents_visible_to(asker).filter(**searchable).count())
