"""Passwords, checked at a limited rate: the page and the admin share this door."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from rag_site.addresses import current_address
from rag_site.limits import check_sign_in, note_failed_sign_in
from rag_site.models import User


class LimitedBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the user, or None.

        Raises:
            RateLimited: too many failures lately; the password is not looked at.
        """
        account, address = username or "", current_address()
        check_sign_in(account, address)
        user = super().authenticate(request, username, password, **kwargs)
        if user is None:
            note_failed_sign_in(account, address)
        return user
