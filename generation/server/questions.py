"""The query embedder in a thread of its own, so that it never waits for tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from ingestion.embedding import Embedder


class Embedded(NamedTuple):
    """Vectors, and the model that made them."""

    model: str
    digest: str | None
    vectors: list[list[float]]


class QuestionEmbedder:
    """Loads on the first use, or early by ``warm``; never blocks the event loop.

    ``digests`` are those of the embedders that may be asked for by name, of which
    ``name`` answers a request that names none of them. While the site changes from
    one to another, both are in memory.
    """

    def __init__(
        self,
        load: Callable[[str], Embedder],
        *,
        name: str,
        digests: Mapping[str, str | None],
    ) -> None:
        self.name = name
        self.digests = digests
        self._load = load
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedder")
        self._warming: Future[Embedder] | None = None

    def warm(self) -> None:
        """Begin to load; a failure is told to the first who embeds."""
        self._warming = self._thread.submit(self._load, self.name)

    @property
    def is_loading(self) -> bool:
        return self._warming is not None and not self._warming.done()

    async def embed(
        self, texts: Sequence[str], *, as_question: bool, model: str = ""
    ) -> Embedded:
        """Return L2-normalised vectors, one a text."""
        name = model if model in self.digests else self.name
        loop = asyncio.get_running_loop()
        vectors = await loop.run_in_executor(
            self._thread, self._embed, name, list(texts), as_question
        )
        return Embedded(name, self.digests.get(name), vectors)

    def _embed(
        self, name: str, texts: list[str], as_question: bool
    ) -> list[list[float]]:
        embedder = self._load(name)
        if as_question:
            rows = np.array([embedder.embed_question(text) for text in texts])
        else:
            rows = embedder.embed_passages(texts)
        found: list[list[float]] = rows.tolist()
        return found
