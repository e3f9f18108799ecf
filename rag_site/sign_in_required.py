"""The door of every page: who is not signed in goes to sign in, or is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from rag_site.credentials import names_a_key
from rag_site.errors import NotSignedIn
from rag_site.problems import page_of, response_to


class SignedOut(NotSignedIn):
    """You are signed out."""


class KeyAtPage(NotSignedIn):
    """An API key opens /api/v1 and no pages. Leave the Authorization header out here."""


class SignInRequired(LoginRequiredMiddleware):
    """Tell a script in words: it would follow a redirect and take the page for an answer."""

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], *rest: Any
    ) -> HttpResponseBase | None:
        refused: HttpResponseBase | None = super().process_view(
            request, view_func, *rest
        )
        is_page = getattr(view_func, "login_required", True)
        if refused is None and is_page and names_a_key(request):
            # Pages look at no scopes: with anybody's session beside it, a key to
            # read would delete for its owner.
            told: HttpResponse = response_to(request, KeyAtPage())
            return told
        return refused

    def handle_no_permission(  # type: ignore[override]  # not only a redirect
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponseBase:
        if request.htmx:  # type: ignore[attr-defined]  # set by django-htmx
            told: HttpResponse = response_to(request, SignedOut())
            return told
        if request.method not in ("GET", "HEAD"):
            return redirect_to_login(page_of(request), "sign_in")
        return super().handle_no_permission(request, view_func)
