"""The record of what was done (a leaf): who, what, when, from where."""

from __future__ import annotations

from typing import Any

from rag_site.addresses import current_address
from rag_site.asking import Asker
from rag_site.logs import current_reference


def record(
    action: str,
    *,
    asker: Asker | None = None,
    object_kind: str = "",
    object_id: object = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Add an event in the caller's transaction: it stands or falls with the deed.

    ``action`` is a noun and a verb, such as ``document.deleted``. ``detail``
    holds names and numbers, never text of documents or questions and no secret.
    """
    from rag_site.models import AuditEvent, User

    name = ""
    if asker is not None:
        names = User.objects.filter(pk=asker.user_id).values_list("username", flat=True)
        name = names.first() or ""
    AuditEvent.objects.create(
        action=action,
        user_id=asker.user_id if asker else None,
        user_name=name,
        via=asker.via if asker else "",
        address=current_address() or None,
        object_kind=object_kind,
        object_id=str(object_id),
        detail=detail or {},
        reference=current_reference(),
    )
