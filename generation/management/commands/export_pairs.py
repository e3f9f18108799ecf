"""Approved pairs as JSON lines: `manage.py export_pairs --collection NAME > pairs.jsonl`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation.curating import pairs
from rag_site.errors import RagError
from retrieval.golden_reports import reach


class Command(BaseCommand):
    help = "Write approved questions and answers of a collection, to tune a model with."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--collection", metavar="NAME", required=True)
        parser.add_argument(
            "--user",
            metavar="USER",
            help="whose rights apply (the first administrator's)",
        )
        parser.add_argument("--limit", type=int, metavar="N", help="newest answers")
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="instead of standard output"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit must be 1 or more.", returncode=2)
        try:
            asker, collection = reach(options)
            found = pairs.exported(asker, collection, limit=options["limit"])
            lines = [json.dumps(pair, ensure_ascii=False) for pair in found]
        except RagError as exc:
            raise CommandError(exc.message, returncode=2) from exc
        if options["output"] is None:
            for line in lines:
                self.stdout.write(line)
        else:
            _write(options["output"], lines)
        self.stderr.write(f"{len(lines)} pairs")


def _write(path: Path, lines: list[str]) -> None:
    try:
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as exc:
        raise CommandError(f"{path} cannot be written: {exc.strerror}.") from exc
