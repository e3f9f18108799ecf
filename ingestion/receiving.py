"""From a file that was sent to documents, or to the reason why not.

An archive becomes one document, or one for each file in it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from django.conf import settings

from ingestion.accepting import OnSameName, accept_upload, record
from ingestion.archiving import is_archive, unpacked
from ingestion.errors import AddressRefused, NameTaken, UploadRejected
from ingestion.fetching import FetchConfig, fetch
from ingestion.folders import Place, place_of
from ingestion.models import Document, Role
from ingestion.visibility import get_collection_for
from rag_site.asking import Asker
from rag_site.errors import NotFound, RagError

T = TypeVar("T")
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
    asker: Asker,
    collection_id: UUID,
    sent: Sent,
    policy: OnSameName,
    *,
    unpack: bool = False,
) -> list[Received]:
    """Take in a file; one that cannot be taken is told, not raised.

    Args:
        unpack: of an archive, take in each file in it as a document of its
            own; else the archive is one document.

    Raises:
        NotFound: the asker may not add to this collection.
    """
    get_collection_for(asker, collection_id, Role.WRITER)
    if not unpack or not is_archive(sent.name):
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


def fetched_from(
    asker: Asker,
    collection_id: UUID,
    url: str,
    take: Callable[[Sent], T],
) -> T:
    """Fetch a file by its web address and give it to ``take``; both are on record.

    Raises:
        NotFound: the asker may not add here, or fetching is switched off.
        AddressRefused, FetchFailed, FileTooLarge, Unavailable: with the reason.
    """
    collection = get_collection_for(asker, collection_id, Role.WRITER)
    if not settings.URL_IMPORT:
        raise NotFound("Adding by address is switched off on this site.")
    settings.FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        try:
            fetched = fetch(url, FetchConfig.from_settings(), Path(folder, "file"))
        except AddressRefused as problem:
            record("address.refused", asker, collection, reason=problem.message)
            raise
        record(
            "address.fetched",
            asker,
            collection,
            url=fetched.target.shown[:300],
            address=fetched.address,
            size=fetched.size_bytes,
        )
        return take(Sent(path=fetched.path, name=fetched.name))
