"""The one-time link with which the first administrator is made.

The token is shown once, on the terminal of whoever starts the site; the
database holds its SHA-256 only.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from django.db import transaction
from django.utils import timezone

from rag_site.models import OneTimeLink, User

LIFETIME = dt.timedelta(hours=24)


def token_digest(token: str) -> str:
    """Return what ``OneTimeLink.digest`` holds for ``token``."""
    return hashlib.sha256(token.encode()).hexdigest()


def has_administrator() -> bool:
    return User.objects.filter(is_superuser=True, is_active=True).exists()


def new_token() -> str | None:
    """Return a fresh token, making earlier ones useless; None when not needed."""
    if has_administrator():
        return None
    token = secrets.token_urlsafe(32)
    purpose = OneTimeLink.Purpose.FIRST_ADMIN
    with transaction.atomic():
        OneTimeLink.objects.filter(purpose=purpose, used_at=None).delete()
        OneTimeLink.objects.create(
            purpose=purpose,
            digest=token_digest(token),
            expires_at=timezone.now() + LIFETIME,
        )
    return token
