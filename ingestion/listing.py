"""The library's table: which documents, in which order, and what each row says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, Func, OuterRef, Q, QuerySet, Subquery

from ingestion.models import Collection, Document, DocumentVersion, Membership, Role
from ingestion.selectors import Progress, progress_of_all
from ingestion.visibility import (
    collections_visible_to,
    documents_visible_to,
    held_to_floor,
    reading_as,
)
from rag_site.asking import Asker

ROWS_PER_PAGE = 50
_NAMES_SHOWN, _TAGS_LISTED = 3, 200
_STATES: dict[str, list[str]] = {
    "busy": [Document.State.QUEUED, Document.State.PARSING, Document.State.EMBEDDING],
    "ready": [Document.State.READY],
    "trouble": [
        Document.State.FAILED,
        Document.State.QUARANTINED,
        Document.State.CANCELLED,
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One document of the table; pages and size are those of the newest version."""

    document: Document
    kind: str
    pages: int
    size_bytes: int
    version: int
    version_at: dt.datetime | None
    progress: Progress
    can_write: bool

    @property
    def is_settled(self) -> bool:
        return self.document.state in Document.SETTLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A heading; ``url`` sorts by it, ``direction`` is for aria-sort."""

    label: str
    css: str
    url: str = ""
    direction: str = ""


def documents_listed(asker: Asker, chosen: dict[str, Any]) -> QuerySet[Document]:
    rows = with_newest_version(documents_visible_to(asker))
    if chosen["collection"]:
        rows = rows.filter(collection_id=chosen["collection"])
    if chosen["q"]:
        words = chosen["q"]
        rows = rows.filter(Q(name__icontains=words) | Q(folder__icontains=words))
    if chosen["tag"]:
        rows = rows.filter(tags__contains=[chosen["tag"]])
    if chosen["state"]:
        rows = rows.filter(state__in=_STATES[chosen["state"]])
    return rows.order_by(chosen["sort"] or "-created_at", "id")


def with_newest_version(rows: QuerySet[Document]) -> QuerySet[Document]:
    newest = DocumentVersion.objects.filter(document=OuterRef("pk")).order_by("-number")
    return rows.select_related("added_by", "collection").annotate(
        pages=Subquery(newest.values("page_count")[:1]),
        size_bytes=Subquery(newest.values("size_bytes")[:1]),
        version_number=Subquery(newest.values("number")[:1]),
        version_at=Subquery(newest.values("created_at")[:1]),
    )


def rows_of(documents: Sequence[Any], writable: Container[UUID]) -> list[Row]:
    """Return the rows of documents annotated by ``with_newest_version``."""
    progress = progress_of_all(documents)
    return [
        Row(
            document=document,
            kind=PurePath(document.name).suffix.removeprefix(".").upper() or "File",
            pages=document.pages or 0,
            size_bytes=document.size_bytes or 0,
            version=document.version_number or 1,
            version_at=document.version_at,
            progress=progress[document.pk],
            can_write=document.collection_id in writable,
        )
        for document in documents
    ]


def writable_ids(asker: Asker) -> frozenset[UUID]:
    rows = collections_visible_to(asker, Role.WRITER)
    return frozenset(rows.values_list("pk", flat=True))


def collections_listed(asker: Asker) -> Sequence[Collection]:
    rows = collections_visible_to(asker).select_related("owner")
    counted = rows.annotate(document_count=Count("documents"))
    return held_to_floor(asker.user_id, counted.order_by("name", "id"))


def tags_listed(asker: Asker, collection: Collection | None) -> list[str]:
    """Return the tags of the documents that may be read, by the alphabet."""
    rows = documents_visible_to(asker)
    if collection is not None:
        rows = rows.filter(collection=collection)
    tags = rows.annotate(one=Func("tags", function="unnest")).values_list("one")
    with reading_as(asker.user_id):
        return [tag for (tag,) in tags.order_by("one").distinct()[:_TAGS_LISTED]]


def audience_of(collection: Collection, asker: Asker) -> str:
    """Say in words who can read the collection."""
    if collection.visibility == Collection.Visibility.EVERYONE:
        return "Everyone who is signed in can see this"
    names = ["you" if pk == asker.user_id else name for pk, name in _people(collection)]
    if names == ["you"]:
        return "Only you can see this"
    shown, more = names[:_NAMES_SHOWN], len(names) - _NAMES_SHOWN
    last = f"{more} more" if more > 0 else shown.pop() if len(shown) > 1 else ""
    listed = ", ".join(shown) + (f" and {last}" if last else "")
    return f"{listed[0].upper()}{listed[1:]} can see this"


def _people(collection: Collection) -> list[tuple[int | None, str]]:
    """Return the owner and the members, the names of groups without a number."""
    members = Membership.objects.filter(
        ~Q(user=collection.owner_id) | Q(user=None), collection=collection
    ).select_related("user", "group")
    listed: list[tuple[int | None, str]] = [
        (collection.owner_id, collection.owner.username)
    ]
    for member in members:
        name = f"group {member.group.name}" if member.group else str(member.user)
        listed.append((member.user_id, name))
    return listed


def columns_of(chosen: dict[str, Any]) -> list[Column]:
    return [
        _column("Name", "name", "name", chosen),
        Column(label="Type", css="wide"),
        Column(label="Pages", css="wide right"),
        _column("State", "status", "state", chosen),
        Column(label="Added by", css="wide"),
        _column("Added", "wide", "created_at", chosen),
    ]


def _column(label: str, css: str, field: str, chosen: dict[str, Any]) -> Column:
    current = chosen["sort"] or "-created_at"
    turned = f"-{field}" if current == field else field
    directions = {field: "ascending", f"-{field}": "descending"}
    return Column(
        label=label,
        css=css,
        url=address_of(chosen, sort=turned),
        direction=directions.get(current, ""),
    )


def address_of(chosen: dict[str, Any], **changed: object) -> str:
    """Return the query string of the same table with something changed."""
    kept = chosen | {"page": None} | changed
    return "?" + urlencode({key: value for key, value in kept.items() if value})
