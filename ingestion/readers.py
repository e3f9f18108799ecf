"""Starting the processes that read files: forks of one that has the parsers loaded.

One fork server for each process that reads files, started when it is first needed
and again when it is gone. See ingestion.parsing.fork_server.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rag_site.errors import TransientError

_ROOT = Path(__file__).resolve().parent.parent
# -I ignores PYTHON* variables and the current folder; the project is found by the
# path given here.
START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from ingestion.parsing.fork_server import serve; serve(int(sys.argv[2]))"
)
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_MAX_ANSWER = 64
_TERM_S = 1.0
# Its first answer comes when it has loaded the parsers.
_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A process that reads one file, the leader of its session, and its channels."""

    pid: int
    pidfd: int
    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def wait(self, seconds: float) -> bool:
        """Return whether it has ended, at the latest after ``seconds``."""
        # Not select(), which takes no descriptor above 1,023: a web process has more.
        ended = select.poll()
        ended.register(self.pidfd, select.POLLIN)
        return bool(ended.poll(seconds * 1000))

    def end(self) -> None:
        """End the whole session, and close the channels.

        SIGTERM first: the leader ignores it and outlives its reader, to reap it.
        """
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self.wait(0):
                break
            with suppress(ProcessLookupError):
                os.killpg(self.pid, sign)
            self.wait(_TERM_S)
        for stream in (self.stdin, self.stdout, self.stderr):
            # What was to be written to a process that is gone.
            with suppress(BrokenPipeError):
                stream.close()
        os.close(self.pidfd)


class ForkServer:
    """A process to fork readers from. Safe to share by threads."""

    def __init__(self, start: str = START) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._owner = 0

    def fork(self, folder: str) -> Reader:
        """Start a process that works in ``folder``. Raises TransientError."""
        ours, theirs = _pipes()
        try:
            with self._lock:
                pid, pidfd = self._asked(folder, theirs)
        except OSError as exc:
            for fd in ours:
                os.close(fd)
            raise TransientError(
                "A process for reading files could not start."
            ) from exc
        finally:
            for fd in theirs:
                os.close(fd)
        return Reader(
            pid=pid,
            pidfd=pidfd,
            stdin=os.fdopen(ours[0], "wb"),
            stdout=os.fdopen(ours[1], "rb", buffering=0),
            stderr=os.fdopen(ours[2], "rb", buffering=0),
        )

    def stop(self) -> None:
        """End the server and what it started."""
        with self._lock:
            self._stop()

    def _asked(self, folder: str, channels: list[int]) -> tuple[int, int]:
        """Ask for a process; once more if the server turns out to be gone."""
        for is_last in (False, True):
            control = self._running()
            try:
                socket.send_fds(control, [folder.encode()], channels)
                answer, pidfds, _, _ = socket.recv_fds(control, _MAX_ANSWER, 1)
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                answer, pidfds = b"", []
            if answer and int(answer):
                return int(answer), pidfds[0]
            if answer or is_last:
                break
            self._stop()
        raise OSError("the fork server gave no process")

    def _running(self) -> socket.socket:
        # A fork of this process must not share the server with it.
        if self._control is None or self._owner != os.getpid():
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-c", self._start, str(_ROOT),
                     str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env=_ENVIRONMENT,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )  # fmt: skip
            ours.settimeout(_ANSWER_S)
            self._control, self._owner = ours, os.getpid()
        return self._control

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
        self._process = None


def _pipes() -> tuple[list[int], list[int]]:
    """Return this side's and the child's ends of standard input, output and error."""
    (child_in, our_in), (our_out, child_out), (our_err, child_err) = (
        os.pipe() for _ in range(3)
    )
    return [our_in, our_out, our_err], [child_in, child_out, child_err]
