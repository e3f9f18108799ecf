"""Small facts about processes and ports of this machine; standard library only."""

from __future__ import annotations

import platform
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def free_port() -> int:
    """Return a loopback port that nobody uses now; somebody may take it at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_alive(pid: int, word: str) -> bool:
    """Whether ``pid`` runs a command with ``word`` in it.

    A process id alone must not be trusted: it is used again after a restart.
    """
    return pid > 0 and word in _command_of(pid)


def _command_of(pid: int) -> str:
    if platform.system() == "Linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return ""
    listed = subprocess.run(
        ["/bin/ps", "-p", str(pid), "-o", "command="],
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(0.05)
    return done()
