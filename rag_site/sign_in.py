"""Passwords, checked at a limited rate: the page and the admin share this door."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db import Error as AnyDatabaseError
from django.http import HttpRequest

from rag_site.addresses import current_address
from rag_site.limits import forget_failure, remember_sign_in, try_sign_in
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
        tried = try_sign_in(account, address)
        try:
            user = super().authenticate(request, username, password, **kwargs)
        except AnyDatabaseError:
            # No password was wrong.
            forget_failure(tried)
            raise
        if user is not None:
            forget_failure(tried)
            remember_sign_in(account, address)
        return user
