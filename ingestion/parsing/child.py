"""The child process in which files are read: a fork of ingestion.parsing.fork_server.

It forks at once. The reader, its only child, takes one job as JSON from
standard input and writes JSON lines to what was standard output: progress
events, pages, and last the end or an error. The process that was started only
waits, and writes to standard error how the reader ended and the most memory it
held, as the kernel counted it.

Layers around the reader, each of which does only what it says:

- resource limits (address space, CPU seconds, size of written files) are
  enforced by the kernel;
- a network namespace of its own, where the kernel permits one, leaves no
  interface to connect through;
- an audit hook makes Python refuse sockets and new processes, but for the
  system's text recognition where that is what reads scans. It stops a library
  from fetching something by itself, not native code gone wild: that is what
  the namespace is for;
- file system access is that of the user who runs the worker.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

if TYPE_CHECKING:
    from ingestion.types import PageText

_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG = 1
_PROGRESS_EVERY_S = 0.2
_GRACE_S = 5
_MAX_FILE_BYTES = 256 * 1024 * 1024
_FORBIDDEN = (
    "socket.__new__", "socket.connect", "socket.bind", "socket.getaddrinfo",
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork",
    "os.forkpty", "pty.spawn",
)  # fmt: skip


def main() -> None:
    """Run one job in a fork of this process; say on standard error how it ended."""
    _die_with_parent()
    reader = os.fork()
    if reader == 0:
        _read_job()
    # Outlives the reader when their session is told to end, so that somebody
    # reaps it: what runs as a container's first process may not.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for channel in (0, 1):
        os.close(channel)
    _, status, usage = os.wait4(reader, 0)
    end = {"status": os.waitstatus_to_exitcode(status), "peak_kb": usage.ru_maxrss}
    os.write(2, json.dumps(end).encode())
    os._exit(0)


def _read_job() -> NoReturn:
    """Run one job; the exit status is 0 whenever an answer was written."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    out = _answer_channel()
    job = json.load(sys.stdin)
    confine(job["limits"], _ocr_program(job))
    emit = _emitter(out)
    try:
        _run(job, emit)
    except MemoryError:
        emit({"error": "limit_exceeded", "message": _memory_message(job["limits"])})
    out.flush()
    # Skips the teardown of native libraries, which may be what a hostile
    # file has damaged; everything of value has been written.
    os._exit(0)


def _ocr_program(job: dict[str, Any]) -> str:
    """The path of the system's text recognition where a parser would need it."""
    if job["operation"] != "parse":
        return ""
    from ingestion.parsing.ocr_engines import installed

    found = installed()
    return found.program if found else ""


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def confine(limits: dict[str, int], program: str = "") -> None:
    """Give up what a parser does not need, for good.

    Args:
        program: the one program that may still be started, by its full path:
            the system's text recognition. It inherits all limits.
    """
    _die_with_parent()
    libc = ctypes.CDLL(None, use_errno=True)
    # A privileged process may leave the network directly; others need a user
    # namespace for it. Containers often forbid both: the hook remains.
    if libc.unshare(_NEWNET) != 0:
        libc.unshare(_NEWUSER | _NEWNET)
    with contextlib.suppress(OSError):
        os.nice(10)
    _limit(resource.RLIMIT_AS, limits["memory_mb"] * 1024 * 1024)
    most_s = limits["cpu_s"] + limits["ocr_wall_s"] + _GRACE_S
    _limit(resource.RLIMIT_CPU, limits["cpu_s"], most_s)
    _limit(resource.RLIMIT_FSIZE, _MAX_FILE_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 64)
    sys.addaudithook(_refusing(program))


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    """Lower a limit; one that is lower already stays."""
    ceiling = resource.getrlimit(kind)[1]
    wanted = soft if hard is None else hard
    top = wanted if ceiling == resource.RLIM_INFINITY else min(wanted, ceiling)
    resource.setrlimit(kind, (min(soft, top), top))


def _refusing(program: str) -> Callable[[str, tuple[Any, ...]], None]:
    def refuse(event: str, args: tuple[Any, ...]) -> None:
        if event not in _FORBIDDEN:
            return
        if event == "subprocess.Popen" and program and args[0] == program:
            return
        raise PermissionError(f"{event} is not allowed in a parser")

    return refuse


def _answer_channel() -> TextIO:
    """Keep standard output for answers; what libraries print goes nowhere.

    Standard error is the waiting process's alone.
    """
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sink = os.open(os.devnull, os.O_WRONLY)
    for printed in (1, 2):
        os.dup2(sink, printed)
    return channel


def _emitter(out: TextIO) -> Callable[[dict[str, Any]], None]:
    def emit(event: dict[str, Any]) -> None:
        # Escaped to ASCII: half a character can never cross the pipe.
        out.write(json.dumps(event) + "\n")
        if "page" not in event:
            out.flush()

    return emit


def _run(job: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
    from ingestion.errors import ParseFailed

    operations = {
        "parse": _parse, "render": _render, "locate": _locate, "unpack": _unpack,
    }  # fmt: skip
    try:
        operations[job["operation"]](job, emit)
    except ParseFailed as exc:
        emit({"error": exc.code, "message": exc.message})


def _parse(job: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
    from ingestion.parsing import parse
    from ingestion.parsing.source import Source
    from ingestion.types import ParseLimits

    source = Source(
        path=Path(job["path"]),
        name=job["name"],
        limits=ParseLimits(**job["limits"]),
        progress=_throttled(emit),
        on_page=lambda page: emit({"page": _fields(page)}),
        first_page=job["first_page"],
        language=job["language"],
        more_time=lambda: _take_time(job["limits"], emit),
    )
    parsed = parse(source, job["media_type"])
    emit({"done": {"title": parsed.title, "notices": parsed.notices}})


def _take_time(limits: dict[str, int], emit: Callable[[dict[str, Any]], None]) -> None:
    """Raise the limits on time by what a page of text recognition may take.

    The kernel keeps this within the hard limit, and the process that started
    this one within the same sum by its own clock.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    more = min(soft + limits["ocr_page_s"], max(hard - _GRACE_S, soft))
    resource.setrlimit(resource.RLIMIT_CPU, (more, hard))
    emit({"more_s": limits["ocr_page_s"]})


def _fields(page: PageText) -> dict[str, Any]:
    """A page as JSON; blocks as plain rows, for there are thousands."""
    return {
        "number": page.number,
        "text": page.text,
        "blocks": [
            (b.kind, b.start, b.end, b.level, b.box, b.continues) for b in page.blocks
        ],
        "label": page.label,
        "width": page.width,
        "height": page.height,
    }


def _throttled(emit: Callable[[dict[str, Any]], None]) -> Callable[[int, int], None]:
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_EVERY_S or done == total:
            last = now
            emit({"progress": [done, total]})

    return progress


def _render(job: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
    import base64

    from ingestion.filetypes import PDF

    if job["media_type"] == PDF:
        from ingestion.parsing.pdf_view import page_png

        image = page_png(job["path"], job["page"], job["scale"])
    else:
        image = _drawn(job)
    emit({"done": {"png": base64.b64encode(image).decode("ascii")}})


def _drawn(job: dict[str, Any]) -> bytes:
    from ingestion.parsing.images import picture_png
    from ingestion.parsing.source import Source
    from ingestion.types import ParseLimits

    limits = ParseLimits(**job["limits"])
    source = Source(path=Path(job["path"]), name="", limits=limits)
    return picture_png(source, job["page"], job["scale"])


def _locate(job: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
    from ingestion.parsing.pdf_view import find_boxes

    emit({"done": {"boxes": find_boxes(job["path"], job["page"], job["text"])}})


def _unpack(job: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
    """Leave the archive's files in a folder, numbered, and say what each is."""
    from ingestion.types import ParseLimits
    from ingestion.unpacking import members

    folder = Path(job["folder"])
    found = members(Path(job["path"]), ParseLimits(**job["limits"]), folder)
    for number, member in enumerate(found, start=1):
        kept = folder / f"file-{number}"
        if not member.problem:
            member.path.rename(kept)
        emit({"member": {**asdict(member), "path": str(kept)}})
    emit({"done": {}})


def _memory_message(limits: dict[str, int]) -> str:
    return (
        f"Reading the file takes more than {limits['memory_mb']} MB of memory, "
        "which is the limit. Split it and add the parts."
    )
