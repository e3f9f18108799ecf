"""The threads of a worker that take documents from Postgres and read them.

They need Postgres alone. A message in Redis wakes them (``wake``) and saves the
wait for the next look; without Redis a document waits some seconds longer.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import connection

from ingestion import holding, sweeping
from ingestion.leasing import Watch, claim_next
from ingestion.pipeline import read

logger = logging.getLogger(__name__)

# Seconds between two looks for work, when nothing wakes the thread.
_LOOK_S = 2.0
_BEAT_S = 15.0
_SWEEP_S = 30.0
_ORPHANS_S = 3600.0
# Status of a worker that ends itself because a step in it hangs.
_HUNG = 70


class Takers:
    """The threads of one queue. ``name`` is the worker's in its heartbeat row."""

    def __init__(self, queue: str, name: str) -> None:
        self.queue = queue
        self._name = name
        self._woken = threading.Event()
        self._stopping = threading.Event()
        # Documents in hand of all threads, and what each passes before it takes one.
        self._at_work = 0
        self._door = threading.Lock()
        self._beaten = 0.0
        self._is_database_away = False
        self._watch = Watch(
            on_beat=self._beat,
            on_stall=_end_process,
            stopping=self._stopping,
            queue=queue,
        )
        self._threads = [
            threading.Thread(target=self._run, name=f"{queue}-{number}", daemon=True)
            for number in range(settings.WORKER_THREADS)
        ]
        self._sweeper = threading.Thread(target=self._sweep, daemon=True)

    def start(self) -> None:
        for thread in (*self._threads, self._sweeper):
            thread.start()

    def wake(self) -> None:
        """Let an idle thread look for work now."""
        self._woken.set()

    def ask_to_stop(self) -> None:
        """Let each thread give its document back at its next step and end."""
        self._stopping.set()
        self._woken.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the threads. A document still in hand waits for its lease to end."""
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            if not self._take():
                self._woken.wait(_LOOK_S)
        connection.close()

    def _take(self) -> bool:
        """Read one document; False if there is none. The rim of the thread."""
        try:
            self._beat_if_due()
            has_read = self._read_next() or self._read_alone()
            self._is_database_away = False
        except AnyDatabaseError as exc:
            self._note_away(exc)
            return False
        except Exception:
            # Nothing may end the thread; what it read is tried again by its lease.
            logger.exception("a document could not be read")
            return False
        return has_read

    def _read_next(self) -> bool:
        with self._door:
            self._at_work += 1
        try:
            claimed = claim_next(self.queue)
            if claimed is not None:
                read(claimed, watch=self._watch)
        finally:
            with self._door:
                self._at_work -= 1
        return claimed is not None

    def _read_alone(self) -> bool:
        """Make the last try of a document when this worker has nothing else in hand.

        What takes its worker with it must not take the last try of others, which
        would be in hand beside it each time.
        """
        with self._door:  # keeps the other threads out for as long as it takes
            claimed = (
                None if self._at_work else claim_next(self.queue, is_last_try=True)
            )
            if claimed is not None:
                read(claimed, watch=self._watch)
        return claimed is not None

    def _note_away(self, exc: AnyDatabaseError) -> None:
        connection.close()  # the next look opens a new one
        if not self._is_database_away:
            self._is_database_away = True
            logger.warning("the database is away: %s", type(exc).__name__)

    def _beat_if_due(self) -> None:
        if time.monotonic() - self._beaten >= _BEAT_S:
            self._beat()

    def _beat(self) -> None:
        self._beaten = time.monotonic()
        sweeping.beat(self._name)

    def _sweep(self) -> None:
        orphans_at = time.monotonic()
        while not self._stopping.wait(_SWEEP_S):
            try:
                sweeping.sweep()
                if time.monotonic() - orphans_at >= _ORPHANS_S:
                    orphans_at = time.monotonic()
                    sweeping.remove_orphans()
                    holding.forget_old()
            except (AnyDatabaseError, OSError) as exc:
                logger.warning("nothing could be swept: %s", type(exc).__name__)
            except Exception:
                # Nothing may end the thread: without it no lease that ran out is found.
                logger.exception("nothing could be swept")
            finally:
                connection.close()


def _end_process() -> None:
    """End this worker: a thread that hangs can be ended in no other way.

    Whoever runs the worker starts it again, and what it had in hand is gone on with
    from its checkpoints.
    """
    logger.critical("a step hangs: the worker ends, to be started again")
    os._exit(_HUNG)
