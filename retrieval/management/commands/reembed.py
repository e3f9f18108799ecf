"""Change the embedding model while the site goes on.

`reembed --model NAME` builds the vectors of NAME beside those in use; a worker of
the site goes on with it, or with `--wait` this command. When all are there and test
questions find their passages, searches change over at once. `reembed` alone shows
how far it is, `--rollback` goes back, `--drop-retired` ends it.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ingestion import reembedding
from ingestion.errors import SpaceBusy
from ingestion.models import EmbeddingSpace
from rag_site.errors import InvalidInput, RagError
from retrieval.space_checks import recall

_POLL_S = 1.0
Step = EmbeddingSpace.Step


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        deeds = parser.add_mutually_exclusive_group()
        deeds.add_argument("--model", metavar="NAME", help="a name of `models list`")
        deeds.add_argument(
            "--rollback", action="store_true", help="go back to the model before"
        )
        deeds.add_argument(
            "--accept",
            action="store_true",
            help="go on although the test questions find less",
        )
        deeds.add_argument("--cancel", action="store_true", help="stop the building")
        deeds.add_argument(
            "--drop-retired", action="store_true", help="free what is not in use"
        )
        parser.add_argument(
            "--wait", action="store_true", help="do it here, until it is done"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        try:
            _begin(options)
            if options["wait"]:
                logging.getLogger().setLevel(logging.WARNING)
                _finish()
        except InvalidInput as exc:
            raise CommandError(exc.message, returncode=2) from exc
        except RagError as exc:
            raise CommandError(exc.message) from exc
        spaces = list(EmbeddingSpace.objects.order_by("pk"))
        seconds = round(time.monotonic() - started, 1)
        report = {"spaces": [_row(space) for space in spaces], "seconds": seconds}
        self.stdout.write(
            json.dumps(report, indent=2) if options["json"] else _table(spaces)
        )
        if any(space.step == Step.STOPPED and space.problem for space in spaces):
            sys.exit(1)


def _begin(options: dict[str, Any]) -> None:
    if options["model"]:
        reembedding.start(options["model"])
    elif options["rollback"]:
        reembedding.roll_back()
    elif options["cancel"]:
        reembedding.cancel()
    elif options["drop_retired"]:
        reembedding.drop_retired()
    elif options["accept"]:
        space = reembedding.building_space()
        if space is None:
            raise InvalidInput("Nothing is being built.")
        reembedding.start(space.model_name, is_forced=True)


def _finish() -> None:
    """Do the work, or follow the process that does."""
    with _bar() as progress:
        watch = reembedding.Watch(progress=progress)
        while (space := reembedding.building_space()) and space.step != Step.STOPPED:
            try:
                reembedding.work(recall, watch)
            except SpaceBusy:
                progress(space)
                time.sleep(_POLL_S)


@contextmanager
def _bar() -> Iterator[Any]:
    from tqdm import tqdm

    with tqdm(unit=" passages", file=sys.stderr, disable=None) as bar:

        def progress(space: EmbeddingSpace) -> None:
            bar.set_description(f"{space.model_name}: {space.get_step_display()}")
            bar.total = space.total
            bar.n = space.done
            bar.refresh()

        yield progress


def _row(space: EmbeddingSpace) -> dict[str, Any]:
    names = ("dimension", "state", "step", "done", "total", "problem")
    shares = ("recall", "recall_of_live")
    return {
        "model": space.model_name,
        **{name: getattr(space, name) for name in (*names, *shares)},
    }


def _table(spaces: list[EmbeddingSpace]) -> str:
    if not spaces:
        return "There are no vectors yet."
    lines = []
    for space in spaces:
        line = f"{space.model_name} ({space.dimension}): {space.get_state_display()}"
        if space.state == EmbeddingSpace.State.BUILDING:
            line += f", {space.get_step_display().lower()}, {space.percent} %"
        if space.recall is not None:
            line += f", finds {space.recall:.0%} of the test questions' passages"
        lines.append(f"{line}. {space.problem}".strip())
    if any(space.step == Step.WAITING for space in spaces):
        lines.append(
            "A worker of the site goes on with it; `reembed --wait` does it here."
        )
    return "\n".join(lines)
