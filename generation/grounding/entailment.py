"""Whether a sentence follows from another: a small entailment model reads both.

Optional: without one, words and the embedder decide (`citations`, `paraphrase`). Two
implementations of one protocol, as for rerankers: in this process (workers, shell,
model server), or over HTTP from the model server (web, which must not import torch).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import httpx
from django.conf import settings

from rag_site import model_server
from rag_site.errors import Unavailable
from rag_site.weights_sources import sha256_of
from retrieval.cross_encoders import WEIGHTS_FILE, holds_weights, load_cross_encoder

# Of a reply of the model server: the SHA-256 of the weights that judged.
DIGEST_HEADER = "X-Plumbline-Model-Digest"
# Tens of pairs of one answer; a server that needs longer is not answering.
_HTTP_TIMEOUT = httpx.Timeout(30.0, connect=3.0)
_loading = threading.Lock()


class EntailmentUnavailable(Unavailable):
    """The entailment model is not answering. Answers are judged without it."""

    code = "entailment_unavailable"


class Odds(NamedTuple):
    """Probabilities, 0 to 1, that a text says a sentence, and that it says the opposite."""

    entailed: float
    contradicted: float


class Entailment(Protocol):
    """What the check of an answer asks."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str:
        """SHA-256 of its weights, "" until a server has told, and where it never does."""

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Odds]:
        """Return the odds of each text and the sentence that may follow from it.

        Raises:
            EntailmentUnavailable
        """


def get_entailment() -> Entailment | None:
    """Return the site's model, the model server's if there is one; None if off."""
    if not settings.ENTAILMENT:
        return None
    if settings.MODEL_SERVER_URL:
        return http_entailment(settings.MODEL_SERVER_URL, settings.MODEL_SERVER_KEY)
    return load_entailment()


def load_entailment() -> CrossEncoderEntailment:
    """Return the in-process model of the settings, loaded once a process.

    Raises:
        EntailmentUnavailable: the folder is not there or holds no such model.
    """
    with _loading:
        return _load(settings.ENTAILMENT)


class CrossEncoderEntailment:
    """A sentence-transformers cross-encoder with labels, here. Safe to share."""

    def __init__(self, folder: Path, *, name: str) -> None:
        self.name = name
        self._model = load_cross_encoder(folder, EntailmentUnavailable)
        self.digest = sha256_of(folder / WEIGHTS_FILE)
        labels = getattr(self._model.config, "id2label", None) or {}
        self._labels = [str(labels[index]) for index in sorted(labels)]
        if not any(_is_entailed(label) for label in self._labels):
            raise EntailmentUnavailable(
                f"The model in {folder} has no label called entailment but "
                f"{', '.join(self._labels)[:200]}."
            )
        # Fast tokenizers refuse to be used by two threads at a time.
        self._lock = threading.Lock()

    def scores(self, pairs: Sequence[tuple[str, str]]) -> list[dict[str, float]]:
        """Return the probability of each label for each pair."""
        if not pairs:
            return []
        import torch

        try:
            with self._lock:
                rows = self._model.predict(
                    list(pairs),
                    activation_fn=torch.nn.Softmax(dim=-1),
                    show_progress_bar=False,
                    batch_size=8,
                )
        except RuntimeError as exc:  # of torch: no memory, or weights that do not fit
            raise EntailmentUnavailable from exc
        return [dict(zip(self._labels, map(float, row), strict=True)) for row in rows]

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Odds]:
        return [odds_of(row) for row in self.scores(pairs)]


class HttpEntailment:
    """The model server's, by the protocol of text-embeddings-inference (`/predict`)."""

    def __init__(self, url: str, key: str, *, name: str) -> None:
        self.name = name
        self.digest = ""
        self._client = model_server.client(url, key, timeout=_HTTP_TIMEOUT)

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Odds]:
        if not pairs:
            return []
        body = {"inputs": [list(pair) for pair in pairs], "truncate": True}
        try:
            reply = self._client.post("/predict", json=body).raise_for_status()
            rows = [
                {str(one["label"]): float(one["score"]) for one in row}
                for row in reply.json()
            ]
            self.digest = reply.headers.get(DIGEST_HEADER, "")
            if len(rows) != len(pairs):
                raise ValueError(f"{len(rows)} rows for {len(pairs)} pairs")
            return [odds_of(row) for row in rows]
        except httpx.HTTPError as exc:
            raise EntailmentUnavailable from exc
        except (ValueError, KeyError, TypeError) as exc:
            raise EntailmentUnavailable(
                "The model server answered in a form that is not understood. "
                "Check PLUMBLINE_MODEL_SERVER_URL."
            ) from exc

    def close(self) -> None:
        self._client.close()


def odds_of(scores: Mapping[str, float]) -> Odds:
    """Return the odds from the probability of each label; others count as neither."""
    return Odds(
        entailed=sum(p for label, p in scores.items() if _is_entailed(label)),
        contradicted=sum(
            p for label, p in scores.items() if label.lower().startswith("contradict")
        ),
    )


def _is_entailed(label: str) -> bool:
    return label.lower().startswith("entail")


@lru_cache(maxsize=4)
def http_entailment(url: str, key: str) -> HttpEntailment:
    """Return one client per address, so that its connections are kept."""
    return HttpEntailment(url, key, name=Path(settings.ENTAILMENT).name)


@lru_cache(maxsize=1)
def _load(chosen: str) -> CrossEncoderEntailment:
    folder = Path(chosen).expanduser()
    if not holds_weights(folder):
        raise EntailmentUnavailable(
            f"PLUMBLINE_ENTAILMENT={chosen} is no folder that holds {WEIGHTS_FILE}."
        )
    return CrossEncoderEntailment(folder, name=folder.name)
