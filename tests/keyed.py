"""API keys and clients that send them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from uuid import UUID

from django.test import Client
from django.utils import timezone

from rag_site import keys
from rag_site.asking import ALL_SCOPES, Scope
from rag_site.models import User


def make_key(
    user: User,
    *,
    scopes: Iterable[Scope] = ALL_SCOPES,
    collections: Iterable[UUID] | None = None,
    lifetime: dt.timedelta = dt.timedelta(days=1),
) -> str:
    _, secret = keys.create_key(
        user,
        name="test",
        scopes=scopes,
        collections=collections,
        expires_at=timezone.now() + lifetime,
    )
    return secret


def client_of(user: User, **options: object) -> Client:
    """Return a client that sends an API key of ``user`` with each request."""
    secret = make_key(user, **options)  # type: ignore[arg-type]
    return client_with(secret)


def client_with(secret: str) -> Client:
    return Client(
        enforce_csrf_checks=True,
        headers={"Authorization": f"Bearer {secret}", "Accept": "application/json"},
    )
