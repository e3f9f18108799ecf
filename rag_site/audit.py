"""The record of what was done (a leaf): who, what, when, from where."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rag_site.addresses import current_address
from rag_site.asking import Asker
from rag_site.logs import current_reference

# Who really acts, while an administrator uses the rights of an owner.
_actor: contextvars.ContextVar[Asker | None] = contextvars.ContextVar(
    "actor", default=None
)


@contextmanager
def acting(actor: Asker) -> Iterator[None]:
    """Record what is done inside under ``actor``, on behalf of the asker it is done as."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


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
    from rag_site.models import AuditEvent

    actor = _actor.get()
    if actor is not None and asker is not None and actor.user_id != asker.user_id:
        detail = {**(detail or {}), "on_behalf_of": _name_of(asker)}
    asker = actor or asker
    AuditEvent.objects.create(
        action=action,
        user_id=asker.user_id if asker else None,
        user_name=_name_of(asker),
        via=asker.via if asker else "",
        address=current_address() or None,
        object_kind=object_kind,
        object_id=str(object_id),
        detail=detail or {},
        reference=current_reference(),
    )


def _name_of(asker: Asker | None) -> str:
    from rag_site.models import User

    if asker is None:
        return ""
    names = User.objects.filter(pk=asker.user_id).values_list("username", flat=True)
    return names.first() or ""
