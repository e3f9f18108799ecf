"""Celery's door: a worker's threads start with it, and messages wake them.

No document travels in a message and none is read in a task: that is what
ingestion.taking is for, and why a worker needs Redis for nothing but haste. Tasks
here are over at once, so the pool of threads, which enforces no time limits, is
never held up.
"""

from __future__ import annotations

import logging
import socket
import threading
from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_shutdown, worker_shutting_down

from ingestion.embedding_process import start_embedder
from ingestion.leasing import Queue
from ingestion.taking import Takers
from ingestion.yielding import give_way
from rag_site.errors import RagError

logger = logging.getLogger(__name__)

# Seconds that a stopping worker waits for the steps at work.
_STOP_S = 6.0
_takers: list[Takers] = []


@shared_task
def look() -> None:
    """Look for documents to read now; any message may be lost, doubled or late."""
    for takers in _takers:
        takers.wake()


@worker_init.connect
def begin(sender: Any, **_: object) -> None:
    """Start reading, before and whether or not Redis can be reached."""
    give_way()
    names = set(sender.app.amqp.queues.consume_from)
    for queue in sorted(names & set(Queue.values)):
        takers = Takers(queue, f"{queue}@{socket.gethostname()}"[:100])
        takers.start()
        _takers.append(takers)
    if Queue.SMALL in names:
        # Before the first small document comes.
        threading.Thread(target=_load, daemon=True).start()


@worker_shutting_down.connect
def stop(**_: object) -> None:
    """Let the threads give back what they have in hand."""
    # Called in a signal handler, where the thread that was interrupted may hold
    # the very lock that setting an event needs.
    threading.Thread(target=_ask_all_to_stop).start()


@worker_shutdown.connect
def end(**_: object) -> None:
    _ask_all_to_stop()
    for takers in _takers:
        takers.join(_STOP_S)
    _takers.clear()


def _ask_all_to_stop() -> None:
    for takers in _takers:
        takers.ask_to_stop()


def _load() -> None:
    try:
        start_embedder()
    except RagError as exc:
        logger.error("the embedding model is not there: %s", exc.message)
