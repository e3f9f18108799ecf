"""Whether an embedding space finds what it should, asked before it goes live.

The test questions are sentences of the stored chunks themselves: the passage that
each was taken from must be among the ten nearest of the whole library. That needs
no judged set, and a model that understands nothing of these documents, a wrong
tokenizer or vectors that were mixed up show at once.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from django.db import connection, transaction

from ingestion.embedding import Embedder
from ingestion.models import EmbeddingSpace
from retrieval import dense
from retrieval.types import RetrievalConfig

_QUESTIONS = 100
_AMONG = 10
# A heading or a row of a table says too little to be found by.
_MIN_WORDS = 6
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


class Question(NamedTuple):
    chunk_id: int
    text: str


def own_sentences(limit: int = _QUESTIONS) -> list[Question]:
    """Return sentences of chunks that are spread over the library, always the same."""
    # Twice as many: some chunks have no sentence that is long enough.
    sql = """
        SELECT id, text FROM ingestion_chunk
        WHERE id %% greatest(1, (SELECT count(*) FROM ingestion_chunk) / %s) = 0
        ORDER BY id LIMIT %s
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [2 * limit, 2 * limit])
        rows = cursor.fetchall()
    found = [Question(chunk, _sentence(text)) for chunk, text in rows]
    return [question for question in found if question.text][:limit]


def recall(space: EmbeddingSpace, embedder: Embedder) -> float | None:
    """Return the share of the test questions whose passage is found in ``space``."""
    questions = own_sentences()
    if not questions:
        return None
    found = sum(
        question.chunk_id in _nearest(space, embedder, question.text)
        for question in questions
    )
    return found / len(questions)


def _sentence(text: str) -> str:
    """Return the middle one of the sentences of ``text`` that are long enough."""
    sentences = [
        sentence
        for sentence in _SENTENCE_END.split(text)
        if len(sentence.split()) >= _MIN_WORDS
    ]
    return sentences[len(sentences) // 2] if sentences else ""


def _nearest(space: EmbeddingSpace, embedder: Embedder, question: str) -> set[int]:
    vector = dense.halfvec(embedder.embed_question(question))
    nearest = dense.of_everybody(vector, space, _AMONG)
    with transaction.atomic(), connection.cursor() as cursor:
        dense.prepare_index_scan(RetrievalConfig.from_settings())
        cursor.execute(nearest.sql, nearest.params)
        return {chunk for chunk, _ in cursor.fetchall()}
