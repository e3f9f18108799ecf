"""A second, slower look at the best hits: a cross-encoder reads question and passage
together. Optional: without a model, searches end with fusion.

Two implementations of one protocol, as for embedders: in this process (workers,
shell, model server), or over HTTP from the model server (web, which must not
import torch).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import httpx
from django.conf import settings

from rag_site import model_server
from rag_site.errors import Unavailable
from retrieval.cross_encoders import WEIGHTS_FILE, holds_weights, load_cross_encoder
from retrieval.fusion import best_first
from retrieval.types import Hit

# Tens of passages of one question; a server that needs longer is not answering.
_HTTP_TIMEOUT = httpx.Timeout(30.0, connect=3.0)
_loading = threading.Lock()


class RerankerUnavailable(Unavailable):
    """The reranker is not answering. Search again in a moment, or switch it off."""

    code = "reranker_unavailable"


class Reranker(Protocol):
    """What a search asks of a cross-encoder."""

    @property
    def name(self) -> str: ...

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return how well each passage answers, 0 to 1, higher is better.

        Raises:
            RerankerUnavailable
        """


def get_reranker() -> Reranker | None:
    """Return the site's reranker, the model server's if there is one; None if off."""
    if not settings.RERANKER:
        return None
    if settings.MODEL_SERVER_URL:
        return http_reranker(settings.MODEL_SERVER_URL, settings.MODEL_SERVER_KEY)
    return load_reranker()


def load_reranker() -> CrossEncoderReranker:
    """Return the in-process reranker of the settings, loaded once a process.

    Raises:
        RerankerUnavailable: the folder is not there or holds no such model.
        UnknownWeights, WeightsMissing, WeightsDamaged: of a catalogue name.
    """
    with _loading:
        return _load(settings.RERANKER)


def rerank(
    question: str, hits: Sequence[Hit], reranker: Reranker, *, count: int
) -> list[Hit]:
    """Return ``hits`` with the first ``count`` in the reranker's order.

    Those after them keep their order and come after: their scores are scaled
    below the lowest of the reranked ones.
    """
    head, tail = hits[:count], hits[count:]
    scores = reranker.score(question, [_passage(hit) for hit in head])
    seen = best_first(
        replace(hit, score=score, fused=hit.score)
        for hit, score in zip(head, scores, strict=True)
    )
    floor = seen[-1].score if seen else 1.0
    best = tail[0].score or 1.0 if tail else 1.0
    return seen + [
        replace(hit, score=floor * hit.score / best, fused=hit.score) for hit in tail
    ]


class CrossEncoderReranker:
    """A sentence-transformers cross-encoder in this process. Safe to share."""

    def __init__(self, folder: Path, *, name: str) -> None:
        self.name = name
        self._model = load_cross_encoder(folder, RerankerUnavailable, num_labels=1)
        # Fast tokenizers refuse to be used by two threads at a time.
        self._lock = threading.Lock()

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        if not passages:
            return []
        import torch

        with self._lock:
            logits = self._model.predict(
                [(question, passage) for passage in passages],
                activation_fn=torch.nn.Identity(),
                show_progress_bar=False,
                batch_size=8,
            )
        return [_sigmoid(float(logit)) for logit in logits.reshape(-1)]


class HttpReranker:
    """The model server's reranker, by the rerank protocol of Jina, TEI and vLLM."""

    def __init__(self, url: str, key: str, *, name: str) -> None:
        self.name = name
        self._client = model_server.client(url, key, timeout=_HTTP_TIMEOUT)

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        if not passages:
            return []
        body = {"model": self.name, "query": question, "documents": list(passages)}
        try:
            reply = self._client.post("/v1/rerank", json=body).raise_for_status()
            scores = {
                int(row["index"]): float(row["relevance_score"])
                for row in reply.json()["results"]
            }
            return [scores[index] for index in range(len(passages))]
        except httpx.HTTPError as exc:
            raise RerankerUnavailable from exc
        except (ValueError, KeyError, TypeError) as exc:
            raise RerankerUnavailable(
                "The model server answered in a form that is not understood. "
                "Check PLUMBLINE_MODEL_SERVER_URL."
            ) from exc

    def close(self) -> None:
        self._client.close()


@lru_cache(maxsize=4)
def http_reranker(url: str, key: str) -> HttpReranker:
    """Return one client per address, so that its connections are kept."""
    return HttpReranker(url, key, name=Path(settings.RERANKER).name)


@lru_cache(maxsize=1)
def _load(chosen: str) -> CrossEncoderReranker:
    from rag_site.weights import CATALOGUE, locate

    folder = locate(chosen) if chosen in CATALOGUE else Path(chosen).expanduser()
    if not holds_weights(folder):
        raise RerankerUnavailable(
            f"PLUMBLINE_RERANKER={chosen} names neither a model of the catalogue nor "
            f"a folder that holds {WEIGHTS_FILE}."
        )
    return CrossEncoderReranker(folder, name=Path(chosen).name)


def _passage(hit: Hit) -> str:
    return f"{hit.heading}\n{hit.text}" if hit.heading else hit.text


def _sigmoid(value: float) -> float:
    """Return the logistic function without overflow."""
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    return math.exp(value) / (1 + math.exp(value))
