"""The REST interface: routers of the apps, their errors in one shape, one document."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.parser import Parser

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
    urls_namespace="api",
    openapi_url="/openapi.json",
    docs_url=None,
    parser=StrictParser(),
)
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
def docs(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")
