"""Shapes of search in the API."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from django.conf import settings
from ninja import Schema
from pydantic import Field

from ingestion.visibility import get_document_for
from rag_site.asking import Asker
from rag_site.schemas import Closed, Text
from retrieval.filters import MAX_VALUE_CHARS, MAX_VALUES, Filters, make

# Its length is checked with its words (``retrieval.questions``), so that one code tells.
Question = Annotated[
    Text, Field(description=f"At most {settings.MAX_QUESTION_CHARS} characters.")
]
Values = Annotated[
    list[Annotated[Text, Field(min_length=1, max_length=MAX_VALUE_CHARS)]],
    Field(min_length=1, max_length=MAX_VALUES),
]
Day = Annotated[Text, Field(max_length=10)]


class FiltersIn(Closed):
    """What a document must be. Values of one filter mean either, filters mean all.

    The same filters can stand in the question: `file:handbook type:pdf tag:travel
    after:2025-01-01 before:2026 lang:de`.
    """

    documents: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    file: Values | None = Field(None, description="A piece of the name or folder.")
    type: Values | None = Field(None, description="As in pdf, docx, word, excel.")
    tag: Values | None = Field(None, description="A tag that the document has.")
    lang: Values | None = Field(
        None, description="As in en, de, fr; simple for others."
    )
    after: Day | None = Field(None, description="Added on this day or later.")
    before: Day | None = Field(None, description="Added earlier than this day.")


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


def filters_of(asker: Asker, body: FiltersIn | None) -> Filters:
    """Raises NotFound for a document out of sight, FilterInvalid."""
    if body is None:
        return Filters()
    for pk in body.documents or ():
        get_document_for(asker, pk)
    values = body.dict(exclude_none=True, exclude={"documents"})
    given = make(
        {
            name: value if isinstance(value, list) else [value]
            for name, value in values.items()
        }
    )
    return replace(given, documents=tuple(body.documents or ()))
