"""Sending documents to workers, and finding those that got lost on the way.

The row is the outbox: a message that was never sent, or was lost with Redis, or
whose worker died, is sent again from the row.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone
from kombu.exceptions import OperationalError

from ingestion.leasing import UNSETTLED, free
from ingestion.models import Document, WorkerHeartbeat
from rag_site.logs import current_reference

logger = logging.getLogger(__name__)

# A worker counts as alive this long after its last heartbeat task, of which
# there is one each 30 s.
ALIVE_S = 90
# A document just queued has a message on its way: sent again only after this.
_PATIENCE = timedelta(seconds=25)
# The timers have the default priority, 0, which Redis queues take first: a
# worker with hundreds of documents before it still shows that it is alive.
_PRIORITY = 6
_SMALL, _LARGE = "ingestion.tasks.ingest_document", "ingestion.tasks.ingest_large"


def send(document_id: UUID, size_bytes: int) -> bool:
    """Send the document to a worker; False if Redis is away, which loses nothing."""
    try:
        current_app.send_task(
            _task_for(size_bytes), args=[str(document_id)], priority=_PRIORITY
        )
    except OperationalError:
        logger.warning("Redis is away: the sweeper will send document %s", document_id)
        return False
    return True


def send_on_commit(document_id: UUID, size_bytes: int) -> None:
    transaction.on_commit(partial(send, document_id, size_bytes), robust=True)


def _task_for(size_bytes: int) -> str:
    return _LARGE if size_bytes > settings.LARGE_FILE_MB << 20 else _SMALL


def sweep() -> int:
    """Send what waits and has no message; return how many.

    A document whose lease ran out has none. One that was never claimed may
    still be in a queue; while its queue holds messages, none was lost.
    """
    set_aside()
    try:
        queued = _queued_messages()
    except OperationalError:
        logger.warning("Redis is away: nothing can be sent to the workers")
        return 0
    waiting = (
        Document.objects.filter(state__in=UNSETTLED)
        .annotate(size=Max("versions__size_bytes"))
        .order_by("created_at")
    )
    expired = waiting.filter(lease_until__lt=Now())
    unsent = waiting.filter(lease_until=None, updated_at__lt=Now() - _PATIENCE)
    lost = [row for row in unsent if not queued[_task_for(row.size or 0)]]
    return sum(map(_resend, [*expired, *lost]))


def _resend(document: Document) -> bool:
    if not send(document.pk, getattr(document, "size", 0) or 0):
        return False
    # Queued again, unless a worker took it in between.
    Document.objects.filter(free(), pk=document.pk, attempt=document.attempt).update(
        state=Document.State.QUEUED, lease_until=None, updated_at=Now()
    )
    return True


def _queued_messages() -> dict[str, int]:
    """Return the messages that wait, by name of the task whose queue they are in.

    Redis is only asked: raises OperationalError while it is away.
    """
    with current_app.connection_for_write() as link:
        channel: Any = link.default_channel
        return {
            task: channel.queue_declare(queue=queue).message_count
            for task, queue in ((_SMALL, "small"), (_LARGE, "large"))
        }


def set_aside() -> None:
    """Quarantine what was interrupted too often, so that it blocks nobody."""
    count = Document.objects.filter(
        free(), state__in=UNSETTLED, tries__gte=settings.MAX_ATTEMPTS
    ).update(
        state=Document.State.QUARANTINED,
        lease_until=None,
        failure_code="interrupted",
        failure_message=(
            f"Reading was interrupted {settings.MAX_ATTEMPTS} times, for example "
            "because memory ran out. Split the file, or retry when the site is quieter."
        ),
        failure_reference=current_reference(),
        updated_at=Now(),
    )
    if count:
        logger.error(
            "set aside %d documents after %d tries", count, settings.MAX_ATTEMPTS
        )


def beat(name: str) -> None:
    """Record that the worker ``name`` gets and does its tasks."""
    WorkerHeartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now()})


def has_live_worker() -> bool:
    since = timezone.now() - timedelta(seconds=ALIVE_S)
    return WorkerHeartbeat.objects.filter(at__gte=since).exists()
