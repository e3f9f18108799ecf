"""The query embedder in a thread of its own, so that it never waits for tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ingestion.embedding import Embedder


class QuestionEmbedder:
    """Loads on the first use, or early by ``warm``; never blocks the event loop."""

    def __init__(
        self, load: Callable[[], Embedder], *, name: str, digest: str | None
    ) -> None:
        self.name = name
        self.digest = digest
        self._load = load
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedder")
        self._warming: Future[Embedder] | None = None

    def warm(self) -> None:
        """Begin to load; a failure is told to the first who embeds."""
        self._warming = self._thread.submit(self._load)

    @property
    def is_loading(self) -> bool:
        return self._warming is not None and not self._warming.done()

    async def embed(
        self, texts: Sequence[str], *, as_question: bool
    ) -> list[list[float]]:
        """Return L2-normalised vectors, one a text."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._thread, self._embed, list(texts), as_question
        )

    def _embed(self, texts: list[str], as_question: bool) -> list[list[float]]:
        embedder = self._load()
        if as_question:
            rows = np.array([embedder.embed_question(text) for text in texts])
        else:
            rows = embedder.embed_passages(texts)
        found: list[list[float]] = rows.tolist()
        return found
