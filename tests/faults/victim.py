"""A process that uploads and reads one file and is killed at step k of it.

Reads jobs from standard input, {"k": 7, "collection": "...", "file": "..."}, and
runs each in a fork of itself: a real process that ends by SIGKILL before its k-th
step. Steps are writes to the database, commits, changes to stored files, starting
the parser, what it says, and commands to Redis. Answers {"steps", "names", "last", "killed"}.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

# Of the memory in which a victim counts: the last step, then the names of all.
_ROOM_BYTES = 1 << 16
_FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "shutil.copyfileobj"}
_WRITES = ("INSERT", "UPDATE", "DELETE", "SELECT NEXTVAL")


class Steps:
    """Counts steps in memory that the process outlived by shares."""

    def __init__(self, k: int, shared: mmap.mmap) -> None:
        self._k, self._shared, self._count = k, shared, 0
        self._names = ""

    def step(self, name: str) -> None:
        self._count += 1
        self._shared.seek(0)
        self._shared.write(f"{self._count} {name}"[:90].ljust(100).encode())
        self._names += f"{name[:60]}\n"
        self._shared.write(self._names.encode())
        if self._count == self._k:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    import django

    django.setup()
    # Before the forks, so that each starts in an instant.
    from ingestion import inline, pipeline, services, sweeping, taking  # noqa: F401
    from tests import factories  # noqa: F401

    for line in sys.stdin:
        job = json.loads(line)
        shared = mmap.mmap(-1, _ROOM_BYTES)
        pid = os.fork()
        if not pid:
            _run_and_exit(job, Steps(job["k"], shared))
        _, status = os.waitpid(pid, 0)
        count, _, last = shared[:100].decode().strip("\x00 ").partition(" ")
        answer = {
            "steps": int(count or 0),
            "last": last,
            "names": shared[100:].decode(errors="replace").strip("\x00").splitlines(),
            "killed": os.WIFSIGNALED(status),
            "status": status,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _run_and_exit(job: dict[str, Any], steps: Steps) -> None:
    status = 1
    try:
        with _failpoints(steps.step):
            _upload_and_read(job)
        status = 0
    finally:
        os._exit(status)


def _upload_and_read(job: dict[str, Any]) -> None:
    from ingestion import pipeline, services, sweeping
    from ingestion.leasing import claim_next
    from tests import factories

    path = Path(job["file"])
    services.accept_upload(
        factories.asker(factories.alice()),
        factories.make_collection(name=job["collection"]).pk
        if job["is_first"]
        else _collection(job["collection"]),
        path=path,
        name=path.name,
    )
    while claimed := claim_next("small"):
        pipeline.read(claimed)
    if not job["is_first"]:
        sweeping.sweep()
        sweeping.remove_orphans()


def _collection(name: str) -> Any:
    from ingestion.models import Collection

    return Collection.objects.get(name=name).pk


@contextlib.contextmanager
def _failpoints(step: Callable[[str], None]) -> Iterator[None]:
    """Call ``step`` before everything that leaves this process."""
    from django.conf import settings
    from django.db import connection

    sys.addaudithook(_auditor(step, str(settings.FILES_DIR)))
    with contextlib.ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(_writer(step)))
        for target, name, value in _patches(step):
            stack.enter_context(mock.patch.object(target, name, value))
        yield


def _auditor(step: Callable[[str], None], files: str) -> Callable[..., None]:
    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event in _FILE_EVENTS and str(args[0]).startswith(files):
            reads = event == "open" and not (args[2] or 0) & (os.O_WRONLY | os.O_RDWR)
            if not reads:
                step(f"{event} a stored file")

    return audit


def _writer(step: Callable[[str], None]) -> Callable[..., Any]:
    def write(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.lstrip().upper().startswith(_WRITES):
            step(sql.replace('"', "")[:60])
        return execute(sql, *rest)

    return write


def _patches(step: Callable[[str], None]) -> list[tuple[Any, str, Any]]:
    from django.db import connection
    from redis.connection import AbstractConnection

    from ingestion import checkpoints, pipeline, readers, sandbox, storing, sweeping
    from tests.fakes import HashEmbedder, word_tokenizer

    def before(target: Any, name: str, label: str) -> tuple[Any, str, Any]:
        call = getattr(target, name)
        return target, name, lambda *args, **kw: step(label) or call(*args, **kw)

    run_child = sandbox.run_child

    def said(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for event in run_child(*args, **kwargs):
            step(f"parser said {next(iter(event))}")
            yield event

    return [
        before(connection, "_commit", "commit"),
        before(readers.ForkServer, "fork", "start parser"),
        before(storing, "copy_in", "COPY"),
        before(checkpoints, "copy_in", "COPY checkpoint"),
        before(AbstractConnection, "send_packed_command", "Redis"),
        (sandbox, "run_child", said),
        (pipeline, "start_embedder", HashEmbedder),
        (pipeline, "tokenizer_for", lambda name: word_tokenizer()),
        # So that this short file leaves checkpoints at each page and batch.
        (pipeline, "_STRIDE", 2),
        (checkpoints, "_EVERY_S", 0.0),
        (sweeping, "_ORPHAN_S", 0.0),
    ]


if __name__ == "__main__":
    main()
