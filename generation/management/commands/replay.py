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
        rows = [self._replay(pk, as_json=as_json) for pk in answers]
        same = sum(row["same"] for row in rows)
        failed = sum("error" in row for row in rows)
        if as_json:
            different = len(rows) - same - failed
            counts = {"same": same, "different": different, "failed": failed}
            report = {"answers": rows, **counts}
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        if same < len(rows):
            raise CommandError(f"{same} of {len(rows)} answers came out the same.")

    def _replay(self, pk: UUID, *, as_json: bool) -> dict[str, Any]:
        """Return what came of one; what cannot be made again does not end the rest."""
        row: dict[str, Any] = {"answer_id": str(pk)}
        try:
            with model_server(model_name_of(answer_of(pk))) as model:
                found = replay(pk, model)
        except RagError as exc:
            row |= {"same": False, "error": {"code": exc.code, "message": exc.message}}
        else:
            row = {**asdict(found), **row, "same": found.is_same}
        if not as_json:
            self.stdout.write(f"{pk}: {_told(row)}")
        return row


def _told(row: dict[str, Any]) -> str:
    if "error" in row:
        return str(row["error"]["message"])
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
