"""Ask a question from the shell: `manage.py ask "How ...?" --collection NAME --json`."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from generation import running, services
from generation.llm import HttpLanguageModel
from generation.models import Answer
from generation.parts import using
from generation.selectors import citations_of, conflict_of, form_of, sources_of
from generation.services import schema_of
from generation.serving import model_server
from generation.showing import conflict_words
from generation.structured import checked_schema
from generation.types import Conflict
from ingestion.embedding import Embedder, http_embedder
from ingestion.shell import any_collection, owner_named
from ingestion.spaces import live_model_name
from ingestion.visibility import collections_visible_to
from rag_site.asking import Asker
from rag_site.errors import InvalidInput, NotFound, RagError


class Command(BaseCommand):
    help = "Ask a question and print the answer with its sources."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("question", metavar="QUESTION")
        parser.add_argument("--collection", metavar="NAME")
        parser.add_argument("--user", metavar="USER", help="whose rights apply")
        parser.add_argument(
            "--schema", type=_schema, metavar="FILE", help="JSON Schema of the answer"
        )
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            if options["schema"] is not None:
                checked_schema(options["schema"])
            asker, collections = _reach(options["user"], options["collection"])
            with transaction.atomic():
                row = services.ask(
                    asker,
                    question=options["question"],
                    collections=collections,
                    via="shell",
                )
                services.hold_to(row, options["schema"])
            with model_server(embeds=True) as model, using(model, embedder=_of(model)):
                answer = asyncio.run(self._follow(row, asker, options["as_json"]))
        except (InvalidInput, NotFound) as exc:
            raise CommandError(exc.message, returncode=2) from exc
        except RagError as exc:
            raise CommandError(exc.message) from exc
        if answer.state != Answer.State.DONE:
            raise CommandError(answer.failure_message or "The answer was stopped.")
        if options["as_json"]:
            self.stdout.write(json.dumps(report(answer, asker), ensure_ascii=False))
        else:
            self._write_sources(answer, asker)

    async def _follow(self, row: Answer, asker: Asker, quiet: bool) -> Answer:
        """Show the answer as it is written, and return it when it ends."""
        running.start(row.pk, asker)
        async for _, kind, data in running.events(row.pk, asker):
            if kind == "token" and not quiet:
                self.stdout.write(data["text"], ending="")
                self.stdout.flush()
            elif kind == "notice":
                self.stderr.write(data["message"])
        return await running.run_to_end(row.pk, asker)

    def _write_sources(self, answer: Answer, asker: Asker) -> None:
        if answer.is_refused:
            self.stdout.write(f"{answer.text} The closest passages:")
        sources = sources_of(answer, asker)
        conflict = conflict_of(answer, sources)
        if conflict is not None:
            self.stdout.write(f"\n{conflict_words(conflict)}")
        for source in sources:
            self.stdout.write(f"\n[{source.n}] {source.document}, page {source.page}")
            self.stdout.write(f"    {' '.join(source.quote.split())[:200]}")


def _schema(value: str) -> dict[str, Any]:
    try:
        schema = json.loads(Path(value).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ArgumentTypeError(f"{value} cannot be read as JSON") from exc
    if not isinstance(schema, dict):
        raise ArgumentTypeError(f"{value} must hold a JSON object")
    return schema


def _of(model: HttpLanguageModel) -> Embedder:
    """Return the embedder of the model's own server: it has torch loaded already."""
    return http_embedder(model.url, model.key, live_model_name())


def _reach(user: str | None, collection: str | None) -> tuple[Asker, list[UUID] | None]:
    """Return who asks and of what.

    Without ``user`` a named collection is asked as its owner: whoever has a
    shell on the server can read its database anyway.
    """
    if user is None and collection is not None:
        found = any_collection(collection)
        return Asker(user_id=found.owner_id, via="shell"), [found.pk]
    asker = owner_named(user)
    if collection is None:
        return asker, None
    rows = list(collections_visible_to(asker).filter(name=collection))
    if not rows:
        raise NotFound(f"There is no collection named {collection!r} for {user}.")
    return asker, [row.pk for row in rows]


def report(answer: Answer, asker: Asker) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    sources = sources_of(answer, asker)
    conflict = conflict_of(answer, sources)
    return {
        "answer": answer.text,
        **({} if schema_of(answer) is None else {"data": form_of(answer)}),
        "refused": answer.is_refused,
        "sources": [
            {"n": s.n, "document": s.document, "page": s.page, "quote": s.quote}
            for s in sources
        ],
        "citations": [
            {
                "sentence": c.sentence,
                "sources": list(c.sources),
                "supported": c.verdict == "supported",
            }
            for c in citations_of(answer, sources)
        ],
        **({"conflict": _statements(conflict)} if conflict else {}),
        "timings": answer.timings,
        "model": answer.model_name,
    }


def _statements(conflict: Conflict) -> list[dict[str, Any]]:
    return [{"n": s.n, "page": s.page, "quote": s.quote} for s in conflict.statements]
