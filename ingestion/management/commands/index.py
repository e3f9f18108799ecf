"""Build the vector index: `status`, `build` where it is missing, `rebuild`, `drop`.

Searches and uploads go on meanwhile. A run that is killed leaves nothing that the
next one does not clear away. Before loading much, `drop` it and `build` it after.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ingestion import indexing
from ingestion.indexing import IndexConfig, IndexStatus, Progress, estimated_mb
from ingestion.models import Embedding, EmbeddingSpace
from rag_site.errors import RagError


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("deed", choices=["status", "build", "rebuild", "drop"])
        parser.add_argument(
            "--memory-mb", type=int, metavar="MB", help="PLUMBLINE_INDEX_MEMORY_MB"
        )
        parser.add_argument(
            "--workers", type=int, metavar="N", help="PLUMBLINE_INDEX_WORKERS"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, deed: str, **options: Any) -> None:
        started = time.monotonic()
        spaces = EmbeddingSpace.objects.exclude(state=EmbeddingSpace.State.RETIRED)
        try:
            for space in spaces.order_by("pk"):
                _do(deed, space, _config(options))
        except RagError as exc:
            raise CommandError(exc.message) from exc
        found = [indexing.status(space) for space in spaces]
        report = {
            "indexes": [asdict(status) for status in found],
            "seconds": round(time.monotonic() - started, 1),
        }
        self.stdout.write(
            json.dumps(report, indent=2) if options["json"] else _table(found)
        )


def _config(options: dict[str, Any]) -> IndexConfig:
    chosen = {
        name: options[name]
        for name in ("memory_mb", "workers")
        if options[name] is not None
    }
    if chosen.get("memory_mb", 64) < 64 or chosen.get("workers", 0) < 0:
        raise CommandError("Use at least 64 MB, and 0 workers or more.", returncode=2)
    return replace(IndexConfig.from_settings(), **chosen)


def _do(deed: str, space: EmbeddingSpace, config: IndexConfig) -> None:
    if deed == "drop":
        indexing.drop(space)
    elif deed != "status":
        _warn_of_memory(space, config)
        with _shown(space.model_name) as progress:
            indexing.build(space, config, rebuild=deed == "rebuild", progress=progress)


def _warn_of_memory(space: EmbeddingSpace, config: IndexConfig) -> None:
    count = Embedding.objects.filter(space=space).count()
    needed = estimated_mb(count, space.dimension, config.m)
    if needed > config.memory_mb:
        sys.stderr.write(
            f"{count:,} vectors need about {needed:,} MB, and the build may use "
            f"{config.memory_mb:,}: it will go on on disk, several times slower. Give "
            "it more with --memory-mb.\n"
        )


@contextmanager
def _shown(title: str) -> Iterator[Progress]:
    from tqdm import tqdm

    with tqdm(desc=title, total=100, unit="%", file=sys.stderr, disable=None) as bar:

        def progress(phase: str, done: float) -> None:
            bar.set_postfix_str(phase)
            bar.update(round(100 * done) - bar.n)

        yield progress


def _table(found: list[IndexStatus]) -> str:
    if not found:
        return "There are no vectors yet."
    return "\n".join(
        f"{row.model}: {row.state}{f', {row.phase} {row.done:.0%}' if row.phase else ''}"
        f", {max(0, row.rows):,} vectors of {row.table_bytes / 1e6:,.0f} MB, "
        f"index of {row.index_bytes / 1e6:,.0f} MB"
        for row in found
    )
