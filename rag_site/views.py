"""Pages about people and the site: sign in, set up, account, keys, health."""

from __future__ import annotations

import json
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from rag_site import audit, first_run
from rag_site import health as site_health
from rag_site import keys as api_keys
from rag_site.asking import asker_of_request
from rag_site.context import site
from rag_site.errors import NotFound, RagError
from rag_site.forms import KeyForm, PasswordForm, SetupForm, SignInForm, ThemeForm
from rag_site.limits import SIGN_IN_WINDOW_S
from rag_site.models import ApiKey, User
from rag_site.sessions import end_others, note_sign_in, sessions_of

MODEL_BACKEND = "rag_site.sign_in.LimitedBackend"


class SignInView(LoginView):
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        # Django puts the host's name where the templates expect the product's.
        return super().get_context_data(**kwargs) | site(self.request)

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        note_sign_in(self.request)
        audit.record("signed_in", asker=asker_of_request(self.request))
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        response = super().form_invalid(form)
        response.status_code = 422
        if form.has_error("__all__", "rate_limited"):
            response.status_code = 429
            response["Retry-After"] = str(SIGN_IN_WINDOW_S)
        return response


@login_not_required
@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Make the first administrator with the one-time link."""
    first_run.check_link(token)
    form = SetupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = first_run.make_first_administrator(token, form)
        login(request, user, backend=MODEL_BACKEND)
        note_sign_in(request)
        question = first_run.FIRST_QUESTION if form.cleaned_data["sample"] else ""
        return redirect(f"{reverse('new_chat')}?{urlencode({'q': question})}")
    context = {"form": form, "plan": first_run.plan()}
    status = 422 if form.errors else 200
    return render(request, "rag_site/setup.html", context, status=status)


@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    form = ThemeForm(request.POST or None, instance=_person(request))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("account")
    return _account_page(request, PasswordForm(_person(request)))


@sensitive_post_parameters()
@require_POST
def password(request: HttpRequest) -> HttpResponse:
    form = PasswordForm(_person(request), request.POST)
    if not form.is_valid():
        return _account_page(request, form)
    update_session_auth_hash(request, form.save())
    audit.record("password.changed", asker=asker_of_request(request))
    messages.success(
        request, "Your password is changed; other browsers are signed out."
    )
    return redirect("account")


@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    ended = end_others(request)
    audit.record("sessions.ended", asker=asker_of_request(request))
    messages.success(request, f"Signed out in {ended} other browsers.")
    return redirect("account")


@require_http_methods(["GET", "POST"])
def keys(request: HttpRequest) -> HttpResponse:
    asker = asker_of_request(request)
    form = KeyForm(request.POST or None, asker=asker)
    if request.method == "POST" and form.is_valid():
        made = _make_key(request, form)
        if made is not None:
            return _keys_page(request, KeyForm(asker=asker), made=made)
    return _keys_page(request, form)


@require_POST
def revoke_key(request: HttpRequest, pk: UUID) -> HttpResponse:
    key = ApiKey.objects.filter(pk=pk, user=_person(request)).first()
    if key is None:
        raise NotFound
    api_keys.revoke(key, asker=asker_of_request(request))
    messages.success(request, f"{key.name} was revoked and no longer works.")
    return redirect("keys")


@require_GET
def health(request: HttpRequest) -> HttpResponse:
    _check_staff(request)
    parts = site_health.parts()
    is_well = all(part.ok for part in parts)
    context = {
        "parts": parts,
        "is_well": is_well,
        "plan": first_run.plan(),
        **site_health.embedding(),
    }
    return render(request, "rag_site/health.html", context)


@require_GET
def health_report(request: HttpRequest) -> HttpResponse:
    """Return what the page says as a file to attach to a report; no secret is in it."""
    _check_staff(request)
    plan = first_run.plan()
    found = {
        "at": timezone.now().isoformat(timespec="seconds"),
        "parts": {
            part.name: {"ok": part.ok, "message": part.message, "detail": part.detail}
            for part in site_health.parts()
        },
        "plan": {name: getattr(plan, name) for name in plan.__slots__},
    }
    response = HttpResponse(
        json.dumps(found, indent=2), content_type="application/json"
    )
    response["Content-Disposition"] = 'attachment; filename="plumbline-health.json"'
    return response


def _check_staff(request: HttpRequest) -> None:
    if not _person(request).is_staff:
        raise NotFound


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)


def _account_page(request: HttpRequest, form: PasswordForm) -> HttpResponse:
    context = {
        "theme_form": ThemeForm(instance=_person(request)),
        "password_form": form,
        "sessions": sessions_of(request),
    }
    status = 422 if form.errors else 200
    return render(request, "rag_site/account.html", context, status=status)


def _make_key(request: HttpRequest, form: KeyForm) -> tuple[ApiKey, str] | None:
    chosen = form.cleaned_data["collections"]
    try:
        return api_keys.create_key(
            _person(request),
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            collections=[row.pk for row in chosen] if chosen else None,
            expires_at=form.expires_at,
        )
    except RagError as problem:
        form.add_error(None, problem.message)
        return None


def _keys_page(
    request: HttpRequest, form: KeyForm, made: tuple[ApiKey, str] | None = None
) -> HttpResponse:
    context = {
        "form": form,
        "made": made,
        "keys": _person(request).api_keys.prefetch_related("collections"),
        "now": timezone.now(),
    }
    status = 422 if form.errors else 200
    return render(request, "rag_site/keys.html", context, status=status)
