"""The work of a worker, done in this process: for the shell and for benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from django.conf import settings
from django.db import connection

from ingestion.pipeline import ingest


def ingest_all(document_ids: Sequence[UUID]) -> int:
    """Read these documents as a worker would, some at a time; return how many.

    A thread parses and stores while another makes vectors. What another worker
    holds is left to it.
    """
    with ThreadPoolExecutor(settings.WORKER_THREADS) as pool:
        return sum(pool.map(_ingest, document_ids))


def _ingest(document_id: UUID) -> bool:
    try:
        return ingest(document_id)
    finally:
        # Threads of this pool end here, and nothing else closes what they opened.
        connection.close()
