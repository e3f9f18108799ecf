"""Telling workers of documents, and putting right what was left behind.

The row is the queue: workers look for work in Postgres by themselves. A message in
Redis only tells them to look now, and may be lost, doubled or never sent.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from kombu.exceptions import OperationalError

from ingestion import checkpoints, filing
from ingestion.leasing import UNSETTLED, Queue, free
from ingestion.models import Document, DocumentVersion, WorkerHeartbeat
from rag_site.logs import current_reference

logger = logging.getLogger(__name__)

# A worker counts as alive this long after it last looked for work or renewed a
# lease, which it does at least each 30 s.
ALIVE_S = 90
# Seconds after which a message says nothing new: a worker has looked by then.
_EXPIRES_S = 60
# Seconds that a file may lie without a row: an upload stores its file first.
_ORPHAN_S = 3600


def send(queue: str) -> bool:
    """Tell the workers of ``queue`` to look; False if Redis is away.

    Nothing is lost then: they look every few seconds by themselves.
    """
    try:
        current_app.send_task("ingestion.tasks.look", queue=queue, expires=_EXPIRES_S)
    except OperationalError:
        logger.warning("Redis is away: workers will find the document by themselves")
        return False
    return True


def send_on_commit(document_id: UUID, size_bytes: int) -> None:
    """Put the document in the queue for its size; tell its workers on commit."""
    is_large = size_bytes > settings.LARGE_FILE_MB << 20
    queue = Queue.LARGE if is_large else Queue.SMALL
    Document.objects.filter(pk=document_id).update(queue=queue)
    transaction.on_commit(partial(send, queue), robust=True)


def send_to_all_on_commit() -> None:
    """Tell the workers of every queue on commit."""
    for queue in Queue.values:
        transaction.on_commit(partial(send, queue), robust=True)


def sweep() -> None:
    """Put right what a process that ended left behind; any number may do it at once."""
    set_aside()
    checkpoints.forget_settled()


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


def remove_orphans() -> int:
    """Delete files that an upload which was cut off left; return how many."""
    count = 0
    left = [
        *(settings.FILES_DIR / "incoming").glob("*"),
        *settings.FILE_UPLOAD_TEMP_DIR.glob("*"),
    ]
    for path in left:
        if _is_old(path):
            _remove(path)
            count += 1
    for folder in _folders():
        names = {path.name for path in folder.iterdir() if _is_old(path)}
        kept = DocumentVersion.objects.filter(digest__in=names)
        orphans = names - set(kept.values_list("digest", flat=True))
        filing.remove_unreferenced(sorted(orphans))
        count += len(orphans)
    return count


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _folders() -> Iterator[Path]:
    """Yield the folders of stored files, each named by two letters of digests."""
    if settings.FILES_DIR.is_dir():
        yield from (
            path for path in settings.FILES_DIR.iterdir() if len(path.name) == 2
        )


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - _ORPHAN_S
    except FileNotFoundError:
        return False


def beat(name: str) -> None:
    """Record that the worker ``name`` reaches the database and does its work."""
    WorkerHeartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now()})


def has_live_worker() -> bool:
    since = timezone.now() - timedelta(seconds=ALIVE_S)
    return WorkerHeartbeat.objects.filter(at__gte=since).exists()
