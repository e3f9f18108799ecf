"""API keys: `plb_<prefix>_<secret>`, shown once, stored as a SHA-256."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import string
from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from rag_site import audit
from rag_site.asking import ALL_SCOPES, Asker, Scope
from rag_site.errors import NotFound, NotSignedIn, ValidationFailed
from rag_site.models import ApiKey, User

LABEL = "plb"
_ALPHABET = string.ascii_lowercase + string.digits
_PREFIX_CHARS = 8
# 256 bits from the operating system.
_SECRET_BYTES = 32
MAX_LIFETIME = dt.timedelta(days=366)
# The last use is written at most this often: it is for people, not for billing.
_LAST_USED_EVERY = dt.timedelta(minutes=1)


class KeyExpired(NotSignedIn):
    """This API key has expired. Make a new one on your account page."""

    code = "key_expired"


class KeyRevoked(NotSignedIn):
    """This API key was revoked. Make a new one on your account page."""

    code = "key_revoked"


class AccountSuspended(NotSignedIn):
    """This account is suspended. Ask your administrator."""

    code = "account_suspended"


def create_key(
    user: User,
    *,
    name: str,
    scopes: Iterable[Scope],
    collections: Iterable[UUID] | None = None,
    expires_at: dt.datetime,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which exists nowhere else.

    Args:
        collections: ids that the key is limited to, each visible to the user;
            None for no limit.

    Raises:
        ValidationFailed: no scope, an unknown scope, a name that is empty, an
            expiry in the past or more than a year away.
        NotFound: a collection that the user may not see.
    """
    wanted = set(scopes)
    _check(name, wanted, expires_at)
    limit = None if collections is None else frozenset(collections)
    prefix, secret = _new_secret()
    with transaction.atomic():
        key = ApiKey.objects.create(
            user=user,
            name=name.strip(),
            prefix=prefix,
            digest=_digest(secret),
            scopes=sorted(wanted),
            expires_at=expires_at,
            is_limited=limit is not None,
        )
        if limit:
            key.collections.set(_visible(user, limit))  # type: ignore[arg-type]  # ids are taken too
        audit.record(
            "key.created",
            asker=Asker(user_id=user.pk),
            object_kind="api_key",
            object_id=key.pk,
            detail={"prefix": prefix, "scopes": sorted(wanted)},
        )
    return key, secret


def asker_of_key(secret: str) -> Asker:
    """Return whom the key stands for.

    Raises:
        NotSignedIn: unknown, expired, revoked, or the user is suspended. What
            exactly is said only to someone who holds the whole secret.
    """
    key = (
        ApiKey.objects.select_related("user")
        .filter(prefix="_".join(secret.split("_", 2)[:2])[:16])
        .first()
    )
    if key is None or not secrets.compare_digest(key.digest, _digest(secret)):
        raise NotSignedIn
    _check_alive(key)
    _note_use(key)
    return Asker(
        user_id=key.user_id,
        scopes=ALL_SCOPES & frozenset(key.scopes),
        key_collections=_limit_of(key),
        via="api",
        key_id=key.pk,
    )


def revoke(key: ApiKey, *, asker: Asker) -> None:
    """End a key at once; ending it twice is harmless. Rights are the caller's to check."""
    with transaction.atomic():
        changed = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(
            revoked_at=timezone.now()
        )
        if changed:
            audit.record(
                "key.revoked",
                asker=asker,
                object_kind="api_key",
                object_id=key.pk,
                detail={"prefix": key.prefix},
            )


def _new_secret() -> tuple[str, str]:
    """Return a visible prefix and the whole key."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_PREFIX_CHARS))
    prefix = f"{LABEL}_{random}"
    return prefix, f"{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def _check(name: str, scopes: set[Scope], expires_at: dt.datetime) -> None:
    if not name.strip() or len(name) > 100:
        raise ValidationFailed(
            "Give the key a name of 1 to 100 characters.", detail={"field": "name"}
        )
    if not scopes or not scopes <= ALL_SCOPES:
        raise ValidationFailed(
            f"Choose at least one scope of {', '.join(sorted(ALL_SCOPES))}.",
            detail={"field": "scopes"},
        )
    now = timezone.now()
    if not now < expires_at <= now + MAX_LIFETIME:
        raise ValidationFailed(
            "Choose an expiry within the next year.", detail={"field": "expires_at"}
        )


def _visible(user: User, wanted: frozenset[UUID]) -> list[UUID]:
    from ingestion.visibility import collections_visible_to

    found = list(
        collections_visible_to(Asker(user_id=user.pk))
        .filter(pk__in=wanted)
        .values_list("pk", flat=True)
    )
    if len(found) != len(wanted):
        raise NotFound
    return found


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _check_alive(key: ApiKey) -> None:
    if key.revoked_at is not None:
        raise KeyRevoked
    if key.expires_at <= timezone.now():
        raise KeyExpired
    if not key.user.is_active:
        raise AccountSuspended


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    ApiKey.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lt=now - _LAST_USED_EVERY), pk=key.pk
    ).update(last_used_at=now)


def _limit_of(key: ApiKey) -> frozenset[UUID] | None:
    if not key.is_limited:
        return None
    return frozenset(key.collections.values_list("pk", flat=True))
