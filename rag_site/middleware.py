from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]


def reference(get_response: GetResponse) -> GetResponse:
    return get_response


def errors(get_response: GetResponse) -> GetResponse:
    return get_response
