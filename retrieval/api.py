"""Search over REST."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from ingestion.types import as_shown
from ingestion.visibility import (
    Visible,
    get_collection_for,
    get_document_for,
    visible_to,
)
from rag_site.access import asker_of, needs
from rag_site.asking import Asker
from rag_site.errors import ValidationFailed
from rag_site.schemas import Closed, Text
from retrieval.search import search
from retrieval.types import Hit, RetrievalConfig

router = Router(tags=["Search"])

MAX_K = 50


class EmptyQuestion(ValidationFailed):
    """Type a question first."""

    code = "empty_question"


class Filters(Closed):
    documents: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None


class SearchIn(Closed):
    question: Annotated[Text, Field(max_length=settings.MAX_QUESTION_CHARS)]
    collections: Annotated[list[UUID], Field(max_length=100)] | None = Field(
        None, description="Only these; all that you may read if left out."
    )
    k: Annotated[int, Field(ge=1, le=MAX_K, description="Hits returned.")] = 8
    filters: Filters | None = None


class HitOut(Schema):
    document: str
    document_id: UUID
    collection: UUID
    heading: str
    quote: str = Field(description="The passage as stored, word for word.")
    page: int
    page_last: int
    start: int = Field(description="First character in the text of the document.")
    end: int
    score: float = Field(description="0 to 1, comparable within one search only.")
    similarity: float | None
    bm25: float | None
    dense_rank: int | None
    lexical_rank: int | None


class SearchOut(Schema):
    hits: list[HitOut]
    collections: int
    documents: int
    unread_documents: int = Field(description="Documents that are still being read.")
    timings: dict[str, float] = Field(description="Milliseconds by stage.")


@router.post("/search", auth=needs("read"), response=SearchOut)
def search_passages(request: HttpRequest, body: SearchIn) -> dict[str, Any]:
    """Find the passages nearest to a question."""
    if not body.question.strip():
        raise EmptyQuestion
    config = RetrievalConfig.from_settings(k=body.k)
    found = search(body.question, _visible(asker_of(request), body), config)
    return {**asdict(found), "hits": [_hit(hit) for hit in found.hits]}


def _visible(asker: Asker, body: SearchIn) -> Visible:
    """Return the reach of the search.

    Raises:
        NotFound: a collection or a document that the asker may not see.
    """
    wanted = None if body.collections is None else frozenset(body.collections)
    for pk in wanted or ():
        get_collection_for(asker, pk)
    documents = body.filters.documents if body.filters else None
    for pk in documents or ():
        get_document_for(asker, pk)
    reach = visible_to(asker, wanted or None)
    return Visible(
        user_id=reach.user_id,
        collections=reach.collections,
        documents=None if documents is None else frozenset(documents),
    )


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        **asdict(hit),
        "collection": hit.collection_id,
        "quote": as_shown(hit.text),
    }
