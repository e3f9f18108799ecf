"""Taking a file in: as a new document, a new version, or what is there already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from ingestion import filing, sweeping
from ingestion.errors import NameTaken
from ingestion.folders import Place
from ingestion.leasing import UNSETTLED
from ingestion.locking import locked_collection
from ingestion.models import Collection, Document, DocumentVersion, Role
from ingestion.uploads import Inspected, inspect_upload
from ingestion.visibility import get_collection_for, get_document_for
from rag_site import audit
from rag_site.asking import Asker

Outcome = Literal["created", "duplicate", "new_version", "skipped"]
OnSameName = Literal["replace", "keep", "skip", "ask"]
State = Document.State
_STOPPED = (State.FAILED, State.QUARANTINED, State.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of an upload, and the document that it is or already was."""

    document: Document
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    """A file that was looked at and copied in, and where it goes."""

    collection: Collection
    found: Inspected
    folder: str
    copied: Path
    # The document that it is a new version of, where that is known.
    successor_of: UUID | None = None

    @property
    def path(self) -> str:
        return Place(folder=self.folder, name=self.found.name).path


def accept_upload(
    asker: Asker,
    collection_id: UUID,
    *,
    path: Path,
    name: str,
    folder: str = "",
    on_same_name: OnSameName = "keep",
) -> Accepted:
    """Store a copy of the file at ``path`` and queue it to be read.

    The same bytes in the same collection are one document. For other bytes
    under a name that is there in the same folder: ``replace`` makes a new
    version, which searches see once it is read; ``keep`` makes another
    document; ``skip`` does nothing.

    Args:
        folder: where the file lay in what was sent, as ``folders.place_of``
            gives it. Files of one name in two folders are two documents.

    Raises:
        NotFound: the asker may not add to this collection.
        UploadRejected, FileTooLarge, FileChanged, DiskFull: with the reason.
        NameTaken: the name is there and ``on_same_name`` is ``ask``.
    """
    collection = get_collection_for(asker, collection_id, Role.WRITER)
    with _arrived(collection, path, Place(folder=folder, name=name)) as arrival:
        return _take_in(asker, arrival, on_same_name)


def accept_version(asker: Asker, document_id: UUID, *, path: Path) -> Accepted:
    """Take the file at ``path`` as the next version of that very document.

    If the collection holds the bytes already, that document is returned.

    Raises:
        NotFound: the asker may not write there.
        UploadRejected, FileTooLarge, DiskFull: with the reason.
    """
    document = get_document_for(asker, document_id, Role.WRITER)
    place = Place(folder=document.folder, name=document.name)
    with _arrived(document.collection, path, place) as arrival:
        exact = replace(arrival, successor_of=document.pk)
        return _take_in(asker, exact, "replace")


@contextmanager
def _arrived(collection: Collection, path: Path, place: Place) -> Iterator[_Arrival]:
    """Look at the file and copy it in; what is done with it is one transaction."""
    found = inspect_upload(path, place.name, max_bytes=settings.MAX_UPLOAD_MB << 20)
    filing.check_room(found.size_bytes)
    copied = filing.copied_in(path, found.digest)
    try:
        with transaction.atomic():
            yield _Arrival(
                collection=collection, found=found, folder=place.folder, copied=copied
            )
    finally:
        copied.unlink(missing_ok=True)


def _take_in(asker: Asker, arrival: _Arrival, on_same_name: OnSameName) -> Accepted:
    collection, found = arrival.collection, arrival.found
    # One upload at a time in a collection, so that the same file sent twice at
    # once is still one document. Readers are not kept waiting.
    locked_collection(collection.pk)
    filing.lock(found.digest)
    same = _newest_with(collection, versions__digest=found.digest)
    if same is not None and newest_version(same).digest == found.digest:
        filing.put_in_place(arrival.copied, found.digest)
        return Accepted(document=_again(asker, same), outcome="duplicate")
    namesake = _namesake(arrival)
    if namesake is not None and on_same_name == "ask":
        raise _taken(namesake, arrival)
    if namesake is not None and on_same_name == "skip":
        return Accepted(document=namesake, outcome="skipped")
    filing.put_in_place(arrival.copied, found.digest)
    if namesake is not None and on_same_name == "replace":
        return _new_version(asker, namesake, found)
    return _new_document(asker, arrival)


def _namesake(arrival: _Arrival) -> Document | None:
    if arrival.successor_of is not None:
        return _newest_with(arrival.collection, pk=arrival.successor_of)
    return _newest_with(
        arrival.collection, name=arrival.found.name, folder=arrival.folder
    )


def _taken(namesake: Document, arrival: _Arrival) -> NameTaken:
    return NameTaken(
        f"“{arrival.path}” is already in {arrival.collection.name}. "
        "Choose to replace it, to keep both or to skip this file.",
        detail={
            "document": str(namesake.pk),
            "name": arrival.path,
            "version": newest_version(namesake).number,
        },
    )


def _new_document(asker: Asker, arrival: _Arrival) -> Accepted:
    found = arrival.found
    document = Document.objects.create(
        collection=arrival.collection,
        name=found.name,
        folder=arrival.folder,
        added_by_id=asker.user_id,
    )
    _add_version(document, found, 1)
    sweeping.send_on_commit(document.pk, found.size_bytes)
    record("document.added", asker, document, name=document.path, size=found.size_bytes)
    return Accepted(document=document, outcome="created")


def _new_version(asker: Asker, document: Document, found: Inspected) -> Accepted:
    _add_version(document, found, newest_version(document).number + 1)
    queue_again(document)
    record("document.replaced", asker, document, name=document.path)
    return Accepted(document=document, outcome="new_version")


def _add_version(document: Document, found: Inspected, number: int) -> None:
    DocumentVersion.objects.create(
        document=document,
        number=number,
        digest=found.digest,
        size_bytes=found.size_bytes,
        media_type=found.media_type,
    )


def _again(asker: Asker, document: Document) -> Document:
    """Read a document that was given up once more: its bytes were sent again."""
    if document.state in _STOPPED:
        queue_again(document)
        record("document.retried", asker, document)
    return document


def queue_again(document: Document) -> None:
    """Put the document in the queue with all its tries; a worker on it loses it."""
    _queue(Document.objects.filter(pk=document.pk))
    document.refresh_from_db()
    sweeping.send_on_commit(document.pk, newest_version(document).size_bytes)


def queue_all_again(collection: Collection) -> None:
    """Put every document of the collection in the queue that it was in last."""
    _queue(collection.documents.all())
    sweeping.send_to_all_on_commit()


def queue_settled_again(collection: Collection) -> int:
    """Put the documents that are ready or failed in the queue; return how many."""
    skipped = (*UNSETTLED, State.CANCELLED)
    count = _queue(collection.documents.exclude(state__in=skipped))
    sweeping.send_to_all_on_commit()
    return count


def _queue(documents: QuerySet[Document]) -> int:
    return documents.update(
        state=State.QUEUED,
        attempt=F("attempt") + 1,
        tries=0,
        lease_until=None,
        progress_done=0,
        progress_total=0,
        failure_code="",
        failure_message="",
        failure_reference="",
        updated_at=Now(),
        queued_at=Now(),
    )


def newest_version(document: Document) -> DocumentVersion:
    return document.versions.order_by("-number")[0]


def record(action: str, asker: Asker, row: Any, **detail: Any) -> None:
    """Write the audit event of a deed on ``row``, in the deed's transaction."""
    audit.record(
        action,
        asker=asker,
        object_kind=row._meta.model_name,
        object_id=row.pk,
        detail=detail,
    )


def _newest_with(collection: Collection, **match: object) -> Document | None:
    documents = collection.documents.filter(**match)
    return documents.select_for_update(of=("self",)).order_by("-created_at").first()
