"""The REST interface: routers of the apps, their errors in one shape, one document."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver
from django.views.decorators.http import require_GET
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.parser import Parser

from rag_site import path_ids  # noqa: F401 - the routes name its converter
from rag_site.openapi import document_of, entries_of
from rag_site.problems import response_to


class StrictParser(Parser):
    """JSON as the standard has it: no NaN, no key twice, no bottomless nesting."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        try:
            body = json.loads(
                request.body, parse_constant=_refuse, object_pairs_hook=_once
            )
        except (ValueError, RecursionError) as exc:
            raise HttpError(400, "The body is not valid JSON.") from exc
        return body  # type: ignore[no-any-return]  # ninja validates the shape


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


api = NinjaAPI(
    title="Plumbline",
    version="1.0.0",
    description=(
        "Collections, documents, search and cited answers. Every failure is "
        "`{error: {code, message, detail, reference}}`."
    ),
    urls_namespace="api",
    openapi_url=None,
    docs_url=None,
    parser=StrictParser(),
)
for router in (
    "ingestion.api.router",
    "ingestion.api_documents.router",
    "ingestion.api_contents.router",
    "ingestion.api_fetch.router",
    "ingestion.api_sharing.router",
    "ingestion.api_tags.router",
    "retrieval.api.router",
    "generation.api.router",
):
    api.add_router("", router)
# One handler for all: ninja would otherwise answer its own errors in its own shape.
for kind in [*api._exception_handlers, Exception]:
    api.add_exception_handler(kind, response_to)


def _open(patterns: list[URLPattern | URLResolver]) -> None:
    """Let requests reach the API, which answers 401 itself instead of redirecting."""
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            login_not_required(pattern.callback)


urls = api.urls
_open(urls[0])


@login_not_required
@require_GET
def openapi(request: HttpRequest) -> HttpResponse:
    """Return the document; it holds nothing that is not in the source code."""
    return JsonResponse(document_of(api))


@login_not_required
@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    """Show the document as a page: the usual viewers need inline scripts and styles."""
    document = document_of(api)
    return render(
        request,
        "rag_site/api_docs.html",
        {"info": document["info"], "groups": entries_of(document)},
    )
