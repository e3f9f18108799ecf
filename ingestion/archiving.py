"""From an archive to its files, one at a time, each on disk while it is looked at."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from ingestion.types import ParseLimits
from ingestion.unpacking import Member, members


def is_archive(name: str) -> bool:
    return name.lower().endswith(".zip")


def unpacked(path: Path) -> Iterator[Member]:
    """Yield the files of the archive at ``path``; each is gone when the next comes.

    Raises ParseFailed, of the kind that says why, for the archive as a whole.
    """
    settings.FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="unpacked-", dir=settings.FILE_UPLOAD_TEMP_DIR
    ) as folder:
        yield from members(path, ParseLimits(), Path(folder))
