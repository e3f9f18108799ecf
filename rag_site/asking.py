"""Who is asking (a leaf): one value for a browser session, a key or a shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.http import HttpRequest

Scope = Literal["read", "ask", "ingest", "manage"]
ALL_SCOPES: frozenset[Scope] = frozenset({"read", "ask", "ingest", "manage"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """An authenticated person and what the credential in hand allows.

    Attributes:
        user_id: primary key of the user; rights are looked up by it in SQL.
        scopes: what this credential may do; a session has all of them.
        key_collections: collections that an API key is limited to, or None
            for no limit. It only ever narrows what the user may see.
        via: the door, for the audit log and rate limits.
        key_id: primary key of the API key, or None.
    """

    user_id: int
    scopes: frozenset[Scope] = ALL_SCOPES
    key_collections: frozenset[UUID] | None = None
    via: Literal["web", "api", "shell"] = "web"
    key_id: UUID | None = None

    def narrowed(self, wanted: frozenset[UUID] | None) -> frozenset[UUID] | None:
        """Intersect the collections asked for with the key's limit."""
        if wanted is None or self.key_collections is None:
            return self.key_collections if wanted is None else wanted
        return wanted & self.key_collections


def asker_of_request(request: HttpRequest) -> Asker:
    """Return who asks: the one pipeline for sessions and keys, run once a request.

    A request with an Authorization header, but that of a proxy's own password, is
    judged by that header alone. A session must prove its origin (CSRF) on every method that changes something,
    also where Django itself does not check. Reads the database: from async code
    call it through ``sync_to_async``.

    Raises:
        NotSignedIn: nobody, or a key that is unknown, expired or revoked, or
            whose user is suspended.
        Forbidden: a session without a CSRF token.
        RateLimited: over the limit of this person or key.
    """
    from rag_site import credentials

    return credentials.asker_of(request)
