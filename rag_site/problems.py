"""Every refusal and failure in the site's one shape: JSON, page or htmx fragment."""

from __future__ import annotations

import logging
import sys
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException, UnreadablePostError
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.http import escape_leading_slashes
from django.utils.safestring import SafeString
from ninja.errors import HttpError
from ninja.errors import ValidationError as NinjaValidationError
from redis import RedisError

from rag_site.errors import (
    Forbidden,
    InvalidInput,
    NotFound,
    NotSignedIn,
    RagError,
    TooLarge,
    Unavailable,
    ValidationFailed,
)
from rag_site.logs import current_reference

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5
_TITLES = {
    400: "This request could not be understood",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "This clashes with something",
    413: "Too large",
    415: "This type of file cannot be read",
    422: "Please check what you sent",
    429: "Too many requests",
    503: "Not available right now",
    507: "The disk is full",
}


class DatabaseAway(Unavailable):
    """The database is not answering. Nothing is lost; try again in a moment."""

    code = "database_unavailable"


class QueueAway(Unavailable):
    """The queue is not answering. Nothing is lost; try again in a moment."""

    code = "queue_unavailable"


class MethodNotAllowed(InvalidInput):
    """This address does not take this method."""

    code = "method_not_allowed"
    http_status = 405


def translate(exc: BaseException) -> RagError:
    """Return what to tell the person; an unknown failure becomes a plain RagError."""
    if isinstance(exc, RagError):
        return exc
    for kinds, make in _TRANSLATIONS:
        if isinstance(exc, kinds):
            problem: RagError = make(exc)
            return problem
    return RagError()


def response_to(request: HttpRequest, exc: Any) -> HttpResponse:
    """Return the response that tells ``exc``, and log what an operator must know."""
    problem = translate(exc)
    if problem.http_status >= 500:
        # An answer from the tree is expected and needs no traceback.
        logger.error(
            "%s %s failed: %s",
            request.method,
            request.path,
            problem.code,
            exc_info=exc if problem is not exc else None,
        )
    if _wants_json(request):
        response: HttpResponse = JsonResponse(
            body_of(problem), status=problem.http_status
        )
    else:
        response = _page(request, problem)
    for name, value in headers_of(problem).items():
        response[name] = value
    return response


def body_of(problem: RagError) -> dict[str, Any]:
    """Return the JSON of the API for ``problem``."""
    return {
        "error": {
            "code": problem.code,
            "message": problem.message,
            "detail": problem.detail,
            "reference": current_reference(),
        }
    }


def plain_page(problem: RagError) -> SafeString:
    """Return a page that needs no template and no database."""
    return format_html(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>{}</title>'
        '<h1>{}</h1><p>{}</p><p>Reference: {}</p><p><a href="/">Back to the start</a></p>',
        _title(problem),
        _title(problem),
        problem.message,
        current_reference(),
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return response_to(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return response_to(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return response_to(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for what was raised outside of a view, such as in a middleware."""
    return response_to(request, sys.exc_info()[1] or RagError())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    from rag_site.credentials import CsrfFailed

    return response_to(request, CsrfFailed())


def _of_validation(exc: Any) -> RagError:
    """Name the first field in the message and all of them in the detail.

    pydantic's ``input`` is left out: it may hold a secret or a whole document.
    """
    fields = [
        {
            "field": ".".join(str(part) for part in error["loc"][1:] if part != "body"),
            "message": _words_of(error),
        }
        for error in exc.errors[:20]
    ]
    first = fields[0] if fields else {"field": "", "message": "is not valid"}
    return ValidationFailed(
        f"{first['field'] or 'The request'}: {first['message']}.".replace("..", "."),
        detail={"field": first["field"], "fields": fields},
    )


def _words_of(error: dict[str, Any]) -> str:
    """Return pydantic's words; the characters of our ``Text`` it would call items."""
    known = error.get("ctx", {})
    for name, words in (("min_length", "at least"), ("max_length", "at most")):
        if name in known and known.get("field_type") == "Value":
            return f"Text should have {words} {known[name]} characters"
    return str(error["msg"])


def _of_http_error(exc: Any) -> RagError:
    kinds: dict[int, type[RagError]] = {
        401: NotSignedIn,
        403: Forbidden,
        404: NotFound,
        405: MethodNotAllowed,
    }
    return kinds.get(exc.status_code, InvalidInput)()


def _too_many(what: str, limit: int) -> RagError:
    return TooLarge(
        f"These are too many {what} at once; the limit is {limit}. Send fewer.",
        detail={"limit": limit},
    )


def _of_internal_error(exc: Any) -> RagError:
    """A transaction that stood still for too long, as on a machine that slept, was ended."""
    is_ended = getattr(exc.__cause__, "sqlstate", "") in _ENDED
    return DatabaseAway() if is_ended else RagError()


# Postgres: idle_in_transaction_session_timeout, transaction_timeout.
_ENDED = ("25P03", "25P04")
# The bytes are those of MAX_TOTAL_HEADER_SIZE in django.http.multipartparser.
_UNREADABLE_FORM = (
    "The form could not be read. Check that its boundary is the one that Content-Type "
    "names, and that what precedes each file, its name included, is shorter than "
    "1,024 bytes."
)
_TRANSLATIONS: tuple[tuple[tuple[type[BaseException], ...], Any], ...] = (
    ((NinjaValidationError,), _of_validation),
    ((HttpError,), _of_http_error),
    ((Http404,), lambda _: NotFound()),
    ((PermissionDenied,), lambda _: Forbidden()),
    ((RequestDataTooBig,), lambda _: TooLarge()),
    ((TooManyFilesSent,), lambda _: _too_many("files", settings.MAX_FILES_PER_UPLOAD)),
    (
        (TooManyFieldsSent,),
        lambda _: _too_many("fields", settings.DATA_UPLOAD_MAX_NUMBER_FIELDS),
    ),
    ((MultiPartParserError,), lambda _: InvalidInput(_UNREADABLE_FORM)),
    (
        (
            SuspiciousOperation,
            BadRequest,
            RawPostDataException,
            UnreadablePostError,
        ),
        lambda _: InvalidInput(),
    ),
    ((OperationalError, InterfaceError), lambda _: DatabaseAway()),
    ((InternalError,), _of_internal_error),
    ((RedisError,), lambda _: QueueAway()),
)


def _wants_json(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/metrics")) or (
        request.headers.get("Accept", "").startswith("application/json")
    )


def _page(request: HttpRequest, problem: RagError) -> HttpResponse:
    """Return the page or, for htmx, the fragment; fall back to bare text.

    The template may need the database or be broken itself, and an error page
    that fails would hide the error.
    """
    is_fragment = getattr(request, "htmx", False)
    name = "rag_site/_error.html" if is_fragment else "rag_site/error.html"
    context = {
        "status": problem.http_status,
        "title": _title(problem),
        "message": problem.message,
        "code": problem.code,
        "detail": problem.detail,
        "reference": current_reference(),
        "retryable": problem.retryable,
        "again": page_of(request),
    }
    try:
        html = render_to_string(
            name, context, request=_without_database(request, problem)
        )
    except Exception:
        logger.warning("the error page could not be rendered", exc_info=True)
        html = plain_page(problem)
    return HttpResponse(html, status=problem.http_status)


def page_of(request: HttpRequest) -> str:
    """Return where to go on: for a form, where it stood and not where it was sent."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    came_from = urlsplit(request.headers.get("Referer", ""))
    try:
        is_own = came_from.netloc == request.get_host()
    except DisallowedHost:
        is_own = False
    if not is_own:
        return "/"
    place = came_from._replace(scheme="", netloc="", fragment="").geturl() or "/"
    return escape_leading_slashes(place)


def _without_database(request: HttpRequest, problem: RagError) -> HttpRequest:
    if isinstance(problem, DatabaseAway):
        from django.contrib.auth.models import AnonymousUser

        request.user = AnonymousUser()
    return request


def _title(problem: RagError) -> str:
    return _TITLES.get(problem.http_status, "Something went wrong")


def headers_of(problem: RagError) -> dict[str, str]:
    """Return what a response that tells ``problem`` says beside its body."""
    headers = {"Cache-Control": "no-store"}
    if problem.http_status in {429, 503}:
        headers["Retry-After"] = str(problem.retry_after_s or RETRY_AFTER_S)
    if isinstance(problem, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    return headers
