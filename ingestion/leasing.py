"""Whose turn a document is: claims, heartbeats and the end of an attempt.

A claim takes a row that nobody holds and counts ``attempt`` up. The number got
is a fencing token: every later write of that worker demands it and must hit
one row, so a worker that was thought dead, or whose document was cancelled,
replaced or deleted meanwhile, changes nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest, Now

from ingestion.errors import LeaseLost, WorkerStopping
from ingestion.masking_models import Masking
from ingestion.models import Document, DocumentVersion
from rag_site.errors import RagError
from rag_site.logs import current_reference

logger = logging.getLogger(__name__)

State = Document.State
Queue = Document.Queue
#: States in which a worker has, or should have, the document.
UNSETTLED = (State.QUEUED, State.PARSING, State.EMBEDDING)
AT_WORK = (State.PARSING, State.EMBEDDING)

# Seconds between two writes of progress: a page takes milliseconds.
_PROGRESS_EVERY_S = 0.5
# Seconds without any progress after which a heartbeat no longer renews: a hung
# worker must lose its lease although its thread still runs.
_STALL_S = 900
# Seconds before another attempt after a fault that may pass, by attempt.
_BACKOFF_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A document to read, and the token that every write of it must carry."""

    document_id: UUID
    attempt: int
    version: DocumentVersion
    name: str
    language: str
    # Items of people are masked in everything that is kept of it.
    is_masked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a worker follows what it reads.

    Attributes:
        on_beat: runs after each renewal of the lease.
        on_stall: runs when a step has made no progress for so long that it hangs.
        stopping: set when the worker ends; the reading stops at its next step.
        queue: what this worker is for; one for small files hands long ones over.
            None reads anything to its end.
    """

    on_beat: Callable[[], None] = lambda: None
    on_stall: Callable[[], None] = lambda: None
    stopping: threading.Event = field(default_factory=threading.Event)
    queue: str | None = None


def free() -> Q:
    """Match rows that no worker holds."""
    return Q(lease_until__isnull=True) | Q(lease_until__lt=Now())


def waiting(queue: str) -> QuerySet[Document]:
    """Return what the workers of ``queue`` may take, in the order they do."""
    rows = Document.objects.filter(
        free(), queue=queue, state__in=UNSETTLED, tries__lt=settings.MAX_ATTEMPTS
    )
    return rows.order_by("queued_at", "id")


def claim_next(queue: str, *, is_last_try: bool = False) -> Claim | None:
    """Take the document that has waited longest in ``queue``, if there is one.

    Those that were interrupted so often that one try is left are taken with
    ``is_last_try``, and only then.
    """
    repeated = Q(tries__gte=max(1, settings.MAX_ATTEMPTS - 1))
    with transaction.atomic():
        # Rows that others are taking just now are passed over, not waited for.
        rows = waiting(queue).select_for_update(skip_locked=True, of=("self",))
        rows = rows.filter(repeated if is_last_try else ~repeated)
        found = rows.values_list("pk", flat=True).first()
        return claim(found) if found else None


def claim(document_id: UUID) -> Claim | None:
    """Take the document if it waits, nobody holds it and tries are left."""
    with transaction.atomic():
        taken = Document.objects.filter(
            free(),
            pk=document_id,
            state__in=UNSETTLED,
            tries__lt=settings.MAX_ATTEMPTS,
        ).update(
            state=State.PARSING,
            attempt=F("attempt") + 1,
            tries=F("tries") + 1,
            lease_until=_lease(),
            progress_done=0,
            progress_total=0,
            started_at=Now(),
            failure_code="",
            failure_message="",
            failure_reference="",
            notices=[],
            updated_at=Now(),
        )
        return _claim_of(document_id) if taken else None


def _claim_of(document_id: UUID) -> Claim:
    document = Document.objects.select_related("collection").get(pk=document_id)
    version = document.versions.order_by("-number").first()
    if version is None:
        raise LeaseLost
    return Claim(
        document_id=document.pk,
        attempt=document.attempt,
        version=version,
        name=document.name,
        language=document.collection.language,
        is_masked=document.collection.masking == Masking.DOCUMENTS,
    )


def held_by(claim: Claim) -> QuerySet[Document]:
    """Match the row only while this claim holds it and the work is still wanted."""
    return Document.objects.filter(
        pk=claim.document_id, attempt=claim.attempt, state__in=AT_WORK
    )


def renew(claim: Claim, **fields: object) -> None:
    """Prolong the lease and set ``fields``. Raises LeaseLost."""
    _write(claim, lease_until=_lease(), **fields)


def mark_failed(claim: Claim, error: RagError) -> None:
    """End with the reason that the person who uploaded reads. Raises LeaseLost."""
    _settle(claim, State.FAILED, error)


def give_back(claim: Claim, error: RagError) -> None:
    """Put the document back in the queue, or aside when no tries are left.

    Raises LeaseLost.
    """
    tries = held_by(claim).values_list("tries", flat=True).first() or 0
    if tries >= settings.MAX_ATTEMPTS:
        _settle(claim, State.QUARANTINED, error)
        return
    # Until then the lease keeps others away.
    pause = timedelta(seconds=_BACKOFF_S * 2 ** max(tries - 1, 0))
    _write(claim, state=State.QUEUED, lease_until=Now() + pause)


def hand_back(claim: Claim) -> None:
    """Let another worker go on at once; no try is lost. Raises LeaseLost."""
    _write(
        claim,
        state=State.QUEUED,
        lease_until=None,
        tries=Greatest(F("tries") - 1, 0),
    )


def hand_over(claim: Claim) -> None:
    """Leave a long document to the workers for such. Raises LeaseLost."""
    _write(
        claim,
        queue=Queue.LARGE,
        state=State.QUEUED,
        lease_until=None,
        tries=Greatest(F("tries") - 1, 0),
    )


def _settle(claim: Claim, state: Document.State, error: RagError) -> None:
    _write(
        claim,
        state=state,
        lease_until=None,
        failure_code=error.code,
        failure_message=error.message[:500],
        failure_reference=current_reference(),
    )


def _write(claim: Claim, **fields: object) -> None:
    if held_by(claim).update(**fields, updated_at=Now()) != 1:
        raise LeaseLost


def _lease() -> object:
    """Return the end of a lease from now, by the clock of the database."""
    return Now() + timedelta(seconds=settings.LEASE_S)


class Heartbeat:
    """Renews a lease: with each progress, and from a thread in between.

    ``check`` and ``progress`` raise LeaseLost once the claim no longer holds, and
    WorkerStopping when the worker ends.
    """

    def __init__(self, claim: Claim, watch: Watch) -> None:
        self._claim = claim
        self._watch = watch
        self._lost = threading.Event()
        self._ended = threading.Event()
        self._written = self._moved = time.monotonic()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def progress(self, done: int, total: int) -> None:
        """Note that ``done`` of ``total`` steps of the state at work are finished."""
        self.moved()
        self.check()
        if done < total and self._moved - self._written < _PROGRESS_EVERY_S:
            return
        self._written = self._moved
        renew(self._claim, progress_done=done, progress_total=total)

    def stage(self, state: Document.State, total: int) -> None:
        """Enter the next state with ``total`` steps before it."""
        self._moved = self._written = time.monotonic()
        renew(self._claim, state=state, progress_done=0, progress_total=total)

    def moved(self) -> None:
        """Note that the work goes on; asks nobody."""
        self._moved = time.monotonic()

    def step(self) -> None:
        """Note that the work goes on, and ``check``; asks nobody."""
        self.moved()
        self.check()

    def check(self) -> None:
        if self._lost.is_set():
            raise LeaseLost
        if self._watch.stopping.is_set():
            raise WorkerStopping

    def is_unwanted(self) -> bool:
        """Whether ``check`` would raise; asks the database at most each 0.5 s."""
        now = time.monotonic()
        if not self._lost.is_set() and now - self._written >= _PROGRESS_EVERY_S:
            self._written = now
            if not held_by(self._claim).exists():
                self._lost.set()
        return self._lost.is_set() or self._watch.stopping.is_set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(timeout=5)

    def _beat(self) -> None:
        try:
            while not self._ended.wait(settings.LEASE_S / 3):
                if time.monotonic() - self._moved > _STALL_S:
                    logger.error("no progress for %d s: the lease runs out", _STALL_S)
                    self._watch.on_stall()
                    return
                self._renew_once()
        finally:
            connection.close()

    def _renew_once(self) -> None:
        try:
            renew(self._claim)
            self._watch.on_beat()
        except LeaseLost:
            self._lost.set()
            self._ended.set()
        except AnyDatabaseError:
            # The lease outlives two missed beats; the database may be back by then.
            logger.warning("the lease could not be renewed", exc_info=True)
            connection.close()


@contextmanager
def kept_alive(claim: Claim, watch: Watch) -> Iterator[Heartbeat]:
    """Hold the lease while the block runs."""
    heartbeat = Heartbeat(claim, watch)
    heartbeat.start()
    try:
        yield heartbeat
    finally:
        heartbeat.stop()
