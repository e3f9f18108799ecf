"""The door of an API operation (a leaf): the credential, and the scope it needs."""

from __future__ import annotations

from django.http import HttpRequest
from ninja.security.base import AuthBase

from rag_site.asking import Asker, Scope, asker_of_request
from rag_site.errors import Forbidden


class ScopeMissing(Forbidden):
    """This API key lacks a scope that is needed here."""

    code = "scope_missing"


class ApiKeyOrSession(AuthBase):
    """Authentication of one operation, named in the OpenAPI document."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_description = (
        "An API key, or the session cookie with the header X-CSRFToken."
    )

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Asker:
        return checked(asker_of_request(request), self.scope)


def checked(asker: Asker, scope: Scope) -> Asker:
    """Return ``asker``. Raises ScopeMissing."""
    if scope not in asker.scopes:
        raise ScopeMissing(
            f"This API key lacks the scope `{scope}`. Make one that has it.",
            detail={"scope": scope},
        )
    return asker


def needs(scope: Scope) -> ApiKeyOrSession:
    """Return the authentication for operations that need ``scope``."""
    return ApiKeyOrSession(scope)


def asker_of(request: HttpRequest) -> Asker:
    """Return who asks, in an operation that ``needs`` let through."""
    return asker_of_request(request)
