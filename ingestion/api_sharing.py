"""Sharing one document over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from ingestion import api_shapes as shapes
from ingestion import sharing
from ingestion.api import whom
from ingestion.models import Role
from ingestion.share_models import Share
from ingestion.visibility import get_document_for
from rag_site.access import asker_of, needs
from rag_site.errors import NotFound
from rag_site.paging import Cursor, Limit, slice_of
from rag_site.repeating import once

router = Router(tags=["Documents"])


@router.get(
    "/documents/{id:pk}/shares", auth=needs("manage"), response=shapes.ShareList
)
def list_shares(
    request: HttpRequest, pk: UUID, limit: Limit, cursor: Cursor
) -> dict[str, Any]:
    """List who may read this document without being a member; needs the role manager."""
    document = get_document_for(asker_of(request), pk, Role.MANAGER)
    rows = Share.objects.filter(document=document).select_related("user", "group")
    found = slice_of(rows, order=("id",), limit=limit, cursor=cursor)
    return {
        "items": [_shown(row) for row in found.items],
        "next_cursor": found.next_cursor,
    }


@router.post(
    "/documents/{id:pk}/shares",
    auth=needs("manage"),
    response={201: shapes.ShareOut},
)
def share_document(
    request: HttpRequest, pk: UUID, body: shapes.ShareIn
) -> Status[dict[str, Any]]:
    """Let a user or a group read this document; needs the role manager."""
    asker = asker_of(request)
    get_document_for(asker, pk, Role.MANAGER)
    named = whom(body)
    made = once(
        request,
        asker,
        body.dict(),
        lambda: {"id": sharing.share(asker, pk, **named).pk},
    )
    row = Share.objects.select_related("user", "group").filter(pk=made["id"]).first()
    if row is None:
        raise NotFound
    return Status(201, _shown(row))


@router.delete(
    "/documents/{id:pk}/shares/{int:share}",
    auth=needs("manage"),
    response={204: None},
)
def unshare(request: HttpRequest, pk: UUID, share: int) -> Status[None]:
    """Take it back; it ends at once, also for questions being answered."""
    sharing.unshare(asker_of(request), pk, share)
    return Status(204, None)


def _shown(row: Share) -> dict[str, Any]:
    return {
        "id": row.pk,
        "user": row.user.get_username() if row.user else None,
        "group": row.group.name if row.group else None,
    }
