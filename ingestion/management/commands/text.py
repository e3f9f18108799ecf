"""Show the text of documents as it was extracted, one JSON line a page."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import F

from ingestion.models import Collection, Page
from ingestion.shell import any_collection
from rag_site.errors import NotFound


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="documents")
        parser.add_argument("--collection", required=True, metavar="NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            collection = any_collection(options["collection"])
            _check(collection, options["names"])
        except NotFound as exc:
            raise CommandError(exc.message, returncode=2) from exc
        for line in _lines(collection, options["names"]):
            self.stdout.write(json.dumps(line, ensure_ascii=False))


def _check(collection: Collection, names: list[str]) -> None:
    """Raises NotFound for a document that is not there."""
    known = set(collection.documents.values_list("name", flat=True))
    for name in names:
        if name not in known:
            raise NotFound(f"{collection.name} holds no document named {name!r}.")


def _lines(collection: Collection, names: list[str]) -> Iterator[dict[str, object]]:
    pages = Page.objects.filter(
        version__document__collection=collection,
        version__document__current_version=F("version"),
    )
    if names:
        pages = pages.filter(version__document__name__in=names)
    rows = pages.order_by("version__document__name", "version", "number").values_list(
        "version__document__name", "number", "text"
    )
    for name, number, text in rows.iterator():
        yield {"document": name, "page": number, "text": text}
