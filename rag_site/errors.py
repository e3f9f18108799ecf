"""The error tree (a leaf: every app may import it).

    RagError
    ├── InvalidInput          400  the caller can mend it
    │   └── ValidationFailed  422  a field is out of range
    ├── NotSignedIn           401
    ├── Forbidden             403  known object, missing scope
    ├── NotFound              404  absent, or not the asker's to see
    ├── Conflict              409
    ├── TooLarge              413
    ├── RateLimited           429
    └── Unavailable           503  try again later
        └── TransientError         a worker may retry by itself

A class docstring is the default message shown to a person: what happened and
what to do. ``code`` is stable and the same in pages, JSON, events and rows.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar


class RagError(Exception):
    """Something went wrong. Try again; if it stays, give your administrator the reference."""

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str | None = None,
        *,
        detail: dict[str, Any] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        self.message = message or inspect.cleandoc(type(self).__doc__ or "")
        self.detail = detail or {}
        self.retry_after_s = retry_after_s
        super().__init__(self.message)


class InvalidInput(RagError):
    """The request could not be understood. Check it and send it again."""

    code = "invalid_input"
    http_status = 400


class ValidationFailed(InvalidInput):
    """A value is missing or out of range."""

    code = "validation_failed"
    http_status = 422


class NotSignedIn(RagError):
    """Sign in, or send a valid API key."""

    code = "not_signed_in"
    http_status = 401


class Forbidden(RagError):
    """This is not allowed with your role or with the scopes of this key."""

    code = "forbidden"
    http_status = 403


class NotFound(RagError):
    """Nothing here that you may see. It may have been deleted, or not shared with you."""

    code = "not_found"
    http_status = 404


class Conflict(RagError):
    """This clashes with what is there already."""

    code = "conflict"
    http_status = 409


class TooLarge(RagError):
    """This is larger than the limit."""

    code = "too_large"
    http_status = 413


class RateLimited(RagError):
    """Too many requests. Wait a moment and try again."""

    code = "rate_limited"
    http_status = 429
    retryable = True


class Unavailable(RagError):
    """A part of the site is not available right now. Try again in a moment."""

    code = "unavailable"
    http_status = 503
    retryable = True


class TransientError(Unavailable):
    """A service did not answer in time. The work will be tried again."""

    code = "transient"
