"""Search over REST."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from ingestion.types import as_shown
from ingestion.visibility import Visible, get_collection_for, visible_to
from rag_site.access import asker_of, needs
from rag_site.asking import Asker
from rag_site.schemas import Closed
from retrieval.api_shapes import FiltersIn, Question, SearchOut, filters_of
from retrieval.filters import parse
from retrieval.questions import checked_question
from retrieval.search import search
from retrieval.types import Hit, RetrievalConfig

router = Router(tags=["Search"])

MAX_K = 50


class SearchIn(Closed):
    question: Question
    collections: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = (
        Field(None, description="Only these; all that you may read if left out.")
    )
    k: Annotated[int, Field(ge=1, le=MAX_K, description="Hits returned.")] = 8
    filters: FiltersIn | None = None


@router.post("/search", auth=needs("read"), response=SearchOut)
def search_passages(request: HttpRequest, body: SearchIn) -> dict[str, Any]:
    """Find the passages nearest to a question."""
    asker = asker_of(request)
    question, typed = parse(checked_question(body.question))
    filters = (typed, filters_of(asker, body.filters))
    config = RetrievalConfig.from_settings(k=body.k)
    found = search(question, _visible(asker, body), config, filters=filters)
    return {**asdict(found), "hits": [_hit(hit) for hit in found.hits]}


def _visible(asker: Asker, body: SearchIn) -> Visible:
    """Return the reach of the search. Raises NotFound for a collection out of sight."""
    wanted = None if body.collections is None else frozenset(body.collections)
    for pk in wanted or ():
        get_collection_for(asker, pk)
    return visible_to(asker, wanted)


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        **asdict(hit),
        "collection": hit.collection_id,
        "quote": as_shown(hit.text),
    }
