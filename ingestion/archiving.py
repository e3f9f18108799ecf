"""From an archive to its files, unpacked by a process that is made for such bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from ingestion.sandbox import run_child
from ingestion.types import ParseLimits
from ingestion.unpacking import Member
from rag_site.sending import release_database

_LIMITS = ParseLimits()


def is_archive(name: str) -> bool:
    return name.lower().endswith(".zip")


def unpacked(path: Path) -> Iterator[Member]:
    """Yield the files of the archive at ``path``; each is gone when the next comes.

    Nothing comes before the whole archive was unpacked, within the limits on memory,
    time and bytes of every parser.

    Raises:
        ParseFailed: of the kind that says why, for the archive as a whole.
        TransientError: the process could not be started.
    """
    release_database()
    settings.FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="unpacked-", dir=settings.FILE_UPLOAD_TEMP_DIR
    ) as folder:
        for member in _members(path, Path(folder)):
            yield member
            member.path.unlink(missing_ok=True)


def _members(path: Path, folder: Path) -> list[Member]:
    request = {
        "operation": "unpack",
        "path": str(path.resolve()),
        "folder": str(folder.resolve()),
    }
    events = [event["member"] for event in run_child(request, _LIMITS)
              if "member" in event]  # fmt: skip
    return [Member(**{**fields, "path": Path(fields["path"])}) for fields in events]
