"""Make an answer again: `manage.py replay ANSWER_ID [ANSWER_ID...] --json`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from generation.replay import answer_of, model_name_of, replay
from generation.serving import model_server
from rag_site.errors import RagError


class Command(BaseCommand):
    help = "Make stored answers again from the same weights, and compare the text."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("answers", nargs="+", type=UUID, metavar="ANSWER_ID")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(
        self, *_args: Any, answers: list[UUID], as_json: bool, **_options: Any
    ) -> None:
        try:
            rows = [self._replay(pk, as_json=as_json) for pk in answers]
        except RagError as exc:
            raise CommandError(exc.message) from exc
        if as_json:
            same = sum(row["same"] for row in rows)
            report = {"answers": rows, "same": same, "different": len(rows) - same}
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        if not all(row["same"] for row in rows):
            raise CommandError("Not every answer came out the same.")

    def _replay(self, pk: UUID, *, as_json: bool) -> dict[str, Any]:
        with model_server(model_name_of(answer_of(pk))) as model:
            found = replay(pk, model)
        row = {**asdict(found), "answer_id": str(pk), "same": found.is_same}
        if not as_json:
            self.stdout.write(f"{pk}: {_told(row)}")
        return row


def _told(row: dict[str, Any]) -> str:
    if row["same"] and row["shortfall"] is None:
        return "the same text"
    if row["same"]:
        return f"the same text, but for rounding of {row['shortfall']:.2f} at most"
    parts = {
        "is_same_prompt": "prompt",
        "is_same_model": "model",
        "is_same_text": "text",
    }
    changed = [words for name, words in parts.items() if not row[name]]
    return f"another {' and another '.join(changed)} than then"
