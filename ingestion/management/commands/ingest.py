"""Queue files or folders to be read; with --wait, until each is ready or failed.

A folder is remembered: next time unchanged files cost one hash and changed ones
become new versions. With --sync, documents whose file vanished are removed.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from ingestion import sweeping, syncing
from ingestion.accepting import OnSameName
from ingestion.archiving import is_archive
from ingestion.embedding_process import start_embedder
from ingestion.inline import ingest_all
from ingestion.models import Collection, Document
from ingestion.receiving import Sent, receive
from ingestion.shell import owner_named, writable_collection
from ingestion.syncing import Change, Deed, FoundFile, Tree
from ingestion.watching import wait_for
from rag_site.asking import Asker
from rag_site.errors import NotFound, RagError

# Documents read between two looks at whether a worker has come up.
_AT_ONCE = 8
State = Document.State
_GIVEN_UP = (State.FAILED, State.QUARANTINED, State.CANCELLED)


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", type=Path)
        parser.add_argument("--collection", required=True, metavar="NAME")
        parser.add_argument("--owner", metavar="USER")
        parser.add_argument(
            "--on-same-name",
            choices=["replace", "keep", "skip"],
            help="what to do when other content has the name already; without it, a "
            "changed file of a folder becomes a new version, and else both are kept",
        )
        parser.add_argument(
            "--sync",
            action="store_true",
            help="remove the documents that came from a folder and are no longer in it",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, do nothing"
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="with --sync: also when the folder is empty or partly unreadable",
        )
        parser.add_argument(
            "--unpack",
            action="store_true",
            help="make each file of a ZIP archive a document of its own",
        )
        parser.add_argument("--wait", action="store_true")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        paths = _checked(options)
        asker, collection = _where(options)
        deeds: list[Deed] = []
        refusals: list[str] = []
        for path in paths:
            if path.is_dir():
                deeds += _folder(
                    _tree(asker, collection, path, options), options, refusals
                )
            else:
                deeds += _file(asker, collection, path, options)
        if options["wait"] and not options["dry_run"]:
            wait_for(_documents_of(deeds), _worked)
        report = _report(deeds, time.monotonic() - started)
        self.stdout.write(
            json.dumps(report, indent=2)
            if options["json"]
            else _table(report, deeds, is_dry=options["dry_run"])
        )
        for refusal in refusals:
            self.stderr.write(refusal)
        if report["failed"] or refusals:
            sys.exit(1)


def _checked(options: dict[str, Any]) -> list[Path]:
    """Raises CommandError, exit status 2, for arguments that make no sense."""
    paths: list[Path] = options["paths"]
    for path in paths:
        if not path.exists():
            raise CommandError(f"There is no file or folder {path}.", returncode=2)
    if options["sync"] and not all(path.is_dir() for path in paths):
        raise CommandError(
            "--sync keeps folders alike: name only folders.", returncode=2
        )
    if options["force"] and not options["sync"]:
        raise CommandError("--force belongs to --sync.", returncode=2)
    return paths


def _where(options: dict[str, Any]) -> tuple[Asker, Collection]:
    try:
        asker = owner_named(options["owner"])
        return asker, writable_collection(asker, options["collection"])
    except NotFound as exc:
        raise CommandError(exc.message, returncode=2) from exc
    except RagError as exc:
        raise CommandError(exc.message) from exc


def _tree(
    asker: Asker, collection: Collection, path: Path, options: dict[str, Any]
) -> Tree:
    return Tree(
        asker=asker,
        collection=collection,
        root=path.resolve(),
        on_same_name=options["on_same_name"],
        is_dry=options["dry_run"],
    )


def _folder(tree: Tree, options: dict[str, Any], refusals: list[str]) -> list[Deed]:
    deeds = [
        syncing.follow(tree, found) for found in _found(tree, unpack=options["unpack"])
    ]
    if not options["sync"]:
        return deeds
    problem = None if options["force"] else _unsafe(tree)
    if problem is not None:
        refusals.append(problem)
        return deeds
    return deeds + syncing.forget_vanished(tree)


def _found(tree: Tree, *, unpack: bool) -> Iterator[FoundFile]:
    for file in syncing.files_in(tree.root, tree.unreadable):
        path = syncing.path_in(tree, file)
        if unpack and is_archive(file.name):
            yield from syncing.files_of_archive(tree, path, file)
        else:
            yield FoundFile(path=path, file=file)


def _unsafe(tree: Tree) -> str | None:
    """Say why nothing is removed now, if that could be a mistake."""
    gone = syncing.vanished(tree)
    if gone and tree.unreadable:
        return (
            f"{tree.unreadable[0]} could not be read, so nothing was removed of the "
            f"{len(gone)} files that seem to be gone. Mend it, or use --force."
        )
    if gone and not tree.seen:
        return (
            f"{tree.root} is empty, but {len(gone)} files came from it. Nothing was "
            "removed: is a disk missing? Use --force if this is meant."
        )
    return None


def _file(
    asker: Asker, collection: Collection, path: Path, options: dict[str, Any]
) -> Iterator[Deed]:
    """Take in one file, or each file of one archive."""
    if options["dry_run"]:
        yield Deed(path=path.name, change="added")
        return
    policy: OnSameName = options["on_same_name"] or "keep"
    try:
        received = receive(
            asker,
            collection.pk,
            Sent(path=path, name=path.name),
            policy,
            unpack=options["unpack"],
        )
    except OSError as exc:
        reason = f"The file cannot be opened: {exc.strerror}."
        yield Deed(path=path.name, change="refused", error=reason)
        return
    for one in received:
        change: Change = (
            "unchanged" if one.outcome in ("duplicate", "skipped") else "added"
        )
        yield Deed(
            path=one.name,
            change="refused" if one.problem else change,
            document=one.document,
            error=one.problem.message if one.problem else None,
        )


def _documents_of(deeds: Sequence[Deed]) -> list[UUID]:
    return list({deed.document.pk for deed in deeds if deed.document is not None})


def _worked(ids: Sequence[UUID]) -> bool:
    """Read some of the documents that wait, unless a worker is there to do it."""
    if sweeping.has_live_worker():
        return False
    try:
        start_embedder()
    except RagError as exc:
        raise CommandError(exc.message) from exc
    sweeping.set_aside()
    return bool(ingest_all(ids[:_AT_ONCE]))


def _report(deeds: Sequence[Deed], seconds: float) -> dict[str, Any]:
    documents = Document.objects.select_related("current_version").in_bulk(
        _documents_of(deeds)
    )
    kept = [deed for deed in deeds if deed.change not in ("removed", "moved")]
    rows = [
        _row(deed, documents.get(deed.document.pk) if deed.document else None)
        for deed in kept
    ]
    counted = Counter(deed.change for deed in deeds)
    return {
        "documents": rows,
        "ready": sum(row["status"] == "ready" for row in rows),
        "failed": sum(row["status"] == "failed" for row in rows),
        "seconds": round(seconds, 2),
        "changes": dict(sorted(counted.items())),
        "removed": [deed.path for deed in deeds if deed.change == "removed"],
    }


def _row(deed: Deed, document: Document | None) -> dict[str, Any]:
    """Describe one file; whatever ended without becoming searchable is failed."""
    row: dict[str, Any] = {
        "name": deed.path.rpartition("/")[2],
        "path": deed.path,
        "id": None,
        "status": "failed" if deed.error else "planned",
        "change": deed.change,
        "pages": 0,
        "chunks": 0,
        "error": deed.error,
    }
    if document is None:
        return row
    version = document.current_version
    is_given_up = document.state in _GIVEN_UP
    return row | {
        "id": str(document.pk),
        "status": "failed" if is_given_up else str(document.state),
        "pages": version.page_count if version else 0,
        "chunks": version.chunk_count if version else 0,
        "error": (document.failure_message or "Cancelled.") if is_given_up else None,
    }


def _table(report: dict[str, Any], deeds: Sequence[Deed], *, is_dry: bool) -> str:
    lines = [
        f"{row['status']:<10} {row['path']}  "
        + (row["error"] or f"{row['pages']} pages, {row['chunks']} chunks")
        for row in report["documents"]
        if row["change"] != "unchanged" or row["status"] not in ("ready", "planned")
    ]
    lines += [
        f"{deed.change:<10} {deed.path}"
        for deed in deeds
        if deed.change in ("removed", "moved")
    ]
    counts = ", ".join(f"{n} {change}" for change, n in report["changes"].items())
    total = f"{report['ready']} ready, {report['failed']} failed"
    lines += [f"{counts or 'nothing to do'}", f"{total}, {report['seconds']} s"]
    return "\n".join(["This would be done:", *lines] if is_dry else lines)
