"""Idempotency-Key (a leaf): a creating POST that is sent twice creates once."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from rag_site.asking import Asker
from rag_site.errors import Conflict, ValidationFailed

KEPT_FOR = dt.timedelta(hours=24)
# A request that died half-way frees its key after this long.
ABANDONED_AFTER = dt.timedelta(minutes=10)
MAX_KEY_CHARS = 200

Made = dict[str, Any]


class StillRunning(Conflict):
    """The first request with this Idempotency-Key is still at work. Try again in a moment."""

    code = "idempotency_in_progress"


class KeyReused(ValidationFailed):
    """This Idempotency-Key came before with another request. Use a new key for a new request."""

    code = "idempotency_mismatch"


def once(
    request: HttpRequest,
    asker: Asker,
    payload: Any,
    make: Callable[[], Made],
    stands: Callable[[Made], bool] = lambda made: True,
) -> Made:
    """Return ``make()``, or what it returned for the same Idempotency-Key before.

    Args:
        payload: the validated request, JSON-able; its digest tells repeats
            from mix-ups.
        make: creates and returns what the response is built from, JSON-able.
        stands: whether what was made before is still worth returning; what
            is not, because it failed later, is made again.

    Raises:
        KeyReused, StillRunning: see there. What ``make`` raises frees the key.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return make()
    if len(key) > MAX_KEY_CHARS or not key.isprintable():
        raise ValidationFailed(
            f"Idempotency-Key: use 1 to {MAX_KEY_CHARS} printable characters.",
            detail={"field": "Idempotency-Key"},
        )
    return _once(_place(request, asker, key), _digest(payload), make, stands)


def _place(request: HttpRequest, asker: Asker, key: str) -> dict[str, Any]:
    return {"user_id": asker.user_id, "key": key, "path": request.path[:300]}


def _once(
    place: dict[str, Any],
    digest: str,
    make: Callable[[], Made],
    stands: Callable[[Made], bool],
) -> Made:
    from rag_site.models import RepeatableRequest

    rows = RepeatableRequest.objects
    forget_old(**place)
    row, is_new = rows.get_or_create(**place, defaults={"digest": digest})
    if is_new:
        return _make(row.pk, make)
    if row.digest != digest:
        raise KeyReused
    if row.made is None:
        raise StillRunning
    made: Made = row.made
    if stands(made):
        return made
    # One of those who ask again at once makes it; to the others it is at work.
    if not rows.filter(pk=row.pk, made=made).update(
        made=None, created_at=timezone.now()
    ):
        raise StillRunning
    return _make(row.pk, make)


def _make(pk: int, make: Callable[[], Made]) -> Made:
    from rag_site.models import RepeatableRequest

    row = RepeatableRequest.objects.filter(pk=pk)
    is_made = False
    try:
        made = make()
        row.update(made=made)
        is_made = True
    finally:
        if not is_made:
            row.delete()
    return made


def forget_old(**place: Any) -> None:
    """Remove the keys whose time is over, and those of requests that died.

    Args:
        place: those of a user, a path and a key alone; of all if left out.
    """
    from rag_site.models import RepeatableRequest

    now = timezone.now()
    rows = RepeatableRequest.objects.filter(**place)
    rows.filter(created_at__lt=now - KEPT_FOR).delete()
    rows.filter(made=None, created_at__lt=now - ABANDONED_AFTER).delete()


def _digest(payload: Any) -> str:
    text = json.dumps(payload, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
