"""Queue files or folders to be read; with --wait, until each is ready or failed."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ingestion import services, sweeping
from ingestion.embedding import load_embedder
from ingestion.inline import ingest_all
from ingestion.leasing import UNSETTLED
from ingestion.models import Collection, Document
from ingestion.selectors import progress_of
from ingestion.shell import owner_named, writable_collection
from rag_site.asking import Asker
from rag_site.errors import NotFound, RagError

_POLL_S = 0.5
# Documents read between two looks at whether a worker has come up.
_AT_ONCE = 8
State = Document.State


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """One file: the document that it became, or why it was refused."""

    name: str
    document: Document | None = None
    error: str | None = None


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", type=Path)
        parser.add_argument("--collection", required=True, metavar="NAME")
        parser.add_argument("--owner", metavar="USER")
        parser.add_argument(
            "--on-same-name",
            choices=["replace", "keep", "skip"],
            default="keep",
            help="what to do when other content has the name already (keep both)",
        )
        parser.add_argument("--wait", action="store_true")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        files = list(_files(options["paths"]))
        try:
            asker = owner_named(options["owner"])
            collection = writable_collection(asker, options["collection"])
        except NotFound as exc:
            raise CommandError(exc.message, returncode=2) from exc
        except RagError as exc:
            raise CommandError(exc.message) from exc
        sent = [_send(asker, collection, path, options) for path in files]
        if options["wait"]:
            _wait([row.document for row in sent if row.document])
        report = _report(sent, time.monotonic() - started)
        self.stdout.write(
            json.dumps(report, indent=2) if options["json"] else _table(report)
        )
        if report["failed"]:
            sys.exit(1)


def _files(paths: list[Path]) -> Iterator[Path]:
    """Yield the files; of folders all within, without hidden ones.

    Raises CommandError, exit status 2, for a path that is not there.
    """
    for path in paths:
        if path.is_file():
            yield path
        elif path.is_dir():
            for found in sorted(path.rglob("*")):
                inside = found.relative_to(path).parts
                if found.is_file() and not any(part.startswith(".") for part in inside):
                    yield found
        else:
            raise CommandError(f"There is no file or folder {path}.", returncode=2)


def _send(
    asker: Asker, collection: Collection, path: Path, options: dict[str, Any]
) -> _Sent:
    try:
        accepted = services.accept_upload(
            asker,
            collection.pk,
            path=path,
            name=path.name,
            on_same_name=options["on_same_name"],
        )
    except RagError as exc:
        return _Sent(name=path.name, error=exc.message)
    except OSError as exc:
        return _Sent(
            name=path.name, error=f"The file cannot be opened: {exc.strerror}."
        )
    return _Sent(name=path.name, document=accepted.document)


def _wait(documents: list[Document]) -> None:
    """Wait for the workers, or do their work while there are none."""
    from tqdm import tqdm

    ids = {document.pk for document in documents}
    with tqdm(total=len(ids), unit="file", file=sys.stderr, disable=None) as bar:
        while True:
            open_rows = list(
                Document.objects.filter(pk__in=ids, state__in=UNSETTLED).order_by(
                    "created_at"
                )
            )
            bar.update(len(ids) - len(open_rows) - bar.n)
            if not open_rows:
                return
            bar.set_postfix_str(_doing(open_rows))
            if not _worked(open_rows):
                time.sleep(_POLL_S)


def _doing(rows: list[Document]) -> str:
    busy = max(rows, key=lambda row: progress_of(row).percent)
    return f"{busy.name[:40]} {progress_of(busy).percent} %"


def _worked(rows: list[Document]) -> bool:
    """Read some of the documents that wait, unless a worker is there to do it."""
    if sweeping.has_live_worker():
        return False
    try:
        load_embedder()
    except RagError as exc:
        raise CommandError(exc.message) from exc
    sweeping.set_aside()
    return bool(ingest_all([row.pk for row in rows[:_AT_ONCE]]))


def _report(sent: list[_Sent], seconds: float) -> dict[str, Any]:
    rows = [_row(one) for one in sent]
    return {
        "documents": rows,
        "ready": sum(row["status"] == "ready" for row in rows),
        "failed": sum(row["status"] == "failed" for row in rows),
        "seconds": round(seconds, 2),
    }


def _row(sent: _Sent) -> dict[str, Any]:
    """Describe one file; whatever ended without becoming searchable is failed."""
    row: dict[str, Any] = {
        "name": sent.name,
        "id": None,
        "status": "failed",
        "pages": 0,
        "chunks": 0,
        "error": sent.error,
    }
    if sent.document is None:
        return row
    document = Document.objects.select_related("current_version").get(
        pk=sent.document.pk
    )
    version = document.current_version
    has_settled = document.state in (State.FAILED, State.QUARANTINED, State.CANCELLED)
    return row | {
        "id": str(document.pk),
        "status": "failed" if has_settled else str(document.state),
        "pages": version.page_count if version else 0,
        "chunks": version.chunk_count if version else 0,
        "error": (document.failure_message or "Cancelled.") if has_settled else None,
    }


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"{row['status']:<10} {row['name']}  "
        + (row["error"] or f"{row['pages']} pages, {row['chunks']} chunks")
        for row in report["documents"]
    ]
    total = f"{report['ready']} ready, {report['failed']} failed"
    return "\n".join([*lines, f"{total}, {report['seconds']} s"])
