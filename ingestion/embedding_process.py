"""The embedding model in a process of its own, for what writes vectors.

Python runs one thread at a time: beside the cutting and storing of other documents
the same forward passes took a fifth longer. Apart, nothing slows them, a crash of
native code takes no worker with it, and workers stay small.

    python -m ingestion.embedding_process FD MODEL [PRECISION]

answers batches of texts over the socket FD until its other end is gone.
"""

from __future__ import annotations

import atexit
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import django
import numpy as np
from django.conf import settings

from ingestion.embedding import (
    SentenceTransformerEmbedder,
    Vectors,
    load_embedder,
    load_in,
    unit,
)
from ingestion.errors import EmbedderUnavailable
from ingestion.precision import Precision

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parent.parent
# Texts of one caller between two looks at what others wait for.
_ORDER = 16
# The live model and the one that is to replace it.
_MOST = 2


@dataclass(slots=True)
class _Order:
    """Texts of one thread, and their vectors or what went wrong once it was served."""

    texts: list[str]
    vectors: Vectors | None = None
    error: Exception | None = None

    @property
    def is_served(self) -> bool:
        return self.vectors is not None or self.error is not None


class EmbeddingProcess:
    """Implements ``Embedder``. Safe to share by threads.

    What several threads ask for at the same time goes into batches together, so
    that many small files cost little more than one large file.
    """

    def __init__(self, name: str, precision: Precision | None = None) -> None:
        """Start it; the model loads while this returns. Raises WeightsMissing."""
        from rag_site.weights import digest_of, locate, weights_named

        weights = weights_named(name)
        locate(name)
        self.name = name
        self.digest = digest_of(weights)
        self.dimension = weights.dimension
        self.max_tokens = weights.context_tokens
        self._precision = precision
        self._orders: deque[_Order] = deque()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        with self._lock:
            self._running()

    @property
    def precision(self) -> str:
        """What it computes in; waits until the model is loaded."""
        with self._lock:
            return self._asked("precision").decode()

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Raises EmbedderUnavailable."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for at in range(0, len(texts), _ORDER):
            part = slice(at, at + _ORDER)
            vectors[part] = self._ordered(list(texts[part]))
        return unit(vectors)

    def embed_question(self, text: str) -> Vectors:
        """Raises EmbedderUnavailable."""
        with self._lock:
            return unit(self._vectors(self._asked("embed_question", text))[0])

    def stop(self) -> None:
        with self._lock:
            self._stop()

    def _ordered(self, texts: list[str]) -> Vectors:
        """Wait until this thread, or one before it, has had these vectors made."""
        order = _Order(texts)
        self._orders.append(order)
        with self._lock:
            if not order.is_served:
                self._serve([self._orders.popleft() for _ in range(len(self._orders))])
        if order.error is not None:
            raise order.error
        assert order.vectors is not None  # noqa: S101 - served with the lock held
        return order.vectors

    def _serve(self, orders: Sequence[_Order]) -> None:
        texts = [text for order in orders for text in order.texts]
        try:
            vectors = self._vectors(self._asked("embed_passages", texts))
        except Exception as exc:  # noqa: BLE001 - each thread raises it for itself
            for order in orders:
                order.error = exc
            return
        for order in orders:
            order.vectors, vectors = np.split(vectors, [len(order.texts)])

    def _vectors(self, raw: bytes) -> Vectors:
        return np.frombuffer(raw, np.float32).reshape(-1, self.dimension)

    def _asked(self, name: str, *arguments: object) -> bytes:
        """Return what the embedder there has or does under ``name``.

        Plain bytes both ways: nothing that a damaged process sends is run here.
        Raises EmbedderUnavailable.
        """
        connection = self._running()
        try:
            connection.send_bytes(json.dumps([name, arguments]).encode())
            return connection.recv_bytes()
        except (EOFError, OSError) as exc:
            self._stop()
            logger.warning("the embedding process is gone; it starts anew when asked")
            raise EmbedderUnavailable from exc

    def _running(self) -> Connection:
        if self._connection is None:
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "ingestion.embedding_process",
                     str(theirs.fileno()), self.name, self._precision or ""],
                    stdin=subprocess.DEVNULL,
                    cwd=_ROOT,
                    pass_fds=[theirs.fileno()],
                )  # fmt: skip
            self._connection = Connection(ours.detach())
        return self._connection

    def _stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


_started: dict[str, EmbeddingProcess] = {}
_starting = threading.Lock()


def start_embedder(name: str | None = None) -> EmbeddingProcess:
    """Return the embedding process of ``name``, or of the settings' model.

    One of each model for this process. Raises ``WeightsMissing`` if it was not fetched.
    """
    name = name or settings.EMBEDDER
    with _starting:
        if name not in _started:
            while len(_started) >= _MOST:
                _started.pop(next(iter(_started))).stop()
            _started[name] = EmbeddingProcess(name)
        return _started[name]


@atexit.register
def stop_all() -> None:
    while _started:
        _started.popitem()[1].stop()


def serve(connection: Connection, embedder: SentenceTransformerEmbedder) -> None:
    """Answer until the other end is gone. What fails here ends the process."""
    with suppress(EOFError, ConnectionError):
        while True:
            name, arguments = json.loads(connection.recv_bytes())
            found = getattr(embedder, name)
            if isinstance(found, str):
                connection.send_bytes(found.encode())
            else:
                connection.send_bytes(found(*arguments).tobytes())


def main(fd: str, name: str, precision: str) -> None:
    # Ctrl-C in a terminal goes to all; the process that asks decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    django.setup()
    connection = Connection(int(fd))
    if precision:
        serve(connection, load_in(cast("Precision", precision), name))
    else:
        serve(connection, load_embedder(name))


if __name__ == "__main__":
    main(*sys.argv[1:])
