"""The door of every page: who is not signed in goes to sign in, or is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from rag_site.errors import NotSignedIn
from rag_site.problems import response_to


class SignedOut(NotSignedIn):
    """You are signed out."""


class SignInRequired(LoginRequiredMiddleware):
    """Tell a script in words: it would follow a redirect and take the page for an answer."""

    def handle_no_permission(  # type: ignore[override]  # not only a redirect
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponseBase:
        if request.htmx:  # type: ignore[attr-defined]  # set by django-htmx
            told: HttpResponse = response_to(request, SignedOut())
            return told
        if request.method not in ("GET", "HEAD"):
            return redirect_to_login(_page_of(request), "sign_in")
        return super().handle_no_permission(request, view_func)


def _page_of(request: HttpRequest) -> str:
    """Return where a form stood: nobody comes back to the address that it is sent to."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    if came_from.netloc != request.get_host():
        return "/"
    return came_from._replace(scheme="", netloc="", fragment="").geturl() or "/"
