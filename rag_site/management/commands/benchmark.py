"""`manage.py benchmark ingestion|retrieval|generation`: figures beside their baselines."""

from __future__ import annotations

import json
import logging
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rag_site.benchmarks import Result, line, machine
from rag_site.errors import RagError
from rag_site.scratch import scratch_database

# Sizes that can be chosen, by benchmark; each module has its own defaults.
_SIZES = {
    "ingestion": {
        "documents": "documents of ten pages to compare on",
        "small": "small files to read",
        "pages": "pages of the long PDF",
    },
    "retrieval": {"chunks": "chunks in the library", "questions": "questions"},
    "generation": {
        "questions": "questions",
        "model": "a name of the catalogue; without it the 0.5B, or the site's",
        "pages": "pages of the PDF that is read meanwhile",
        "data": "folder of questions with paragraphs, as of `evaluate answers`",
    },
}
_TEXTS = {"model", "data"}
# In the order in which they run and report.
_MODULES = {
    "ingestion": ("ingestion.benchmarking",),
    "retrieval": ("retrieval.benchmarking",),
    "generation": ("generation.benchmarking.stages", "rag_site.chat_first"),
}


class Command(BaseCommand):
    help = "Measure a stage side by side with its baseline, in a scratch database."

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="part", required=True, metavar="STAGE")
        for name, sizes in _SIZES.items():
            part = parts.add_parser(name)
            part.add_argument("--json", action="store_true", dest="as_json")
            for size, meaning in sizes.items():
                kind = str if size in _TEXTS else _positive
                part.add_argument(f"--{size}", type=kind, help=meaning)

    def handle(self, *args: Any, part: str, as_json: bool, **options: Any) -> None:
        logging.getLogger().setLevel(logging.WARNING)
        measures = [import_module(name).run for name in _MODULES[part]]
        chosen = {size: options.get(size) for size in _SIZES[part]}
        try:
            with scratch_database():
                results = []
                for measure in measures:
                    with _bar(part) as progress:
                        listening = {"progress": progress, "tell": _told}
                        results += measure({**chosen, **listening})
        except RagError as exc:
            raise CommandError(exc.message) from exc
        report = {
            "benchmark": part,
            "machine": machine(),
            "results": [asdict(result) for result in results],
        }
        text = json.dumps(report, indent=2) if as_json else _table(results)
        self.stdout.write(text)


def _told(text: str) -> None:
    """Show a figure as soon as it is there: a long run that breaks off has said some."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _positive(raw: str) -> int:
    if not raw.isdecimal() or int(raw) < 1:
        raise ArgumentTypeError(f"{raw} is no number of things: use 1 or more")
    return int(raw)


def _table(results: Sequence[Result]) -> str:
    return "\n".join(line(result) for result in results)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function to call with steps done and in all; it draws on stderr."""
    from tqdm import tqdm

    with tqdm(desc=title, file=sys.stderr, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
