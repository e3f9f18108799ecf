"""Collections and their members over REST; documents are in ``api_documents``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Count
from django.http import HttpRequest
from ninja import Router, Status

from ingestion import api_shapes as shapes
from ingestion import services
from ingestion.models import Collection, Membership, Role
from ingestion.visibility import (
    collections_visible_to,
    get_collection_for,
    held_to_floor,
)
from rag_site.access import asker_of, needs
from rag_site.asking import Asker
from rag_site.errors import Forbidden, NotFound, ValidationFailed
from rag_site.paging import Cursor, Limit, slice_of
from rag_site.repeating import once

router = Router(tags=["Collections"])

_ORDER = ("name", "id")


class LimitedKey(Forbidden):
    """This API key is limited to some collections and cannot make new ones."""

    code = "key_limited"


@router.get("/collections", auth=needs("read"), response=shapes.CollectionList)
def list_collections(
    request: HttpRequest, limit: Limit, cursor: Cursor
) -> dict[str, Any]:
    """List the collections that you may read, by name."""
    asker = asker_of(request)
    rows = collections_visible_to(asker).select_related("owner")
    found = slice_of(rows, order=_ORDER, limit=limit, cursor=cursor)
    items = held_to_floor(asker.user_id, found.items)
    return {"items": _shown(asker, items), "next_cursor": found.next_cursor}


@router.post("/collections", auth=needs("manage"), response={201: shapes.CollectionOut})
def create_collection(
    request: HttpRequest, body: shapes.CollectionIn
) -> Status[dict[str, Any]]:
    """Create a collection; you own it."""
    asker = asker_of(request)
    if asker.key_collections is not None:
        raise LimitedKey
    payload = body.dict()
    made = once(
        request,
        asker,
        payload,
        lambda: {"id": str(services.create_collection(asker, **payload).pk)},
    )
    return Status(201, _one(asker, UUID(made["id"])))


@router.get("/collections/{id:pk}", auth=needs("read"), response=shapes.CollectionOut)
def get_collection(request: HttpRequest, pk: UUID) -> dict[str, Any]:
    """Return one collection."""
    return _one(asker_of(request), pk)


@router.patch(
    "/collections/{id:pk}", auth=needs("manage"), response=shapes.CollectionOut
)
def update_collection(
    request: HttpRequest, pk: UUID, body: shapes.CollectionPatch
) -> dict[str, Any]:
    """Change the fields that are sent; needs the role manager."""
    asker = asker_of(request)
    changes = {k: v for k, v in body.dict(exclude_unset=True).items() if v is not None}
    services.update_collection(asker, pk, **changes)
    return _one(asker, pk)


@router.delete("/collections/{id:pk}", auth=needs("manage"), response={204: None})
def delete_collection(request: HttpRequest, pk: UUID) -> Status[None]:
    """Delete a collection with all its documents; needs the role manager."""
    services.delete_collection(asker_of(request), pk)
    return Status(204, None)


@router.get(
    "/collections/{id:pk}/members", auth=needs("read"), response=shapes.MemberList
)
def list_members(
    request: HttpRequest, pk: UUID, limit: Limit, cursor: Cursor
) -> dict[str, Any]:
    """List who may see this collection besides its owner."""
    collection = get_collection_for(asker_of(request), pk)
    rows = Membership.objects.filter(collection=collection).select_related(
        "user", "group"
    )
    found = slice_of(rows, order=("id",), limit=limit, cursor=cursor)
    return {
        "items": [_member(row) for row in found.items],
        "next_cursor": found.next_cursor,
    }


@router.post(
    "/collections/{id:pk}/members",
    auth=needs("manage"),
    response={201: shapes.MemberOut},
)
def set_member(
    request: HttpRequest, pk: UUID, body: shapes.MemberIn
) -> Status[dict[str, Any]]:
    """Give a user or a group a role; needs the role manager."""
    asker = asker_of(request)
    get_collection_for(asker, pk, Role.MANAGER)
    named = whom(body)
    made = once(
        request,
        asker,
        body.dict(),
        lambda: {
            "id": services.set_member(asker, pk, **named, role=Role(body.role)).pk
        },
    )
    return Status(201, _member(_membership(pk, made["id"])))


@router.delete(
    "/collections/{id:pk}/members/{int:member}",
    auth=needs("manage"),
    response={204: None},
)
def remove_member(request: HttpRequest, pk: UUID, member: int) -> Status[None]:
    """Take the role away; it ends at once, also for questions being answered."""
    asker = asker_of(request)
    get_collection_for(asker, pk, Role.MANAGER)
    services.remove_member(asker, _membership(pk, member).pk)
    return Status(204, None)


def _one(asker: Asker, pk: UUID) -> dict[str, Any]:
    return _shown(asker, [get_collection_for(asker, pk)])[0]


def _shown(asker: Asker, rows: Sequence[Collection]) -> list[dict[str, Any]]:
    ids = [row.pk for row in rows]
    counts = dict(
        Collection.objects.filter(pk__in=ids)
        .order_by()
        .annotate(n=Count("documents"))
        .values_list("pk", "n")
    )
    managed = _with_role(asker, Role.MANAGER, ids)
    written = _with_role(asker, Role.WRITER, ids)
    return [
        {
            "id": row.pk,
            "name": row.name,
            "description": row.description,
            "language": row.language,
            "visibility": row.visibility,
            "masking": row.masking,
            "owner": row.owner.get_username(),
            "role": "manager"
            if row.pk in managed
            else "writer"
            if row.pk in written
            else "reader",
            "documents": counts[row.pk],
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
        for row in rows
    ]


def _with_role(asker: Asker, role: Role, ids: Sequence[UUID]) -> set[UUID]:
    rows = collections_visible_to(asker, role).filter(pk__in=ids)
    return set(rows.values_list("pk", flat=True))


def _member(row: Membership) -> dict[str, Any]:
    return {
        "id": row.pk,
        "user": row.user.get_username() if row.user else None,
        "group": row.group.name if row.group else None,
        "role": row.role,
    }


def _membership(collection_id: UUID, pk: int) -> Membership:
    row = (
        Membership.objects.select_related("user", "group")
        .filter(collection_id=collection_id, pk=pk)
        .first()
    )
    if row is None:
        raise NotFound
    return row


def whom(body: shapes.ShareIn) -> dict[str, Any]:
    """Return the user or the group that is named, as the service takes it."""
    if (body.user is None) == (body.group is None):
        raise ValidationFailed(
            "Name either a user or a group.", detail={"field": "user"}
        )
    if body.user is not None:
        user = get_user_model()._default_manager.filter(username=body.user).first()
        if user is None:
            raise ValidationFailed(
                "There is no user of this name.", detail={"field": "user"}
            )
        return {"user": user}
    group = Group.objects.filter(name=body.group).first()
    if group is None:
        raise ValidationFailed(
            "There is no group of this name.", detail={"field": "group"}
        )
    return {"group": group}
