"""The process that parser children are forked from.

It has Python and the parsers loaded, which takes 0.1 s of computing, ten times a
fork. It holds no secret and never opens a file that somebody added: each request
is served by a fork that reads one file and ends, as ``child.main`` says.
Started by ingestion.readers only; it ends with the process that started it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable
from typing import NoReturn

import ingestion.parsing  # noqa: F401 - what the forks need
from ingestion.parsing import child

_MAX_PATH = 4096


def serve(control_fd: int, run: Callable[[], None] = child.main) -> NoReturn:
    """Fork a child for each request until the other end of ``control_fd`` is gone.

    A request is one packet: the child's folder as text, with its standard input,
    output and error. The answer is its process id with a pidfd, or "0" where no
    process could be made.
    """
    control = socket.socket(fileno=control_fd)
    wake, woken = _wakes_on_end_of_child()
    while True:
        ready, _, _ = select.select([control.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 512)
            _reap()
        if control.fileno() in ready:
            folder, channels, _, _ = socket.recv_fds(control, _MAX_PATH, 3)
            if not folder:
                os._exit(0)
            _answer(control, folder.decode(), channels, (wake, woken), run)
            for fd in channels:
                os.close(fd)


def _wakes_on_end_of_child() -> tuple[int, int]:
    """Return both ends of a pipe that gets a byte when a child ends."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake)
    return wake, woken


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _answer(
    control: socket.socket,
    folder: str,
    channels: list[int],
    ours: tuple[int, int],
    run: Callable[[], None],
) -> None:
    try:
        pid = os.fork()
    except OSError:
        control.send(b"0")
        return
    if pid == 0:
        _become_child(folder, channels, [control.detach(), *ours])
        run()
        os._exit(1)
    # Reaped in the loop only: until then the id is this child's.
    pidfd = os.pidfd_open(pid)
    socket.send_fds(control, [str(pid).encode()], [pidfd])
    os.close(pidfd)


def _become_child(folder: str, channels: list[int], ours: list[int]) -> None:
    """Take over the request's channels and folder, in a session of its own."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for target, fd in enumerate(channels):
        os.dup2(fd, target)
    for fd in (*channels, *ours):
        os.close(fd)
    os.chdir(folder)
    os.environ.update(HOME=folder, TMPDIR=folder)
