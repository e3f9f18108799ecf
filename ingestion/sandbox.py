"""Reading files in short-lived child processes with limits.

A parser meets bytes that nobody vouches for. It runs in a process of its own,
is told one job, answers in JSON lines, and is killed with all it started when
time is up, when its answer grows too large, or when the work is cancelled.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import selectors
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from ingestion import errors
from ingestion.errors import LimitExceeded, ParseCancelled, ParserCrashed
from ingestion.readers import ForkServer, Reader
from ingestion.types import Block, PageText, Parsed, ParseJob, ParseLimits
from rag_site.errors import RagError, TransientError

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]
OnPage = Callable[[PageText], None]

_READERS = ForkServer()
atexit.register(_READERS.stop)
_POLL_S = 0.2
_EXIT_S = 5
_ABORTS = {-signal.SIGABRT, -signal.SIGTRAP, -signal.SIGILL, -signal.SIGSEGV}
# Buffers double as they grow, so the request that fails may come at half the limit.
_NEAR_LIMIT = 0.5
_READ_BYTES = 1 << 16
# JSON escapes a character to 12 bytes at most (a surrogate pair); blocks and
# progress come on top.
_BYTES_PER_CHAR = 12
_SPARE_BYTES = 64 * 1024 * 1024
_KINDS = {
    kind.code: kind
    for kind in (
        errors.Encrypted, errors.Corrupt, errors.NoText, errors.LimitExceeded,
        errors.ParserCrashed, errors.ParseFailed,
    )
}  # fmt: skip


def parse_in_child(
    job: ParseJob,
    *,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    on_page: OnPage | None = None,
) -> Parsed:
    """Read a file in a child process.

    Args:
        progress: called with (pages done, pages in all) while it works, after
            these pages were given to ``on_page``.
        cancelled: asked five times a second; True kills the child.
        on_page: takes each page, in order, as soon as its text is settled; the
            result then holds no pages, and neither process ever holds all of
            a long PDF. What it raises ends the child and is passed on.

    Raises:
        ParseFailed: of the kind that says why; ParseCancelled when cancelled.
        TransientError: the child could not be started or its file is gone.
    """
    pages: list[PageText] = []
    give = on_page or pages.append
    done: dict[str, Any] = {}
    request = {"operation": "parse", **asdict(job), "path": _existing(job.path)}
    for event in run_child(request, job.limits, cancelled=cancelled):
        if "page" in event:
            give(_page(event["page"]))
        elif "progress" in event and progress is not None:
            progress(*event["progress"])
        elif "done" in event:
            done = event["done"]
    return Parsed(
        pages=tuple(pages), title=done["title"], notices=tuple(done["notices"])
    )


def run_child(
    request: dict[str, Any],
    limits: ParseLimits,
    *,
    cancelled: Cancelled | None = None,
) -> Iterator[dict[str, Any]]:
    """Run one operation; yield its events, the last of which is ``done``.

    Raises:
        ParseFailed, TransientError: as parse_in_child.
    """
    with tempfile.TemporaryDirectory(prefix="plumbline-parse-") as folder:
        with _child(folder) as process:
            _send(process, {**request, "limits": asdict(limits)})
            finished = False
            clock = Clock(limits)
            for line in _lines(process, limits, clock, cancelled):
                event = _event(line)
                if "more_s" in event:
                    clock.extend()
                finished = "done" in event
                yield event
            status, peak_mb = _ended(process)
        if not finished:
            raise _died(status, peak_mb, limits)


class Clock:
    """When a child's time is up; text recognition may put it off, within bounds."""

    def __init__(self, limits: ParseLimits) -> None:
        self._limits = limits
        self._started = time.monotonic()
        self._more_s = 0

    def extend(self) -> None:
        more = self._more_s + self._limits.ocr_page_s
        self._more_s = min(more, self._limits.ocr_wall_s)

    @property
    def allowed_s(self) -> int:
        return self._limits.wall_s + self._more_s

    def check(self) -> None:
        if time.monotonic() > self._started + self.allowed_s:
            raise LimitExceeded(
                f"Reading the file took longer than {self.allowed_s} s, which is "
                "the limit. Split it and add the parts."
            )


def _existing(path: str) -> str:
    if not Path(path).is_file():
        raise TransientError("The stored file could not be found.")
    return str(Path(path).resolve())


@contextmanager
def _child(folder: str) -> Iterator[Reader]:
    """Start a child in a session of its own; kill all of it at the end."""
    process = _READERS.fork(folder)
    try:
        yield process
    finally:
        process.end()


def _ended(process: Reader) -> tuple[int | None, int]:
    """Return how the reader ended and its peak memory in MB.

    The status is None if it hangs after its answer, and that of SIGKILL, at 0 MB,
    if the process which waited for it could not tell: nothing else ends that one.
    """
    if not process.wait(_EXIT_S):
        return None, 0
    os.set_blocking(process.stderr.fileno(), False)
    try:
        end = json.loads(os.read(process.stderr.fileno(), _READ_BYTES))
        return int(end["status"]), int(end["peak_kb"]) // 1024
    except (OSError, ValueError, KeyError, TypeError):
        return -signal.SIGKILL, 0


def _send(process: Reader, request: dict[str, Any]) -> None:
    try:
        process.stdin.write(json.dumps(request).encode())
        process.stdin.close()
    except BrokenPipeError as exc:
        raise TransientError("A process for reading files could not start.") from exc


def _lines(
    process: Reader,
    limits: ParseLimits,
    clock: Clock,
    cancelled: Cancelled | None,
) -> Iterator[bytes]:
    """Yield the child's lines as they come, watching time, size and cancel."""
    room = limits.max_chars * _BYTES_PER_CHAR + _SPARE_BYTES
    # In pieces: a page may be a line of hundreds of megabytes, and joining it
    # anew with each block would take minutes.
    line: list[bytes] = []
    for block in _blocks(process.stdout, clock, cancelled):
        room -= len(block)
        if room < 0:
            raise LimitExceeded("The file holds more text than the limit allows.")
        first, *others = block.split(b"\n")
        line.append(first)
        for other in others:
            yield b"".join(line)
            line = [other]


def _blocks(
    stream: IO[bytes], clock: Clock, cancelled: Cancelled | None
) -> Iterator[bytes]:
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if cancelled is not None and cancelled():
                raise ParseCancelled
            clock.check()
            if not selector.select(_POLL_S):
                continue
            block = os.read(stream.fileno(), _READ_BYTES)
            if not block:
                return
            yield block


def _event(line: bytes) -> dict[str, Any]:
    try:
        event: dict[str, Any] = json.loads(line)
    except ValueError as exc:
        raise ParserCrashed from exc
    if "error" in event:
        raise _KINDS.get(event["error"], ParserCrashed)(event["message"])
    return event


def _died(status: int | None, peak_mb: int, limits: ParseLimits) -> RagError:
    """Say why a child ended without an answer."""
    logger.warning("parser child ended with status %s at %s MB", status, peak_mb)
    if status in _ABORTS and peak_mb > _NEAR_LIMIT * limits.memory_mb:
        # Native code ends itself when it gets no more memory.
        return LimitExceeded(
            f"Reading the file takes more than {limits.memory_mb} MB of memory, which "
            "is the limit. Split it and add the parts."
        )
    if status == -signal.SIGXCPU:
        return LimitExceeded(
            f"Reading the file took more than {limits.cpu_s} s of computing, which is "
            "the limit. Split it and add the parts."
        )
    if status == -signal.SIGKILL:
        # By the system, short of memory, or by a person: not proof of a bad file.
        return TransientError("Reading was stopped from outside.")
    if status == -signal.SIGXFSZ:
        return LimitExceeded("Reading the file would fill the disk.")
    return ParserCrashed()


def _page(fields: dict[str, Any]) -> PageText:
    blocks = tuple(
        Block(
            kind=kind,
            start=start,
            end=end,
            level=level,
            box=tuple(box) if box else None,
            continues=continues,
        )
        for kind, start, end, level, box, continues in fields["blocks"]
    )
    return PageText(**{**fields, "blocks": blocks})
