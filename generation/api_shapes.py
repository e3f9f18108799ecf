"""Shapes of questions, answers and conversations in the API."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from rag_site.schemas import Closed, Text
from retrieval.api_shapes import FiltersIn, Question


class AskIn(Closed):
    question: Question
    conversation: UUID | None = Field(
        None, description="Asks a follow-up; left out, a conversation begins."
    )
    collections: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = (
        Field(None, description="Only these; those of the conversation if left out.")
    )
    filters: FiltersIn | None = Field(
        None, description="Of this question only; a follow-up has its own."
    )
    stream: bool = Field(False, description="Events instead of one answer.")
    form: dict[str, Any] | None = Field(
        None,
        alias="schema",
        description="JSON Schema of the answer, of the part in docs/api.md.",
    )


class SourceOut(Schema):
    """A numbered passage; ``quote`` is empty if you may no longer read it."""

    n: int
    document: str
    document_id: UUID
    version_id: UUID
    heading: str
    page: int
    start: int
    end: int
    quote: str
    score: float
    dense_rank: int | None
    lexical_rank: int | None
    in_prompt: bool


class EvidenceOut(Schema):
    """The words of source ``n`` that bear a sentence, and where they stand.

    ``start`` and ``end`` count in the text of the source's version.
    """

    n: int
    start: int
    end: int
    page: int | None
    quote: str


class CitationOut(Schema):
    """A sentence of the answer, and the numbers of the sources that it names."""

    start: int
    end: int
    sentence: str
    sources: list[int]
    supported: bool
    verdict: Literal["supported", "partly", "unsupported"]
    evidence: list[EvidenceOut]


class StatementOut(EvidenceOut):
    """A sentence of source ``n``; ``added_on`` is the day its document was added."""

    added_on: dt.date | None


class ConflictOut(Schema):
    """Sources that disagree; the first statement is the one that the answer follows."""

    statements: list[StatementOut]


class NoticeOut(Schema):
    code: str
    message: str


class AnswerFailure(Schema):
    code: str
    message: str
    reference: str


class FeedbackIn(Closed):
    rating: Literal["up", "down"]
    reason: Annotated[Text, Field(max_length=40)] = ""
    comment: Annotated[Text, Field(max_length=2000)] = ""


class FeedbackOut(Schema):
    rating: Literal["up", "down"]
    reason: str
    comment: str


class AnswerOut(Schema):
    id: UUID
    conversation: UUID
    question: str
    standalone_question: str = Field(description="The question as searched.")
    text: str
    data: Any = Field(None, description="With a `schema`: the answer as JSON.")
    state: Literal[
        "queued",
        "searching",
        "reading",
        "waiting",
        "writing",
        "done",
        "stopped",
        "failed",
        "interrupted",
    ]
    refused: bool = Field(description="The documents do not hold the answer.")
    outcome: Literal["answered", "partly", "not_in_documents"] | None = Field(
        description="Null until the answer is done."
    )
    missing: list[str] = Field(
        description="Names and numbers of the question that no passage holds."
    )
    sources: list[SourceOut]
    citations: list[CitationOut]
    conflict: ConflictOut | None
    notices: list[NoticeOut]
    error: AnswerFailure | None
    feedback: FeedbackOut | None
    model: str
    model_digest: str
    embedder_digest: str
    prompt_version: str
    parameters: dict[str, Any]
    timings: dict[str, Any] = Field(description="Milliseconds by stage, tokens.")
    receipt: dict[str, Any] = Field(description="What made the answer.")
    created_at: dt.datetime
    finished_at: dt.datetime | None


class ConversationIn(Closed):
    collections: Annotated[list[UUID], Field(max_length=100)] = Field(
        default_factory=list, description="Empty: all that you may read when asking."
    )


class ConversationOut(Schema):
    id: UUID
    title: str
    collections: list[UUID]
    created_at: dt.datetime
    updated_at: dt.datetime


class ConversationList(Schema):
    items: list[ConversationOut]
    next_cursor: str | None


class ConversationWithAnswers(ConversationOut):
    answers: list[AnswerOut] = Field(description="The last 100, oldest first.")
