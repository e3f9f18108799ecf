"""From a file that was sent to documents, or to the reason why not.

An archive becomes one document for each file in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from ingestion.accepting import OnSameName, accept_upload
from ingestion.archiving import is_archive, unpacked
from ingestion.errors import NameTaken, UploadRejected
from ingestion.folders import Place, place_of
from ingestion.models import Document, Role
from ingestion.visibility import get_collection_for
from rag_site.asking import Asker
from rag_site.errors import NotFound, RagError

_WORDS = {
    "created": "added",
    "duplicate": "is there already",
    "new_version": "added as a new version",
    "skipped": "skipped, the name is taken",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A file as it came: where it lies now, and the name and folder it had."""

    path: Path
    name: str
    folder: str = ""

    @property
    def shown(self) -> str:
        return Place(folder=self.folder, name=place_of(self.name).name).path


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One file: a document, or the ``problem`` that kept it from becoming one."""

    name: str
    document: Document | None = None
    outcome: str = ""
    problem: RagError | None = None

    @property
    def words(self) -> str:
        return _WORDS.get(self.outcome, self.outcome)

    @property
    def message(self) -> str:
        return self.problem.message if self.problem else ""

    @property
    def is_conflict(self) -> bool:
        return isinstance(self.problem, NameTaken)


def receive(
    asker: Asker, collection_id: UUID, sent: Sent, policy: OnSameName
) -> list[Received]:
    """Take in a file, or each file of an archive: one bad one stops no other.

    Raises:
        NotFound: the asker may not add to this collection.
    """
    get_collection_for(asker, collection_id, Role.WRITER)
    if not is_archive(sent.name):
        return [_received(asker, collection_id, sent, policy)]
    return list(_unpacked(asker, collection_id, sent, policy))


def _unpacked(
    asker: Asker, collection_id: UUID, sent: Sent, policy: OnSameName
) -> Iterator[Received]:
    count = 0
    try:
        for member in unpacked(sent.path):
            count += 1
            if member.problem:
                yield Received(
                    name=_inside(sent, member.name),
                    problem=UploadRejected(member.problem),
                )
            else:
                place = place_of(_inside(sent, member.name))
                file = Sent(path=member.path, name=place.name, folder=place.folder)
                yield _received(asker, collection_id, file, policy)
    except RagError as problem:
        yield Received(name=sent.shown, problem=problem)
        return
    if not count:
        empty = UploadRejected("The archive holds no files.")
        yield Received(name=sent.shown, problem=empty)


def _inside(sent: Sent, name: str) -> str:
    return f"{sent.folder}/{name}" if sent.folder else name


def _received(
    asker: Asker, collection_id: UUID, sent: Sent, policy: OnSameName
) -> Received:
    try:
        accepted = accept_upload(
            asker,
            collection_id,
            path=sent.path,
            name=sent.name,
            folder=sent.folder,
            on_same_name=policy,
        )
    except NotFound:
        raise
    except RagError as problem:
        return Received(name=sent.shown, problem=problem)
    document = accepted.document
    return Received(name=document.path, document=document, outcome=accepted.outcome)
