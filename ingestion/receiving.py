"""From a form's file to a document, or to the reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from uuid import UUID

from django.core.files.uploadedfile import TemporaryUploadedFile

from ingestion import services
from ingestion.errors import DiskFull, FileTooLarge, UploadRejected
from rag_site.asking import Asker

_WORDS = {
    "created": "added",
    "duplicate": "is there already",
    "new_version": "added as a new version",
    "skipped": "skipped, the name is taken",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One file of an upload: a document, or a ``message`` saying why it was refused."""

    name: str
    document_id: UUID | None = None
    outcome: str = ""
    message: str = ""

    @property
    def words(self) -> str:
        return _WORDS.get(self.outcome, self.outcome)


def receive(
    asker: Asker, collection_id: UUID, file: TemporaryUploadedFile, policy: str
) -> Received:
    name = file.name or "file"
    try:
        accepted = services.accept_upload(
            asker,
            collection_id,
            path=Path(file.temporary_file_path()),
            name=name,
            on_same_name=cast("Literal['replace', 'keep', 'skip']", policy),
        )
    except (UploadRejected, FileTooLarge, DiskFull) as problem:
        return Received(name=name, message=problem.message)
    return Received(
        name=accepted.document.name,
        document_id=accepted.document.pk,
        outcome=accepted.outcome,
    )
