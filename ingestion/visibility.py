"""What one asker may read: one definition, in SQL, evaluated when asked.

The Postgres function ``visible_collections(user_id, role)`` is the only place
that knows owners, members, groups and visibility, and ``shared_documents(user_id)``
the only one that knows single documents given to somebody to read. Everything
that reaches a collection, document, page, chunk or vector goes through them.
An administrator has no silent reading rights: being staff is not a membership.

Under it lies row-level security (migration 0010): inside ``reading_as`` the
database itself gives nothing that this user may not read, whatever a statement
forgot to ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from ingestion.models import Collection, Document, Role
from rag_site.asking import Asker
from rag_site.errors import NotFound

Row = TypeVar("Row", Collection, Document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """A reader's reach, narrowed by a key or by the question.

    Attributes:
        user_id: whose rights apply.
        collections: only these, or None for all within the rights. Narrows,
            never widens.
        documents: only these, or None.
    """

    user_id: int
    collections: frozenset[UUID] | None = None
    documents: frozenset[UUID] | None = None

    def documents_sql(self) -> tuple[str, list[Any]]:
        """Return a subquery of the ids of readable documents, and its parameters."""
        # An array, not IN: it is made once, where the planner would call the
        # function again for each row that an index scan meets.
        sql = (
            "SELECT d.id FROM ingestion_document d WHERE (d.collection_id = "
            "ANY(ARRAY(SELECT visible_collections(%s, 'reader'))) "
            "OR d.id = ANY(ARRAY(SELECT shared_documents(%s))))"
        )
        params: list[Any] = [self.user_id, self.user_id]
        if self.collections is not None:
            sql += " AND d.collection_id = ANY(%s)"
            params.append(list(self.collections))
        if self.documents is not None:
            sql += " AND d.id = ANY(%s)"
            params.append(list(self.documents))
        return sql, params


@contextmanager
def reading_as(user_id: int, *, savepoint: bool = True) -> Iterator[None]:
    """Hold every read of the block to the rights of this user, in the database.

    A short transaction in which nothing can be written. Never around a stream,
    and not within another: a block inside would end the outer one's role.

    Args:
        savepoint: inside a longer transaction, whether an error of the block leaves
            that one as it was.
    """
    is_inside = connection.in_atomic_block
    with transaction.atomic(savepoint=savepoint):
        _set_reader("plumbline_reader", str(user_id))
        yield
        if is_inside:  # The end of a transaction of its own resets both.
            _set_reader("none", "")


def _set_reader(role: str, user_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('role', %s, true), "
            "set_config('plumbline.user_id', %s, true)",
            [role, user_id],
        )


def held_to_floor(user_id: int, rows: Iterable[Row]) -> list[Row]:
    """Return those of ``rows`` that the database itself lets this user read.

    For what was found by other statements than these: a list is looked through
    once more before it is shown.
    """
    found = list(rows)
    if not found:
        return []
    with reading_as(user_id, savepoint=False):
        ids = type(found[0])._default_manager.filter(pk__in=[row.pk for row in found])
        readable = set(ids.values_list("pk", flat=True))
    return [row for row in found if row.pk in readable]


def visible_to(asker: Asker, collections: frozenset[UUID] | None = None) -> Visible:
    return Visible(user_id=asker.user_id, collections=asker.narrowed(collections))


def collections_visible_to(
    asker: Asker, role: Role = Role.READER
) -> QuerySet[Collection]:
    rows = Collection.objects.filter(id__in=_open_to(asker.user_id, role))
    if asker.key_collections is not None:
        rows = rows.filter(id__in=asker.key_collections)
    return rows


def collections_reached_by(asker: Asker) -> QuerySet[Collection]:
    """Return the collections of which the asker may read all or a shared document.

    What a collection says about its answers (masking, adapter) holds for both.
    """
    return Collection.objects.filter(
        Q(pk__in=collections_visible_to(asker).values("pk"))
        | Q(pk__in=_shared_with(asker).values("collection"))
    )


def documents_visible_to(asker: Asker, role: Role = Role.READER) -> QuerySet[Document]:
    """Return what the asker's role in a collection opens, and to read, what was shared.

    A key that is limited to collections reaches nothing outside them.
    """
    rows = Document.objects.filter(collection__in=collections_visible_to(asker, role))
    if role != Role.READER:
        return rows
    shared = _shared_with(asker).values("pk")
    return Document.objects.filter(Q(pk__in=rows.values("pk")) | Q(pk__in=shared))


def _open_to(user_id: int, role: Role) -> RawSQL:
    return RawSQL("SELECT visible_collections(%s, %s)", [user_id, role.value])


def _shared_with(asker: Asker) -> QuerySet[Document]:
    shared = RawSQL("SELECT shared_documents(%s)", [asker.user_id])
    rows = Document.objects.filter(id__in=shared)
    if asker.key_collections is not None:
        rows = rows.filter(collection__in=asker.key_collections)
    return rows


def get_collection_for(asker: Asker, pk: UUID, role: Role = Role.READER) -> Collection:
    """Return the collection, or raise NotFound: a stranger learns nothing."""
    rows = collections_visible_to(asker, role).filter(pk=pk)
    found = held_to_floor(asker.user_id, rows)
    if not found:
        raise NotFound
    return found[0]


def get_document_for(asker: Asker, pk: UUID, role: Role = Role.READER) -> Document:
    """Return the document, or raise NotFound: a stranger learns nothing."""
    rows = documents_visible_to(asker, role).filter(pk=pk)
    found = held_to_floor(
        asker.user_id, rows.select_related("collection", "current_version")
    )
    if not found:
        raise NotFound
    return found[0]
