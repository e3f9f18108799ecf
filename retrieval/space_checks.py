"""Whether an embedding space finds what it should, asked before it goes live.

The test questions are the golden ones that curators saved: one of the ten nearest
passages of the question's collection must be a right one. Where there are fewer than
a hundred, sentences of the stored chunks themselves fill up: the passage that each was
taken from must be among the ten nearest of the whole library, by its index. Those
need no curator, and a model that understands nothing of these documents, a wrong
tokenizer or vectors that were mixed up show at once.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from django.db import connection, transaction

from ingestion.embedding import Embedder
from ingestion.models import Chunk, EmbeddingSpace
from retrieval import dense
from retrieval.filters import parse
from retrieval.golden import holds
from retrieval.models import GoldenQuestion
from retrieval.sql import Fragment
from retrieval.types import RetrievalConfig

#: Test questions of both kinds together; of the golden ones, this many at most.
QUESTIONS, MAX_GOLDEN = 100, 1_000
_AMONG = 10
# A heading or a row of a table says too little to be found by.
_MIN_WORDS = 6
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


class Question(NamedTuple):
    """``right`` are the chunks one of which must be found, inside ``within``."""

    text: str
    right: frozenset[int]
    within: Fragment | None = None


def recall(space: EmbeddingSpace, embedder: Embedder) -> float | None:
    """Return the share of the test questions that find a right passage in ``space``."""
    questions = golden_questions()
    questions += own_sentences(max(0, QUESTIONS - len(questions)))
    if not questions:
        return None
    found = sum(
        bool(question.right & _nearest(space, embedder, question))
        for question in questions
    )
    return found / len(questions)


def golden_questions(limit: int = MAX_GOLDEN) -> list[Question]:
    """Return the golden questions whose passage is still there, oldest first.

    Filters in them are left out: they tell documents apart, not models.
    """
    rows = GoldenQuestion.objects.select_related("document").order_by(
        "created_at", "id"
    )
    found = [
        Question(parse(row.question)[0], _right_chunks(row), _of_collection(row))
        for row in rows[:limit]
    ]
    return [question for question in found if question.right]


def own_sentences(limit: int = QUESTIONS) -> list[Question]:
    """Return sentences of chunks that are spread over the library, always the same."""
    if not limit:
        return []
    # Twice as many: some chunks have no sentence that is long enough.
    sql = """
        SELECT id, text FROM ingestion_chunk
        WHERE id %% greatest(1, (SELECT count(*) FROM ingestion_chunk) / %s) = 0
        ORDER BY id LIMIT %s
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [2 * limit, 2 * limit])
        rows = cursor.fetchall()
    found = [Question(_sentence(text), frozenset([chunk])) for chunk, text in rows]
    return [question for question in found if question.text][:limit]


def _right_chunks(row: GoldenQuestion) -> frozenset[int]:
    chunks = Chunk.objects.filter(version=row.document.current_version_id)
    texts = chunks.values_list("pk", "text")
    return frozenset(pk for pk, text in texts if holds(row.passage, text))


def _of_collection(row: GoldenQuestion) -> Fragment:
    sql = (
        "c.version_id IN (SELECT d.current_version_id FROM ingestion_document d"
        " WHERE d.collection_id = %s)"
    )
    return Fragment(sql, (row.collection_id,))


def _sentence(text: str) -> str:
    """Return the middle one of the sentences of ``text`` that are long enough."""
    sentences = [
        sentence
        for sentence in _SENTENCE_END.split(text)
        if len(sentence.split()) >= _MIN_WORDS
    ]
    return sentences[len(sentences) // 2] if sentences else ""


def _nearest(space: EmbeddingSpace, embedder: Embedder, question: Question) -> set[int]:
    vector = dense.halfvec(embedder.embed_question(question.text))
    if question.within is None:
        nearest = dense.of_everybody(vector, space, _AMONG)
    else:
        nearest = dense.exact_neighbours(vector, space, question.within, _AMONG)
    with transaction.atomic(), connection.cursor() as cursor:
        dense.prepare_index_scan(RetrievalConfig.from_settings())
        cursor.execute(nearest.sql, nearest.params)
        return {chunk for chunk, _ in cursor.fetchall()}
