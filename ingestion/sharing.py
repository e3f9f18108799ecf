"""Giving one document to somebody who is not a member of its collection.

To read, no more: whoever should add or delete joins the collection.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from ingestion.models import Document, Role
from ingestion.share_models import Share
from ingestion.visibility import get_document_for
from rag_site import audit
from rag_site.asking import Asker
from rag_site.errors import NotFound, ValidationFailed


def share(
    asker: Asker, document_id: UUID, *, user: Any = None, group: Any = None
) -> Share:
    """Let one user or one group read the document; doing it twice is harmless.

    Raises NotFound unless the asker manages the collection, ValidationFailed.
    """
    document = get_document_for(asker, document_id, Role.MANAGER)
    if (user is None) == (group is None):
        raise ValidationFailed(
            "Name a user or a group, one of them.", detail={"field": "user"}
        )
    with transaction.atomic():
        made, is_new = Share.objects.get_or_create(
            document=document, user=user, group=group
        )
        if is_new:
            _record("document.shared", asker, document, made)
    return made


def unshare(asker: Asker, document_id: UUID, share_id: int) -> None:
    """Take it back; it ends at once, also for answers being written. Raises NotFound."""
    document = get_document_for(asker, document_id, Role.MANAGER)
    found = document.shares.filter(pk=share_id).first()
    if found is None:
        raise NotFound
    with transaction.atomic():
        _record("document.unshared", asker, document, found)
        found.delete()


def _record(action: str, asker: Asker, document: Document, made: Share) -> None:
    audit.record(
        action,
        asker=asker,
        object_kind="document",
        object_id=document.pk,
        detail={"name": document.name, "with": str(made)},
    )
