"""Celery's door: ids in, one call inside. State lives in the row.

The pool of threads cannot enforce time limits: what ends a hang is the limits of
the parser child, and the lease, which is not renewed without progress.
"""

from __future__ import annotations

import logging
import socket
import threading
from functools import partial
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready

from ingestion import sweeping
from ingestion.embedding import load_embedder
from ingestion.pipeline import ingest
from rag_site.errors import RagError

logger = logging.getLogger(__name__)


@shared_task(max_retries=2)
def ingest_document(document_id: str) -> None:
    """Read a document of ordinary size."""
    _ingest(document_id, "small")


@shared_task(max_retries=2)
def ingest_large(document_id: str) -> None:
    """Read a large document, in a queue of its own: it must not hold up others."""
    _ingest(document_id, "large")


def _ingest(document_id: str, worker: str) -> None:
    alive = partial(sweeping.beat, _name(worker))
    alive()
    ingest(UUID(document_id), on_beat=alive)


@shared_task(soft_time_limit=25, time_limit=60)
def sweep() -> None:
    """Send again what got lost; runs each 30 s."""
    sweeping.sweep()


@shared_task(soft_time_limit=25, time_limit=60)
def heartbeat(worker: str) -> None:
    """Show that the worker of this queue gets its messages; runs each 30 s."""
    sweeping.beat(_name(worker))


def _name(worker: str) -> str:
    return f"{worker}@{socket.gethostname()}"[:100]


@worker_ready.connect
def begin(sender: Any, **_: object) -> None:
    """Report at once, and load the model before the first small document comes."""
    queues = {queue.name for queue in sender.task_consumer.queues}
    for queue in queues:
        heartbeat.apply_async(args=(queue,), queue=queue, expires=25)
    if "small" in queues:
        threading.Thread(target=_load, daemon=True).start()


def _load() -> None:
    try:
        load_embedder()
    except RagError as exc:
        logger.error("the embedding model is not there: %s", exc.message)
