"""The work of a worker, done in this process: for the shell and for benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from uuid import UUID

from django.conf import settings
from django.db import connection

from ingestion.embedding import Embedder
from ingestion.pipeline import ingest


def ingest_all(
    document_ids: Sequence[UUID], *, embedder: Embedder | None = None
) -> int:
    """Read these documents as a worker would, some at a time; return how many.

    A thread parses and stores while another makes vectors. What another worker
    holds is left to it.

    Args:
        embedder: another than that of the settings.
    """
    waiting: SimpleQueue[UUID] = SimpleQueue()
    for document_id in document_ids:
        waiting.put(document_id)
    threads = settings.WORKER_THREADS
    with ThreadPoolExecutor(threads) as pool:
        parts = [pool.submit(_drain, waiting, embedder) for _ in range(threads)]
        return sum(part.result() for part in parts)


def _drain(waiting: SimpleQueue[UUID], embedder: Embedder | None) -> int:
    """Read what waits until nothing does; return how many were ours to read."""
    try:
        count = 0
        while True:
            count += ingest(waiting.get_nowait(), embedder=embedder)
    except Empty:
        return count
    finally:
        # Threads of this pool end here, and nothing else closes what they opened.
        connection.close()
