"""Celery's door to generation."""

from __future__ import annotations

import logging
import threading
import time

from celery import current_app, shared_task
from celery.signals import worker_shutting_down
from kombu.exceptions import OperationalError

from generation import services
from generation.curating import golden_running, golden_runs
from ingestion.leasing import Queue
from rag_site import repeating, sessions

logger = logging.getLogger(__name__)

# Then the timer's next message goes on: no message is held for hours.
_SLICE_S = 600.0
# Seconds after which a message says nothing new: the timer has sent another.
_EXPIRES_S = 25
_stopping = threading.Event()


@worker_shutting_down.connect
def stop(**_: object) -> None:
    # Setting the event may wait for a lock that the interrupted thread holds.
    threading.Thread(target=_stopping.set).start()


@shared_task(ignore_result=True)
def sweep_answers() -> None:
    """End answers whose process died, and remove what is past its time."""
    services.interrupt_lapsed()
    services.purge()
    repeating.forget_old()
    sessions.forget_expired()
    if golden_runs.is_any_waiting():
        send_runs()


@shared_task(ignore_result=True)
def run_golden_answers() -> None:
    """Go on with the run of golden answers that waits longest, if there is one."""
    until = time.monotonic() + _SLICE_S
    golden_running.work(lambda: _stopping.is_set() or time.monotonic() > until)


def send_runs() -> None:
    """Tell a worker for long work that a run waits; the timer does so again."""
    name = run_golden_answers.name
    try:
        current_app.send_task(name, queue=Queue.LARGE.value, expires=_EXPIRES_S)
    except OperationalError:
        logger.warning("Redis is away: the run of golden answers waits for it")
