"""What a running site tells other processes of this machine: var/run/site.json.

Only a file whose writer still runs is believed: the writer holds a lock on
``site.lock`` for as long as it lives, and the kernel frees it when it dies.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from rag_site.errors import Conflict


class AlreadyRunning(Conflict):
    """The site runs already on this folder."""

    code = "already_running"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSite:
    url: str
    pid: int
    model: str
    model_server_url: str
    model_server_key: str


@contextmanager
def sole_site(var_dir: Path) -> Iterator[None]:
    """Be the only site on this folder for as long as the block runs.

    Raises:
        AlreadyRunning: another one is.
    """
    with (var_dir / "run" / "site.lock").open("w") as lock:
        if not _take(lock):
            site = _read(var_dir)
            where = f"at {site.url} (process {site.pid})" if site else "and is starting"
            raise AlreadyRunning(
                f"This site runs already {where}. Stop it with Ctrl-C in its "
                "terminal, or set PLUMBLINE_VAR to another folder for a second site."
            )
        try:
            yield
        finally:
            _path(var_dir).unlink(missing_ok=True)


def _take(lock: IO[str]) -> bool:
    """Take the lock; a reader that only looks holds it for an instant."""
    for _ in range(5):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def announce(var_dir: Path, site: RunningSite) -> None:
    """Write the file, readable by this user only: it holds the server's key."""
    temporary = _path(var_dir).with_suffix(".new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(asdict(site)))
    temporary.replace(_path(var_dir))


def running_site(var_dir: Path) -> RunningSite | None:
    """Return the site that runs on this folder now, or None."""
    try:
        with (var_dir / "run" / "site.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(var_dir)
    except OSError:
        return None
    return None


def _path(var_dir: Path) -> Path:
    return var_dir / "run" / "site.json"


def _read(var_dir: Path) -> RunningSite | None:
    try:
        return RunningSite(**json.loads(_path(var_dir).read_text()))
    except (OSError, ValueError, TypeError):
        return None
