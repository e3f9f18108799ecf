"""Documents over REST: upload, state, content inside rights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.http import HttpRequest
from ninja import File, Form, Query, Router, Status
from ninja.files import UploadedFile

from ingestion import api_shapes as shapes
from ingestion import selectors, services
from ingestion.accepting import OnSameName
from ingestion.folders import place_of
from ingestion.models import Document, DocumentVersion, Role
from ingestion.receiving import Received, Sent, receive
from ingestion.tagging import as_tag
from ingestion.uploads import digest_of
from ingestion.visibility import (
    documents_visible_to,
    get_collection_for,
    get_document_for,
    held_to_floor,
)
from rag_site.access import asker_of, needs
from rag_site.asking import Asker
from rag_site.errors import NotFound, ValidationFailed
from rag_site.logs import current_reference
from rag_site.paging import Cursor, Limit, slice_of
from rag_site.repeating import once

router = Router(tags=["Documents"])

_ORDER = ("-created_at", "id")

Policy = Annotated[
    OnSameName,
    Form(
        "keep",
        description="What to do about a document of the same name and other content "
        "in the same folder; with `ask` the file is refused with `name_taken`.",
    ),
]
Unpack = Annotated[
    bool,
    Form(
        False,
        description="Make each file of a ZIP archive a document with a row of its "
        "own; else an archive is one document.",
    ),
]
Paths = Annotated[
    list[str],
    Form(
        [],
        description="Where each file lay in the folder that is sent, `a/b/c.pdf`: "
        "one for each file, in their order.",
    ),
]
State = Annotated[
    Literal[
        "queued",
        "parsing",
        "embedding",
        "ready",
        "failed",
        "quarantined",
        "cancelled",
    ]
    | None,
    Query(None),
]


@router.post(
    "/collections/{id:pk}/documents",
    auth=needs("ingest"),
    response={202: shapes.UploadOut},
)
def upload_documents(
    request: HttpRequest,
    pk: UUID,
    files: Annotated[list[UploadedFile], File(...)],
    on_same_name: Policy,
    paths: Paths,
    unpack: Unpack,
) -> Status[dict[str, Any]]:
    """Add files; each gets a row of its own, and one bad file does not stop the others.

    Reading begins at once; follow it with `GET /documents/{id}`.
    """
    asker = asker_of(request)
    get_collection_for(asker, pk, Role.WRITER)
    if len(files) > settings.MAX_FILES_PER_UPLOAD:
        raise ValidationFailed(
            f"Send at most {settings.MAX_FILES_PER_UPLOAD} files at once.",
            detail={"field": "files", "limit": settings.MAX_FILES_PER_UPLOAD},
        )
    sent = _sent(files, paths)
    made = once(
        request,
        asker,
        [on_same_name, unpack, *((file.shown, digest_of(file.path)) for file in sent)]
        if request.headers.get("Idempotency-Key")
        else None,
        lambda: _made(asker, pk, sent, on_same_name, unpack=unpack),
    )
    return Status(202, {"documents": [with_document(asker, r) for r in made["rows"]]})


@router.get("/documents", auth=needs("read"), response=shapes.DocumentList)
def list_documents(
    request: HttpRequest,
    limit: Limit,
    cursor: Cursor,
    collection: Annotated[UUID | None, Query(None)],
    state: State,
    tag: Annotated[str | None, Query(None, description="Only with this tag.")],
) -> dict[str, Any]:
    """List the documents that you may read, newest first."""
    asker = asker_of(request)
    rows = documents_visible_to(asker)
    if collection is not None:
        rows = rows.filter(collection=get_collection_for(asker, collection))
    if state is not None:
        rows = rows.filter(state=state)
    if tag is not None:
        rows = rows.filter(tags__contains=[as_tag(tag)])
    rows = rows.select_related("added_by", "current_version")
    found = slice_of(
        rows.prefetch_related("versions"), order=_ORDER, limit=limit, cursor=cursor
    )
    items = held_to_floor(asker.user_id, found.items)
    progress = selectors.progress_of_all(items)
    return {
        "items": [shown(row, progress[row.pk]) for row in items],
        "next_cursor": found.next_cursor,
    }


@router.get("/documents/progress", auth=needs("read"), response=shapes.ProgressOut)
def get_progress(
    request: HttpRequest, collection: Annotated[UUID | None, Query(None)]
) -> dict[str, Any]:
    """Return how far all is that was added since the queue was last empty."""
    asker = asker_of(request)
    if collection is not None:
        get_collection_for(asker, collection)
    found = selectors.overall(asker, collection)
    return {
        "done": found.done,
        "total": found.total,
        "failed": found.failed,
        "percent": found.percent,
        "eta_s": found.eta_s,
    }


@router.get("/documents/{id:pk}", auth=needs("read"), response=shapes.DocumentOut)
def get_document(request: HttpRequest, pk: UUID) -> dict[str, Any]:
    """Return one document with its state, percentage and, if it failed, the reason."""
    return shown(get_document_for(asker_of(request), pk))


@router.delete("/documents/{id:pk}", auth=needs("ingest"), response={204: None})
def delete_document(request: HttpRequest, pk: UUID) -> Status[None]:
    """Delete a document, its passages and its file; needs the role writer."""
    services.delete_document(asker_of(request), pk)
    return Status(204, None)


@router.post(
    "/documents/{id:pk}/retry",
    auth=needs("ingest"),
    response={202: shapes.DocumentOut},
)
def retry_document(request: HttpRequest, pk: UUID) -> Status[dict[str, Any]]:
    """Read a document again that failed or was cancelled; needs the role writer."""
    asker = asker_of(request)
    services.retry(asker, pk)
    return Status(202, shown(get_document_for(asker, pk)))


@router.post(
    "/documents/{id:pk}/cancel",
    auth=needs("ingest"),
    response={202: shapes.DocumentOut},
)
def cancel_document(request: HttpRequest, pk: UUID) -> Status[dict[str, Any]]:
    """Stop reading a document; a version that can be searched stays so."""
    asker = asker_of(request)
    services.cancel(asker, pk)
    return Status(202, shown(get_document_for(asker, pk)))


def _made(
    asker: Asker,
    collection_id: UUID,
    sent: Sequence[Sent],
    on_same_name: OnSameName,
    *,
    unpack: bool,
) -> dict[str, Any]:
    """Return what became of each file: ids and words only, so that it can be kept."""
    return {
        "rows": [
            row_of(one)
            for file in sent
            for one in receive(asker, collection_id, file, on_same_name, unpack=unpack)
        ]
    }


def row_of(one: Received) -> dict[str, Any]:
    error = one.problem and {
        "code": one.problem.code,
        "message": one.problem.message,
        "detail": one.problem.detail,
        "reference": current_reference(),
    }
    return {
        "name": one.name,
        "outcome": "refused" if error else one.outcome,
        "document": str(one.document.pk) if one.document else None,
        "error": error,
    }


def _sent(files: Sequence[UploadedFile], paths: Sequence[str]) -> list[Sent]:
    """Return the files with the folders that ``paths`` names, one path a file."""
    if paths and len(paths) != len(files):
        raise ValidationFailed(
            f"There are {len(files)} files and {len(paths)} paths. "
            "Send one path for each file, in the same order, or none.",
            detail={"field": "paths"},
        )
    named = paths or [file.name or "" for file in files]
    places = [place_of(path) for path in named]
    return [
        Sent(path=_path(file), name=place.name, folder=place.folder)
        for file, place in zip(files, places, strict=True)
    ]


def with_document(asker: Asker, row: dict[str, Any]) -> dict[str, Any]:
    if row["document"] is None:
        return row
    document = documents_visible_to(asker).filter(pk=row["document"]).first()
    return {**row, "document": shown(document) if document else None}


def _path(file: UploadedFile) -> Path:
    """Return where the file lies: settings send every upload to disk."""
    if not isinstance(file, TemporaryUploadedFile):
        raise TypeError("FILE_UPLOAD_HANDLERS must write files to disk")
    return Path(file.temporary_file_path())


def newest_of(document: Document) -> DocumentVersion:
    # Not `.first()`: the prefetched versions are in this order already.
    versions = list(document.versions.all())
    if not versions:
        raise NotFound
    return max(versions, key=lambda version: version.number)


def shown(
    document: Document, progress: selectors.Progress | None = None
) -> dict[str, Any]:
    version = newest_of(document)
    progress = progress or selectors.progress_of(document)
    return {
        "id": document.pk,
        "collection": document.collection_id,
        "name": document.name,
        "path": document.path,
        "tags": document.tags,
        "state": document.state,
        "percent": progress.percent,
        "steps_done": progress.done,
        "steps_total": progress.total,
        "eta_s": progress.eta_s,
        "place": progress.place,
        "version": version.number,
        "searched_version": _searched(document),
        "media_type": version.media_type,
        "size_bytes": version.size_bytes,
        "pages": version.page_count,
        "chunks": version.chunk_count,
        "failure": _failure(document),
        "notices": document.notices,
        "added_by": document.added_by.get_username() if document.added_by else None,
        "created_at": document.created_at,
        "updated_at": document.updated_at,
    }


def _searched(document: Document) -> int | None:
    current = document.current_version
    return current.number if current else None


def _failure(document: Document) -> dict[str, str] | None:
    if not document.failure_code:
        return None
    return {
        "code": document.failure_code,
        "message": document.failure_message,
        "reference": document.failure_reference,
    }
