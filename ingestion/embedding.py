"""Turning text into vectors: the same weights for passages and for questions.

Three implementations of one protocol: in this process (model server, evaluation), in
one of its own (what writes vectors: ingestion.embedding_process), or over HTTP from
the model server (web). Neither web nor workers import torch.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import httpx
import numpy as np
from django.conf import settings
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ingestion.errors import EmbedderUnavailable
from ingestion.precision import Choice, Encode, Precision, decide, warn_if_emulated
from rag_site import model_server
from rag_site.machine import usable_cores

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]

# A question is one short text; a server that needs longer is not answering.
_HTTP_TIMEOUT = httpx.Timeout(15.0, connect=3.0)

# How much shorter than the longest of its batch a text may be: a share, and tokens.
# With less, small batches cost more than they save.
_PADDING, _PADDING_TOKENS = 0.1, 3
# Widths of batches are multiples of this: kernels are compiled for each new shape.
_WIDTHS = 8

# Two threads that ask first at the same time must not load the model twice.
_loading = threading.Lock()


class Embedder(Protocol):
    """What ingestion and search ask of an embedding model.

    Vectors are float32 and L2-normalised, so that the inner product of two is
    their cosine similarity. A text beyond ``max_tokens`` counts only up to there.
    """

    @property
    def name(self) -> str:
        """Name in the weights catalogue."""

    @property
    def digest(self) -> str:
        """SHA-256 of the weights, which identifies the embedding space."""

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """Window of the model in tokens, special tokens included."""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of ``texts`` in their order, (n, dimension)."""

    def embed_question(self, text: str) -> Vectors:
        """Return one vector, (dimension,)."""


def get_embedder(name: str | None = None) -> Embedder:
    """Return the embedder for questions: the model server's if there is one.

    ``name`` is the model of the space that is searched; without it the settings'
    one. What writes vectors uses ``start_embedder`` instead.
    """
    if settings.MODEL_SERVER_URL:
        return http_embedder(settings.MODEL_SERVER_URL, settings.MODEL_SERVER_KEY, name)
    return load_embedder(name)


def load_embedder(name: str | None = None) -> SentenceTransformerEmbedder:
    """Return the in-process embedder of ``name``, or of the settings' one.

    It is loaded once a process. Raises ``WeightsMissing`` if it was not fetched.
    """
    with _loading:
        return _load(name or settings.EMBEDDER)


def tokenizer_for(name: str) -> Tokenizer:
    """Return the embedder's own tokenizer, without loading torch or weights."""
    from rag_site.weights import locate

    return _read_tokenizer(locate(name) / "tokenizer.json")


def unit(vectors: NDArray[Any]) -> Vectors:
    """Scale rows to length 1 in float32; a zero row becomes the first axis.

    pgvector leaves zero vectors out of its index: such a chunk could never be
    found, not even by an exact scan.
    """
    rows = np.array(vectors, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    rows[..., 0] = np.where(norms[..., 0] > 0, rows[..., 0], 1.0)
    scaled = rows / np.where(norms > 0, norms, 1.0)
    return scaled.astype(np.float32, copy=False)


class SentenceTransformerEmbedder:
    """A sentence-transformers model in this process. Safe to share by threads."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        digest: str,
        precision: Precision = "float32",
        batch: int = 8,
        threads: int = 0,
    ) -> None:
        self.name = name
        self.digest = digest
        self.precision = precision
        self._batch = batch
        self.model = _load_model(folder, self.precision, threads)
        # The model's own tokenizer refuses to be used by two threads at a time.
        self._lock = threading.Lock()
        self.dimension = int(self.model.get_embedding_dimension() or 0)
        self.max_tokens = int(self.model.max_seq_length or 0)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.max_tokens)
        self._prompt = _document_prompt(self.model.prompts)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        prompted = [self._prompt + text for text in texts]
        ids = [found.ids for found in self._tokenizer.encode_batch(prompted)]
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for rows in batches([len(row) for row in ids], self._batch):
            # Each time anew: a question waits for one batch at most.
            with self._lock:
                vectors[rows] = self._encoded([ids[row] for row in rows])
        return unit(vectors)

    def embed_question(self, text: str) -> Vectors:
        with self._lock:
            row = self.model.encode_query(text, show_progress_bar=False)
        return unit(row)

    def _encoded(self, ids: Sequence[Sequence[int]]) -> Vectors:
        """Return what ``encode()`` would for one batch, before it is normalised.

        The library sorts by characters, which leaves a tenth of the work to padding,
        and prepares each batch for milliseconds, a tenth of the work on a short text.
        """
        import torch

        tokens, mask = _padded(ids, int(self.model.tokenizer.pad_token_id or 0))
        features = {
            "input_ids": torch.from_numpy(tokens),
            "attention_mask": torch.from_numpy(mask),
        }
        with torch.inference_mode():
            found: Vectors = self.model(features)["sentence_embedding"].float().numpy()
        return found


def batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Yield rows longest first, at most ``most`` at a time and of about one length."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batch:
            spare = lengths[batch[0]] - lengths[row] - _PADDING_TOKENS
            if len(batch) == most or spare > _PADDING * lengths[row]:
                yield batch
                batch = []
        batch.append(row)
    if batch:
        yield batch


def _padded(
    rows: Sequence[Sequence[int]], pad: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return token ids and attention mask, both (rows, longest)."""
    shape = len(rows), -(-max(map(len, rows)) // _WIDTHS) * _WIDTHS
    tokens, mask = np.full(shape, pad, np.int64), np.zeros(shape, np.int64)
    for row, ids in enumerate(rows):
        tokens[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return tokens, mask


def _document_prompt(prompts: Mapping[str, str | None]) -> str:
    """Return what ``encode_document()`` puts before a text; most models have none."""
    names = ("document", "passage", "corpus")
    return next((prompts[name] or "" for name in names if name in prompts), "")


class HttpEmbedder:
    """The model server's embedder over the OpenAI embeddings protocol."""

    def __init__(
        self, url: str, key: str, *, name: str, digest: str, dimension: int, window: int
    ) -> None:
        self.name = name
        self.digest = digest
        self.dimension = dimension
        self.max_tokens = window
        self._client = model_server.client(url, key, timeout=_HTTP_TIMEOUT)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Raises EmbedderUnavailable."""
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        return self._embed(list(texts), "passage")

    def embed_question(self, text: str) -> Vectors:
        """Raises EmbedderUnavailable."""
        row: Vectors = self._embed([text], "question")[0]
        return row

    def close(self) -> None:
        self._client.close()

    def _embed(self, texts: list[str], kind: Literal["passage", "question"]) -> Vectors:
        # The kind goes beyond OpenAI's protocol: some models prefix a question.
        body = {"model": self.name, "input": texts, "input_type": kind}
        try:
            reply = self._client.post("/v1/embeddings", json=body).raise_for_status()
            rows = sorted(reply.json()["data"], key=lambda row: row["index"])
            vectors = np.array([row["embedding"] for row in rows], np.float32)
        except httpx.HTTPError as exc:
            raise EmbedderUnavailable from exc
        except (ValueError, KeyError, TypeError) as exc:
            raise EmbedderUnavailable(
                "The model server answered in a form that is not understood. "
                "Check PLUMBLINE_MODEL_SERVER_URL."
            ) from exc
        self._check(reply.json(), vectors, len(texts))
        return unit(vectors)

    def _check(self, reply: dict[str, Any], vectors: Vectors, count: int) -> None:
        """A question must meet the weights that wrote the vectors."""
        served = reply.get("digest", self.digest)
        if vectors.shape != (count, self.dimension) or served != self.digest:
            raise EmbedderUnavailable(
                f"The model server embeds with another model than {self.name}. "
                "Give both the same PLUMBLINE_EMBEDDER."
            )


@lru_cache(maxsize=4)
def http_embedder(url: str, key: str, name: str | None = None) -> HttpEmbedder:
    """Return one client per address and model, so that its connections are kept."""
    from rag_site.weights import digest_of, weights_named

    name = name or settings.EMBEDDER
    weights = weights_named(name)
    return HttpEmbedder(
        url,
        key,
        name=name,
        digest=digest_of(weights),
        dimension=weights.dimension,
        window=weights.context_tokens,
    )


@lru_cache(maxsize=2)
def _load(name: str) -> SentenceTransformerEmbedder:
    choice = cast("Choice", settings.EMBEDDING_PRECISION)
    if choice != "auto":
        warn_if_emulated(choice)
        return load_in(choice, name)
    from rag_site.weights import digest_of, weights_named

    made: dict[Precision, SentenceTransformerEmbedder] = {}

    def load(precision: Precision) -> Encode:
        made[precision] = load_in(precision, name)
        return made[precision].embed_passages

    precision = decide(
        load, weights=digest_of(weights_named(name)), threads=torch_threads()
    )
    return made.get(precision) or load_in(precision, name)


def load_in(precision: Precision, name: str) -> SentenceTransformerEmbedder:
    """Return a new embedder of ``name`` that computes in ``precision``."""
    from rag_site.weights import digest_of, locate, weights_named

    return SentenceTransformerEmbedder(
        locate(name),
        name=name,
        digest=digest_of(weights_named(name)),
        precision=precision,
        batch=settings.EMBEDDING_BATCH,
        threads=torch_threads(),
    )


def torch_threads() -> int:
    """Return how many threads embedding takes: the rest is for parsing and chat."""
    return settings.EMBEDDING_THREADS or max(1, usable_cores() // 2)


@lru_cache(maxsize=4)
def _read_tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    # The file carries the limits of training: with them every count of a longer
    # text would silently stop at 128.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _load_model(folder: Path, precision: str, threads: int) -> SentenceTransformer:
    # Before the import: the hub client reads them once.
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    # Else the tokenizer takes every core.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]  # untyped library
    torch.set_num_threads(threads or torch_threads())
    model = SentenceTransformer(
        str(folder),
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs={"use_safetensors": True, "dtype": getattr(torch, precision)},
    )
    return model.eval()
