"""The work of a worker, done in this process: for the shell and for benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
    with ThreadPoolExecutor(settings.WORKER_THREADS) as pool:
        return sum(pool.map(partial(_ingest, embedder=embedder), document_ids))


def _ingest(document_id: UUID, *, embedder: Embedder | None) -> bool:
    try:
        return ingest(document_id, embedder=embedder)
    finally:
        # Threads of this pool end here, and nothing else closes what they opened.
        connection.close()
