"""`manage.py evaluate PART DIR`, or `golden` and `golden-answers`: listed below."""

from __future__ import annotations

import json
import logging
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from rag_site.errors import NotFound, RagError
from rag_site.scratch import scratch_database


class Command(BaseCommand):
    help = (
        "Measure retrieval or answers on a judged data set, in a scratch database; or "
        "ask the golden questions of a collection."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="part", required=True)
        retrieval = parts.add_parser(
            "retrieval", help="rank documents: dense, lexical and hybrid"
        )
        answers = parts.add_parser("answers", help="answer questions with citations")
        citations = parts.add_parser(
            "citations", help="check right and planted wrong citations; asks no model"
        )
        for part in (retrieval, answers, citations):
            part.add_argument("directory", type=_folder, metavar="DIR")
            part.add_argument("--limit", type=_positive, metavar="N", help="questions")
            part.add_argument("--json", action="store_true", dest="as_json")
        answers.add_argument("--model", metavar="NAME", help="of the catalogue")
        _add_rows(answers)
        _add_claims(parts)
        _add_tables(parts)
        _add_guards(parts)
        _add_golden(parts)

    def handle(self, *args: Any, part: str, as_json: bool, **options: Any) -> None:
        # A line for each of thousands of searches would bury the progress bar.
        logging.getLogger("retrieval").setLevel(logging.WARNING)
        try:
            if part in _OF_THIS_SITE:
                report = _OF_THIS_SITE[part](options)
            elif part in _GUARDS:
                report = _GUARDS[part](options)
            else:
                with scratch_database():
                    report = _PARTS[part](options)
        except NotFound as exc:
            raise CommandError(exc.message, returncode=2) from exc
        except RagError as exc:
            raise CommandError(exc.message) from exc
        self.stdout.write(json.dumps(report, indent=None if as_json else 2))
        if report.get("violations"):
            raise CommandError(f"{report['violations']} of what must hold does not.")


def _rank_documents(options: dict[str, Any]) -> dict[str, Any]:
    from retrieval import evaluation

    with _bar("reading documents") as load, _bar("searching") as ask:
        return evaluation.run(
            options["directory"],
            limit=options["limit"],
            progress={"load": load, "search": ask},
        )


def _answer_questions(options: dict[str, Any]) -> dict[str, Any]:
    from generation.evaluating import answers

    with _bar("answering") as progress:
        report: dict[str, Any] = answers.run(
            options["directory"],
            limit=options["limit"],
            model=options["model"],
            rows=options["rows"],
            progress=progress,
        )
    return report


def _add_claims(parts: Any) -> None:
    part = parts.add_parser(
        "claims", help="ask whether right and wrong answers are true; fits the reading"
    )
    part.add_argument("directory", type=_folder, metavar="DIR")
    part.add_argument(
        "--skip",
        type=_positive,
        metavar="N",
        default=0,
        help="leave the first questions, to be judged by what is fitted to the others",
    )
    part.add_argument("--limit", type=_positive, metavar="N", help="questions")
    part.add_argument("--model", metavar="NAME", help="of the catalogue")
    part.add_argument("--fit", type=_new_file, metavar="FILE", help="to write it to")
    part.add_argument("--json", action="store_true", dest="as_json")
    _add_rows(part)


def _judge_claims(options: dict[str, Any]) -> dict[str, Any]:
    from generation.evaluating import claims

    skip, limit = options["skip"], options["limit"]
    with _bar("judging") as progress:
        return claims.run(
            options["directory"],
            among=slice(skip, limit and skip + limit),
            model=options["model"],
            rows=options["rows"],
            fit=options["fit"],
            progress=progress,
        )


def _add_tables(parts: Any) -> None:
    part = parts.add_parser("tables", help="ask the rows of tables; asks no model")
    part.add_argument("directory", type=_folder, metavar="DIR")
    part.add_argument("--split", metavar="NAME", help="of data/NAME.tsv")
    part.add_argument("--limit", type=_positive, metavar="N", help="questions")
    part.add_argument("--json", action="store_true", dest="as_json")


def _ask_tables(options: dict[str, Any]) -> dict[str, Any]:
    from generation.tables import evaluation

    split = options["split"] or evaluation.DEFAULT_SPLIT
    with _bar("asking") as progress:
        return evaluation.evaluate(
            options["directory"],
            split=split,
            limit=options["limit"],
            progress=progress,
        )


def _find_cells(options: dict[str, Any]) -> dict[str, Any]:
    from ingestion import cell_evaluation

    with _bar("reading tables") as progress:
        return cell_evaluation.run(
            options["directory"], limit=options["limit"], progress=progress
        )


def _add_guards(parts: Any) -> None:
    helps = {
        "pii": "find numbers and addresses of people in texts",
        "cells": "find the cells of tables on pages of PDFs",
        "injection": "ask over documents that give orders, with and without defence",
        "modes": "ask over right, missing, planted and disagreeing passages",
        "schemas": "ask for JSON by schemas, and validate it",
    }
    for name, text in helps.items():
        part = parts.add_parser(name, help=text)
        part.add_argument("directory", type=_folder, metavar="DIR")
        part.add_argument("--limit", type=_positive, metavar="N", help="of the texts")
        part.add_argument("--json", action="store_true", dest="as_json")
        if name not in ("pii", "cells"):
            part.add_argument("--model", metavar="NAME", help="of the catalogue")
        if name in ("injection", "modes"):
            _add_rows(part)


def _add_rows(part: CommandParser) -> None:
    part.add_argument(
        "--rows",
        type=Path,
        metavar="FILE",
        help="keep each answer as a JSON line, and go on where FILE ends",
    )


def _find_items(options: dict[str, Any]) -> dict[str, Any]:
    from ingestion.masking import evaluation

    return evaluation.run(options["directory"], limit=options["limit"])


def _check_citations(options: dict[str, Any]) -> dict[str, Any]:
    from generation.evaluating import planted

    cases = planted.build(options["directory"], limit=options["limit"])
    dataset = options["directory"].resolve().name
    return {"dataset": dataset, **planted.measure(cases)}


def _obey_documents(options: dict[str, Any]) -> dict[str, Any]:
    from generation.evaluating import injection

    return _with_model(partial(injection.run, rows=options["rows"]), options)


def _ask_by_mode(options: dict[str, Any]) -> dict[str, Any]:
    from generation.evaluating import modes

    return _with_model(partial(modes.run, rows=options["rows"]), options)


def _fill_forms(options: dict[str, Any]) -> dict[str, Any]:
    from generation.evaluating import schemas

    return _with_model(schemas.run, options)


def _with_model(
    run: Callable[..., dict[str, Any]], options: dict[str, Any]
) -> dict[str, Any]:
    with _bar("answering") as progress:
        return run(
            options["directory"],
            limit=options["limit"],
            model=options["model"],
            progress=progress,
        )


def _add_golden(parts: Any) -> None:
    golden = parts.add_parser(
        "golden", help="ask the golden questions of a collection, of this site"
    )
    answers = parts.add_parser(
        "golden-answers", help="answer them, where they have a golden answer"
    )
    for part in (golden, answers):
        part.add_argument("--collection", metavar="NAME", required=True)
        part.add_argument(
            "--user",
            metavar="USER",
            help="whose rights apply (the first administrator's)",
        )
        part.add_argument("--json", action="store_true", dest="as_json")
    golden.add_argument(
        "--method", choices=("hybrid", "dense", "lexical"), default="hybrid"
    )
    files = golden.add_mutually_exclusive_group()
    files.add_argument(
        "--export", type=Path, metavar="FILE", help="write the set as JSON lines"
    )
    files.add_argument(
        "--import",
        type=_file,
        metavar="FILE",
        dest="import_from",
        help="add the lines of FILE to the set",
    )


def _ask_golden(options: dict[str, Any]) -> dict[str, Any]:
    from retrieval import golden_reports

    if options["export"]:
        try:
            return golden_reports.write(options, options["export"])
        except OSError as exc:
            text = f"{options['export']} cannot be written: {exc.strerror}."
            raise CommandError(text) from exc
    if options["import_from"]:
        return golden_reports.read(options, options["import_from"])
    return golden_reports.run(options)


def _answer_golden(options: dict[str, Any]) -> dict[str, Any]:
    from generation.curating import golden_answer_reports

    with _bar("answering") as progress:
        return golden_answer_reports.run(options, progress)


_PARTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "retrieval": _rank_documents,
    "answers": _answer_questions,
}
# These ask this site's own collections.
_OF_THIS_SITE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "golden": _ask_golden,
    "golden-answers": _answer_golden,
}
# These need no database.
_GUARDS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "pii": _find_items,
    "cells": _find_cells,
    "citations": _check_citations,
    "tables": _ask_tables,
    "claims": _judge_claims,
    "injection": _obey_documents,
    "modes": _ask_by_mode,
    "schemas": _fill_forms,
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


def _file(value: str) -> Path:
    path = Path(value)
    if not path.is_file():
        raise ArgumentTypeError(f"{value} is not a file")
    return path


def _new_file(value: str) -> Path:
    """Return the path of a file that can be made, known before hours of work."""
    path = Path(value)
    try:
        path.touch()
    except OSError as exc:
        raise ArgumentTypeError(f"{value} cannot be written: {exc.strerror}") from exc
    return path


def _positive(value: str) -> int:
    if not value.isdecimal() or int(value) == 0:
        raise ArgumentTypeError(f"{value} is not a whole number above 0")
    return int(value)
