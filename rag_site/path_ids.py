"""Ids in the addresses of the API, `{id:pk}` (a leaf)."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import UUIDConverter


class AnyCase(UUIDConverter):
    """A UUID in either case.

    Clients that hold ids as UUIDs write them as their language does, Swift and some of
    Windows in capitals; Django takes small letters only.
    """

    regex = UUIDConverter.regex.replace("a-f", "a-fA-F")


register_converter(AnyCase, "id")
