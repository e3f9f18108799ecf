"""Middleware, all of it async-capable: a sync one would take a thread a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
)
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from whitenoise.middleware import WhiteNoiseMiddleware

from rag_site.addresses import addressed, client_address
from rag_site.logs import new_reference, referenced
from rag_site.problems import RETRY_AFTER_S, MethodNotAllowed, response_to

GetResponse = Callable[[HttpRequest], Any]


@sync_and_async_middleware
def reference(get_response: GetResponse) -> Callable[[HttpRequest], Any]:
    """Give each request an id for logs and people, and note where it comes from."""
    if iscoroutinefunction(get_response):

        async def awaiting(request: HttpRequest) -> HttpResponseBase:
            with referenced(new_reference()) as ref, addressed(address_of(request)):
                response: HttpResponseBase = await get_response(request)
                return _finished(request, response, ref)

        return awaiting

    def blocking(request: HttpRequest) -> HttpResponseBase:
        with referenced(new_reference()) as ref, addressed(address_of(request)):
            return _finished(request, get_response(request), ref)

    return blocking


@sync_and_async_middleware
def static_files(get_response: GetResponse) -> Callable[[HttpRequest], Any]:
    """Serve collected static files by WhiteNoise, whose own middleware is sync."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    shelf = WhiteNoiseMiddleware(lambda _: None)

    def found(request: HttpRequest) -> HttpResponse | None:
        response: HttpResponse | None = shelf(request)
        return _in_memory(response) if isinstance(response, FileResponse) else response

    if iscoroutinefunction(get_response):

        async def awaiting(request: HttpRequest) -> HttpResponseBase:
            if request.path_info.startswith(settings.STATIC_URL):
                response = await sync_to_async(found, thread_sensitive=False)(request)
                if response is not None:
                    return response
            answer: HttpResponseBase = await get_response(request)
            return answer

        return awaiting

    def blocking(request: HttpRequest) -> HttpResponseBase:
        answer: HttpResponseBase = found(request) or get_response(request)
        return answer

    return blocking


@sync_and_async_middleware
def errors(get_response: GetResponse) -> Callable[[HttpRequest], Any]:
    """Turn what a view raises into the site's shape.

    Django wraps the handler below every middleware, so only ``process_exception``
    ever sees the exception itself.
    """
    handler: Any
    if iscoroutinefunction(get_response):

        async def awaiting(request: HttpRequest) -> HttpResponseBase:
            return _in_shape(request, await get_response(request))

        handler = awaiting
    else:

        def blocking(request: HttpRequest) -> HttpResponseBase:
            return _in_shape(request, get_response(request))

        handler = blocking
    handler.process_exception = response_to
    return cast("Callable[[HttpRequest], Any]", handler)


def _in_shape(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Replace Django's bare answer to a wrong method."""
    if not isinstance(response, HttpResponseNotAllowed):
        return response
    shaped = response_to(request, MethodNotAllowed())
    shaped["Allow"] = response["Allow"]
    return shaped


def address_of(request: HttpRequest) -> str:
    """Return where a request comes from, behind the proxies that are trusted."""
    return client_address(
        request.META.get("REMOTE_ADDR") or "",
        request.headers.get("X-Forwarded-For", ""),
        settings.TRUSTED_PROXIES,
    )


def _finished(
    request: HttpRequest, response: HttpResponseBase, ref: str
) -> HttpResponseBase:
    response["X-Reference"] = ref
    rate = getattr(request, "rate_state", None)
    if rate is not None:
        for name, value in rate.headers().items():
            response[name] = value
    if response.status_code in {429, 503}:
        response.headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    if not response.has_header("Cache-Control") and not request.path.startswith(
        settings.STATIC_URL
    ):
        # What is shown depends on rights that may be withdrawn at any time.
        response["Cache-Control"] = "no-store"
    return response


def _in_memory(response: FileResponse) -> HttpResponse:
    """Read the file at once: under ASGI a sync stream is gathered anyway, with a warning."""
    whole = HttpResponse(
        b"".join(response), status=response.status_code, headers=dict(response.items())
    )
    response.close()
    return whole
