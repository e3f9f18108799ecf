"""Show the passages that a question finds, as one person sees them."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingestion.shell import owner_named
from ingestion.types import as_shown
from ingestion.visibility import Visible, collections_visible_to, visible_to
from rag_site.asking import Asker
from rag_site.errors import NotFound, RagError
from retrieval.filters import FilterInvalid, parse
from retrieval.search import search
from retrieval.types import Hit, RetrievalConfig, SearchResult

_MAX_K = 1000


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "question",
            metavar="QUESTION",
            help="may hold file:, type:, tag:, lang:, after: and before:",
        )
        parser.add_argument("--collection", metavar="NAME", help="only in this one")
        parser.add_argument(
            "--user",
            metavar="USER",
            help="whose rights apply (the first administrator's)",
        )
        parser.add_argument("-k", type=int, default=8, metavar="N", help="hits (8)")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            question, filters = parse(options["question"])
        except FilterInvalid as exc:
            raise CommandError(exc.message, returncode=2) from exc
        if not question.strip():
            raise CommandError("Ask something: the question is empty.", returncode=2)
        if not 1 <= options["k"] <= _MAX_K:
            raise CommandError(f"-k must be from 1 to {_MAX_K}.", returncode=2)
        config = RetrievalConfig.from_settings(k=options["k"])
        try:
            visible = _reach(owner_named(options["user"]), options["collection"])
            result = search(question, visible, config, filters=(filters,))
        except NotFound as exc:
            raise CommandError(exc.message, returncode=2) from exc
        except RagError as exc:
            raise CommandError(exc.message) from exc
        self.stdout.write(_as_json(result) if options["json"] else _as_text(result))


def _reach(asker: Asker, collection: str | None) -> Visible:
    """Return what to search. Raises NotFound for a collection out of sight."""
    if collection is None:
        return visible_to(asker)
    rows = collections_visible_to(asker).filter(name=collection)
    found = frozenset(rows.values_list("pk", flat=True))
    if not found:
        raise NotFound(f"This person sees no collection named {collection!r}.")
    return visible_to(asker, found)


def _as_json(result: SearchResult) -> str:
    return json.dumps({"hits": [_row(hit) for hit in result.hits]}, indent=2)


def _row(hit: Hit) -> dict[str, Any]:
    return {
        "document": hit.document,
        "page": hit.page,
        "quote": as_shown(hit.text),
        "score": round(hit.score, 4),
        "dense_rank": hit.dense_rank,
        "lexical_rank": hit.lexical_rank,
    }


def _as_text(result: SearchResult) -> str:
    """Return a line of place and score for each hit, and the beginning of its words."""
    searched = f"{result.documents} documents in {result.collections} collections"
    if not result.hits:
        return f"Nothing found in {searched}."
    lines = [f"{len(result.hits)} passages of {searched}:"]
    for number, hit in enumerate(result.hits, 1):
        quote = textwrap.shorten(hit.text, 300, placeholder=" …")
        lines.append(f"{number}. {hit.document}, page {hit.page} ({hit.score:.2f})")
        lines.append(textwrap.indent(textwrap.fill(quote, 84), "   "))
    return "\n".join(lines)
