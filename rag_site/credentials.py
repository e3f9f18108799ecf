"""From a request to who is asking: the one pipeline for sessions and keys."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from rag_site import keys
from rag_site.addresses import counted_by, current_address
from rag_site.asking import Asker
from rag_site.errors import Forbidden, NotSignedIn, RateLimited
from rag_site.limits import RateState, check_rate, subject_of

# Wrong keys a minute from one address; a right key from there still works.
WRONG_KEYS_PER_MINUTE = 30


class CsrfFailed(Forbidden):
    """This request did not come from a page of this site. Reload the page and try again."""

    code = "csrf_failed"


def asker_of(request: HttpRequest) -> Asker:
    """Do what ``rag_site.asking.asker_of_request`` promises."""
    known = getattr(request, "asker", None)
    if known is not None:
        return cast("Asker", known)
    asker = identify(request)
    _count(request, "requests", asker, settings.REQUESTS_PER_MINUTE)
    request.asker = asker  # type: ignore[attr-defined]  # this module's own field
    return asker


def identify(request: HttpRequest) -> Asker:
    """Return who asks, without counting the request."""
    return _of_key(request) or _of_session(request)


def count_question(request: HttpRequest, asker: Asker) -> None:
    """Count one question: they cost far more than other requests.

    Raises:
        RateLimited: over the limit of this person or key.
    """
    _count(request, "questions", asker, settings.QUESTIONS_PER_MINUTE)


def _count(request: HttpRequest, bucket: str, asker: Asker, per_minute: int) -> None:
    try:
        state = check_rate(bucket, subject_of(asker), per_minute=per_minute)
    except RateLimited as problem:
        wait_s = problem.retry_after_s or 1
        remember_rate(request, RateState(limit=per_minute, remaining=0, reset_s=wait_s))
        raise
    remember_rate(request, state)


def remember_rate(request: HttpRequest, state: RateState) -> None:
    """Let the middleware send ``state`` with the response, or a tighter one."""
    known = getattr(request, "rate_state", state)
    request.rate_state = min(known, state, key=lambda one: one.remaining)  # type: ignore[attr-defined]  # read by rag_site.middleware


def names_a_key(request: HttpRequest) -> bool:
    """Whether the request is judged by its Authorization header.

    A name and password of HTTP Basic are those of a proxy in front of the site, which
    browsers then send with every request.
    """
    header = request.headers.get("Authorization", "Basic")
    return header.partition(" ")[0].lower() != "basic"


def _of_key(request: HttpRequest) -> Asker | None:
    if not names_a_key(request):
        return None
    header = request.headers["Authorization"]
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret.startswith(f"{keys.LABEL}_"):
        raise NotSignedIn(
            "Send the API key as `Authorization: Bearer plb_...`, or sign in."
        )
    try:
        return keys.asker_of_key(secret.strip())
    except NotSignedIn:
        sender = counted_by(current_address())
        check_rate("wrong-keys", sender, per_minute=WRONG_KEYS_PER_MINUTE)
        raise


def _of_session(request: HttpRequest) -> Asker:
    if not request.user.is_authenticated:
        raise NotSignedIn
    _check_origin(request)
    return Asker(user_id=request.user.pk)


def _check_origin(request: HttpRequest) -> None:
    """Check CSRF where Django's middleware did not, such as in exempt API views."""
    if getattr(request, "csrf_processing_done", False):
        return
    check = CsrfViewMiddleware(_no_view)
    check.process_request(request)
    if check.process_view(request, _no_view, (), {}) is not None:
        raise CsrfFailed


def _no_view(request: HttpRequest) -> HttpResponse:
    """Stand in for a view without exemption from CSRF."""
    return HttpResponse()
