"""Celery's door: a worker for large files goes on with a change of the model."""

from __future__ import annotations

import logging
import threading
import time

from celery import shared_task
from celery.signals import worker_shutting_down

from ingestion import reembedding
from ingestion.errors import SpaceBusy
from rag_site.errors import RagError
from retrieval.space_checks import recall

logger = logging.getLogger(__name__)

# Then the timer's next message goes on: no message is held for hours.
_SLICE_S = 600.0
_stopping = threading.Event()


@worker_shutting_down.connect
def stop(**_: object) -> None:
    # Setting the event may wait for a lock that the interrupted thread holds.
    threading.Thread(target=_stopping.set).start()


@shared_task
def reembed() -> None:
    """Go on with the embedding space that is being built, if there is one."""
    if reembedding.building_space() is None:
        return
    until = time.monotonic() + _SLICE_S
    watch = reembedding.Watch(
        is_over=lambda: _stopping.is_set() or time.monotonic() > until
    )
    try:
        reembedding.work(recall, watch)
    except SpaceBusy:
        logger.debug("another process is at work on the embedding space")
    except RagError as exc:
        logger.warning("the embedding model was not changed: %s", exc.code)
