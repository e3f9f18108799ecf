"""A made-up library for benchmarks: clustered vectors, words as common as real ones.

Vectors: one centre for 200 chunks, each chunk off its centre by noise of 0.7
times the centre's length, as passages of one subject are. Both are normal with a
variance that falls over the axes as i^-0.68: two random vectors then have a cosine
of 0 +- 0.09 and the 384 axes count for 111 (participation ratio), like those of
all-MiniLM-L6-v2 for 4,625 passages drawn from seven test sets.

Words: 90 a chunk, drawn by the law of Zipf and Mandelbrot with shift 50 from
20,000, so that the commonest word is in about a quarter of the chunks, like the
commonest content words of a real library.

Rows go in by COPY, many documents at a time, with no pages: nothing that is
measured reads them. Of a large library the indexes are built afterwards, as an
operator would after loading much (``manage.py index``).
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from numpy.typing import NDArray
from pgvector import HalfVector

from ingestion import indexing
from ingestion.copying import accept_halfvec, copy_in
from ingestion.embedding import unit
from ingestion.indexing import IndexConfig
from ingestion.models import (
    Collection,
    Document,
    DocumentVersion,
    EmbeddingSpace,
    Membership,
)
from ingestion.spaces import ensure_live_space
from ingestion.visibility import Visible
from retrieval.loading import make_collection

DIMENSION = 384
_CHUNKS_OF_A_DOCUMENT = 20
_CHUNKS_OF_A_CLUSTER = 200
_WORDS_OF_A_CHUNK = 90
_WORDS_OF_A_QUESTION = 6
_VOCABULARY, _SHIFT = 20_000, 50
_NOISE = 0.7
_SPECTRUM = np.arange(1, DIMENSION + 1) ** -0.34
_DOCUMENTS_AT_ONCE = 250
# Chunks from which on indexes are built after the rows.
_MANY = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What was made: for each share of the chunks, the reach of who may see it.

    ``seconds`` are of the steps "rows", and of a large library "words" and
    "vectors", the building of the two indexes.
    """

    readers: dict[float, Visible]
    questions: tuple[str, ...]
    embedder: PreparedEmbedder
    seconds: dict[str, float] = field(default_factory=dict)


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
    shares: Sequence[float] = (1.0, 0.1, 0.01, 0.001),
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
    centres = _spread_out(1 + chunks // _CHUNKS_OF_A_CLUSTER, random)
    owners = _spread(-(-chunks // _CHUNKS_OF_A_DOCUMENT), sorted(shares), random)
    space = ensure_live_space(embedder)
    seconds: dict[str, float] = {}
    with (
        _indexes_afterwards(space, seconds, is_large=chunks >= _MANY),
        _timed(seconds, "rows"),
    ):
        for at in range(0, len(owners), _DOCUMENTS_AT_ONCE):
            batch = [collections[n] for n in owners[at : at + _DOCUMENTS_AT_ONCE]]
            _add(batch, space, centres, random)
            if progress:
                progress(at + len(batch), len(owners))
    asked = _near(centres, questions, random)
    for text, vector in zip(_asked_words(questions, random), asked, strict=True):
        embedder.vectors[text] = vector
    return Library(
        readers=readers,
        questions=tuple(embedder.vectors),
        embedder=embedder,
        seconds=seconds,
    )


@contextmanager
def _indexes_afterwards(
    space: EmbeddingSpace, seconds: dict[str, float], *, is_large: bool
) -> Iterator[None]:
    """Drop the indexes that cost most to keep while rows go in, and build them after."""
    if not is_large:
        yield
        return
    indexing.drop(space)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes"
            " WHERE tablename = 'ingestion_chunk' AND indexdef LIKE '%USING gin%'"
        )
        words = cursor.fetchall()
        for name, _ in words:
            cursor.execute(f"DROP INDEX {name}")
    yield
    with connection.cursor() as cursor, _timed(seconds, "words"):
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET maintenance_work_mem = '1GB'")
        for _, definition in words:
            cursor.execute(definition)
    with _timed(seconds, "vectors"):
        indexing.build(space, IndexConfig.from_settings())


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - begun, 1)


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
    return unit(chosen + _NOISE * _spread_out(count, random))


def _spread_out(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    return random.standard_normal((count, DIMENSION)) * _SPECTRUM


def _words(count: int, random: np.random.Generator) -> list[str]:
    ranks = np.arange(1, _VOCABULARY + 1) + _SHIFT
    # Inverse transform: far faster than a weighted choice for each chunk.
    cumulated = np.cumsum(1 / ranks)
    drawn = np.searchsorted(cumulated, random.random(count) * cumulated[-1])
    return [f"w{rank}" for rank in drawn.tolist()]


def _sentences(count: int, random: np.random.Generator) -> list[str]:
    words = _words(count * _WORDS_OF_A_CHUNK, random)
    size = _WORDS_OF_A_CHUNK
    return [" ".join(words[at : at + size]) for at in range(0, len(words), size)]


def _asked_words(questions: int, random: np.random.Generator) -> list[str]:
    return [" ".join(_words(_WORDS_OF_A_QUESTION, random)) for _ in range(questions)]


@transaction.atomic
def _add(
    owners: Sequence[Collection],
    space: EmbeddingSpace,
    centres: NDArray[np.float64],
    random: np.random.Generator,
) -> None:
    """Add a document to each of ``owners``, as a worker leaves it."""
    versions = _add_documents(owners)
    count = len(versions) * _CHUNKS_OF_A_DOCUMENT
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('ingestion_chunk', 'id'))"
            " FROM generate_series(1, %s)",
            [count],
        )
        ids = [row[0] for row in cursor.fetchall()]
        _copy_chunks(cursor, ids, versions, _sentences(count, random))
        accept_halfvec(cursor)
        copy_in(
            cursor,
            "ingestion_embedding (chunk_id, space_id, vector)",
            (
                (chunk, space.pk, HalfVector(vector))
                for chunk, vector in zip(
                    ids, _near(centres, count, random), strict=True
                )
            ),
            types=["int8", "int8", "halfvec"],
        )


def _add_documents(owners: Sequence[Collection]) -> list[DocumentVersion]:
    documents, versions = [], []
    for owner in owners:
        document = Document(
            collection=owner, name=uuid.uuid4().hex, state=Document.State.READY
        )
        version = DocumentVersion(
            document=document,
            number=1,
            digest=hashlib.sha256(document.name.encode()).hexdigest(),
            size_bytes=1,
            media_type="text/plain",
            page_count=1,
            chunk_count=_CHUNKS_OF_A_DOCUMENT,
        )
        document.current_version = version
        documents.append(document)
        versions.append(version)
    Document.objects.bulk_create(documents)
    DocumentVersion.objects.bulk_create(versions)
    return versions


def _copy_chunks(
    cursor: object,
    ids: Sequence[int],
    versions: Sequence[DocumentVersion],
    sentences: Sequence[str],
) -> None:
    columns = (
        "id, version_id, ordinal, text, heading, text_digest, start, "
        '"end", page_first, page_last, token_count, language'
    )
    copy_in(
        cursor,
        f"ingestion_chunk ({columns})",
        (
            (
                *(chunk, versions[n // _CHUNKS_OF_A_DOCUMENT].pk),
                *(n % _CHUNKS_OF_A_DOCUMENT, sentence, "", uuid.uuid4().hex),
                *(n % _CHUNKS_OF_A_DOCUMENT, n % _CHUNKS_OF_A_DOCUMENT + 1),
                *(1, 1, 200, "english"),
            )
            for n, (chunk, sentence) in enumerate(zip(ids, sentences, strict=True))
        ),
    )
