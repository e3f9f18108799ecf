"""The door of every page: who is not signed in goes to sign in, or is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from rag_site.errors import NotSignedIn
from rag_site.problems import page_of, response_to


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
            return redirect_to_login(page_of(request), "sign_in")
        return super().handle_no_permission(request, view_func)
