"""`manage.py evaluate retrieval|answers DIR`: quality on judged data, as JSON."""

from __future__ import annotations

import json
import logging
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from rag_site.errors import RagError
from rag_site.scratch import scratch_database


class Command(BaseCommand):
    help = "Measure retrieval or answers on a judged data set, in a scratch database."

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="part", required=True)
        retrieval = parts.add_parser(
            "retrieval", help="rank documents: dense, lexical and hybrid"
        )
        answers = parts.add_parser("answers", help="answer questions with citations")
        for part in (retrieval, answers):
            part.add_argument("directory", type=_folder, metavar="DIR")
            part.add_argument("--limit", type=_positive, metavar="N", help="questions")
            part.add_argument("--json", action="store_true", dest="as_json")
        answers.add_argument("--model", metavar="NAME", help="of the catalogue")

    def handle(self, *args: Any, part: str, as_json: bool, **options: Any) -> None:
        # A line for each of thousands of searches would bury the progress bar.
        logging.getLogger("retrieval").setLevel(logging.WARNING)
        try:
            with scratch_database():
                report = _PARTS[part](options)
        except RagError as exc:
            raise CommandError(exc.message) from exc
        self.stdout.write(json.dumps(report, indent=None if as_json else 2))


def _rank_documents(options: dict[str, Any]) -> dict[str, Any]:
    from retrieval import evaluation

    with _bar("reading documents") as load, _bar("searching") as ask:
        return evaluation.run(
            options["directory"],
            limit=options["limit"],
            progress={"load": load, "search": ask},
        )


def _answer_questions(options: dict[str, Any]) -> dict[str, Any]:
    from generation import evaluation

    with _bar("answering") as progress:
        report: dict[str, Any] = evaluation.run(
            options["directory"],
            limit=options["limit"],
            model=options["model"],
            progress=progress,
        )
    return report


_PARTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "retrieval": _rank_documents,
    "answers": _answer_questions,
}


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function to call with steps done and in all; it draws on stderr."""
    bars: list[Any] = []

    def progress(done: int, total: int) -> None:
        if not bars:
            bars.append(
                tqdm(desc=title, total=total, file=sys.stderr, mininterval=_every_s())
            )
        bars[0].update(done - bars[0].n)

    try:
        yield progress
    finally:
        for bar in bars:
            bar.close()


def _every_s() -> float:
    """Return seconds between two drawings: in a log file each is a line."""
    return 0.2 if sys.stderr.isatty() else 20.0


def _folder(value: str) -> Path:
    path = Path(value)
    if not path.is_dir():
        raise ArgumentTypeError(f"{value} is not a folder")
    return path


def _positive(value: str) -> int:
    if not value.isdecimal() or int(value) == 0:
        raise ArgumentTypeError(f"{value} is not a whole number above 0")
    return int(value)
