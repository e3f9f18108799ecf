"""Uploaded files on disk, each named by the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import connection, transaction

from ingestion.errors import DiskFull, FileChanged
from ingestion.models import DocumentVersion


def file_of(digest: str) -> Path:
    """Return where the bytes of that digest lie."""
    return settings.FILES_DIR / digest[:2] / digest


def images_of(digest: str) -> Path:
    """Return the folder of page images drawn from the file of that digest."""
    return settings.VAR_DIR / "page_images" / digest


def check_room(size_bytes: int) -> None:
    """Raise DiskFull if storing that much would go below the floor."""
    settings.FILES_DIR.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.FILES_DIR).free
    if free - size_bytes < settings.MIN_FREE_DISK_MB << 20:
        raise DiskFull


def copied_in(source: Path, digest: str) -> Path:
    """Copy ``source`` to a synced file beside the others, still without a name.

    Raises:
        FileChanged: its bytes are no longer those of ``digest``.
        DiskFull.
    """
    incoming = settings.FILES_DIR / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=incoming)
    try:
        with os.fdopen(handle, "wb") as target, source.open("rb") as opened:
            copied = _copy(opened, target)
            target.flush()
            os.fsync(target.fileno())
    except OSError as exc:
        Path(name).unlink(missing_ok=True)
        raise DiskFull from exc
    # A folder's file may be written to while it is looked at.
    if copied != digest:
        Path(name).unlink()
        raise FileChanged
    return Path(name)


def _copy(source: BinaryIO, target: BinaryIO) -> str:
    """Copy in steps of 1 MiB; return the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    while block := source.read(1 << 20):
        digest.update(block)
        target.write(block)
    return digest.hexdigest()


def put_in_place(copied: Path, digest: str) -> None:
    """Give the copy its name; the rename is atomic, the folder is synced."""
    target = file_of(digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    copied.rename(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def lock(digest: str) -> None:
    """Keep others from adding or removing this file until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [digest]
        )


def remove_unreferenced(digests: list[str]) -> None:
    """Delete those files that no version of any document names any more."""
    for digest in digests:
        with transaction.atomic():
            lock(digest)
            if not DocumentVersion.objects.filter(digest=digest).exists():
                file_of(digest).unlink(missing_ok=True)
                shutil.rmtree(images_of(digest), ignore_errors=True)
