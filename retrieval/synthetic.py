"""A made-up library for benchmarks: clustered vectors, words as common as real ones.

Vectors: one centre for 200 chunks, each chunk off its centre by noise of 0.7
times the centre's length, as passages of one subject are. Words: 90 a chunk,
drawn by the law of Zipf and Mandelbrot with shift 50 from 20,000, so that the
commonest word is in about a quarter of the chunks, like the commonest content
words of a real library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth import get_user_model
from numpy.typing import NDArray

from ingestion.embedding import unit
from ingestion.models import Collection, Membership
from ingestion.types import Passage
from ingestion.visibility import Visible
from retrieval.corpora import Text
from retrieval.loading import add_document, make_collection

DIMENSION = 384
_CHUNKS_OF_A_DOCUMENT = 20
_CHUNKS_OF_A_CLUSTER = 200
_WORDS_OF_A_CHUNK = 90
_WORDS_OF_A_QUESTION = 6
_VOCABULARY, _SHIFT = 20_000, 50
_NOISE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What was made: for each share of the chunks, the reach of who may see it."""

    readers: dict[float, Visible]
    questions: tuple[str, ...]
    embedder: PreparedEmbedder


class PreparedEmbedder:
    """Knows the vectors of its questions, so that no forward pass is measured."""

    name = "synthetic"
    digest = hashlib.sha256(b"synthetic").hexdigest()
    dimension = DIMENSION
    max_tokens = 256

    def __init__(self) -> None:
        self.vectors: dict[str, NDArray[np.float32]] = {}

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([self.vectors[text] for text in texts], np.float32)

    def embed_question(self, text: str) -> NDArray[np.float32]:
        return self.vectors[text]


def make_library(
    chunks: int,
    *,
    questions: int,
    shares: Sequence[float] = (1.0, 0.1, 0.01),
    progress: Callable[[int, int], None] | None = None,
) -> Library:
    """Fill the current database, the same way each time.

    Args:
        chunks: rounded up to whole documents of 20.
        shares: of the chunks, each seen by a reader of its own.
        progress: called with documents stored and documents in all.
    """
    random = np.random.default_rng(0)
    embedder = PreparedEmbedder()
    collections, readers = _make_readers(sorted(shares))
    centres = random.standard_normal((1 + chunks // _CHUNKS_OF_A_CLUSTER, DIMENSION))
    count = -(-chunks // _CHUNKS_OF_A_DOCUMENT)
    owners = _spread(count, sorted(shares), random)
    for number, owner in enumerate(owners):
        vectors = _near(centres, _CHUNKS_OF_A_DOCUMENT, random)
        _add(collections[owner], number, vectors, _sentences(random), embedder)
        if progress:
            progress(number + 1, count)
    asked = _near(centres, questions, random)
    for text, vector in zip(_asked_words(questions, random), asked, strict=True):
        embedder.vectors[text] = vector
    return Library(
        readers=readers, questions=tuple(embedder.vectors), embedder=embedder
    )


def _make_readers(
    shares: Sequence[float],
) -> tuple[list[Collection], dict[float, Visible]]:
    """Return a collection for each step between two shares, and who sees up to there."""
    collections = [make_collection(f"up to {share:.3%}") for share in shares]
    readers = {}
    for place, share in enumerate(shares):
        user = get_user_model()._default_manager.create(username=f"sees {share:.3%}")
        for collection in collections[: place + 1]:
            Membership.objects.create(collection=collection, user=user)
        readers[share] = Visible(user_id=user.pk)
    return collections, readers


def _spread(
    documents: int, shares: Sequence[float], random: np.random.Generator
) -> NDArray[np.int64]:
    """Return for each document the place of its collection, in mixed order."""
    ends = np.maximum(np.round(np.array(shares) * documents), range(1, 1 + len(shares)))
    places = np.searchsorted(ends, np.arange(documents), side="right")
    return random.permutation(np.minimum(places, len(shares) - 1))


def _near(
    centres: NDArray[np.float64], count: int, random: np.random.Generator
) -> NDArray[np.float32]:
    chosen = centres[random.integers(0, len(centres), count)]
    return unit(chosen + _NOISE * random.standard_normal(chosen.shape))


def _words(count: int, random: np.random.Generator) -> list[str]:
    ranks = np.arange(1, _VOCABULARY + 1) + _SHIFT
    # Inverse transform: far faster than a weighted choice for each chunk.
    cumulated = np.cumsum(1 / ranks)
    drawn = np.searchsorted(cumulated, random.random(count) * cumulated[-1])
    return [f"w{rank}" for rank in drawn]


def _sentences(random: np.random.Generator) -> list[str]:
    return [
        " ".join(_words(_WORDS_OF_A_CHUNK, random))
        for _ in range(_CHUNKS_OF_A_DOCUMENT)
    ]


def _asked_words(questions: int, random: np.random.Generator) -> list[str]:
    return [" ".join(_words(_WORDS_OF_A_QUESTION, random)) for _ in range(questions)]


def _add(
    collection: Collection,
    number: int,
    vectors: NDArray[np.float32],
    sentences: Sequence[str],
    embedder: PreparedEmbedder,
) -> None:
    text = Text(id=f"document {number}", title="", text="\n".join(sentences))
    passages, at = [], 0
    for ordinal, sentence in enumerate(sentences):
        passages.append(
            Passage(
                ordinal=ordinal,
                text=sentence,
                heading="",
                start=at,
                end=at + len(sentence),
                page_first=1,
                page_last=1,
                token_count=200,
            )
        )
        at += len(sentence) + 1
    add_document(collection, text, passages, vectors, embedder=embedder)
