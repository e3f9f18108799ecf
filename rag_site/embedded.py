"""Embedded Postgres and Valkey for runs without DATABASE_URL or REDIS_URL.

Both listen on loopback with a random password. Any number of processes may use
them: each user holds a shared lock on ``run/users.lock``; whoever can take it
exclusively when leaving is the last one and stops them. A killed user leaves no
lock behind, and servers that outlived their users are adopted by the next one.

    services = acquire(var_dir)      # starts what is not running
    services.database_url, services.redis_url
    services.revive()                # starts what has ended, at its old address
    services.release()               # stops them if nobody else uses them
"""

from __future__ import annotations

import fcntl
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rag_site.embedded_home import ServiceFailed, home_of, postgres_bin, valkey_server
from rag_site.embedded_servers import start_postgres, start_valkey, stop
from rag_site.processes import free_port, is_listening

__all__ = [
    "ServiceFailed",
    "Services",
    "acquire",
    "free_port",
    "is_listening",
    "postgres_bin",
    "stop_all",
    "valkey_server",
]


_NAMES = ("postgres", "valkey")


@dataclass
class Services:
    var_dir: Path
    state: dict[str, Any]
    lock: IO[str]
    # Which of the two this user asked for.
    postgres: bool = True
    valkey: bool = True
    released: bool = field(default=False)

    @property
    def database_url(self) -> str:
        pg = self.state["postgres"]
        return (
            f"postgresql://plumbline:{pg['password']}@127.0.0.1:{pg['port']}/plumbline"
        )

    @property
    def redis_url(self) -> str:
        kv = self.state["valkey"]
        return f"redis://:{kv['password']}@127.0.0.1:{kv['port']}/0"

    def revive(self) -> None:
        """Start a server that has ended again, with its port and its password.

        Raises:
            ServiceFailed: with what happened and what to do.
        """
        acquire(self.var_dir, postgres=self.postgres, valkey=self.valkey).release()

    def release(self) -> None:
        """Leave; the last user stops the servers. Calling it twice is harmless."""
        if self.released:
            return
        self.released = True
        fcntl.flock(self.lock, fcntl.LOCK_UN)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.lock.close()
            return
        stop_all(self.var_dir)
        self.lock.close()


def acquire(var_dir: Path, *, postgres: bool = True, valkey: bool = True) -> Services:
    """Start what is missing and register as a user of it.

    Raises:
        ServiceFailed: with what happened and what to do.
    """
    try:
        with _starting(var_dir) as lock:
            state = _read_state(var_dir)
            home, run = home_of(var_dir), var_dir / "run"
            if postgres:
                known = _entry(state, "postgres")
                state["postgres"] = start_postgres(home, run / "postgres.log", known)
                _write_state(var_dir, state)
            if valkey:
                known = _entry(state, "valkey")
                state["valkey"] = start_valkey(home, run / "valkey.log", known)
                _write_state(var_dir, state)
    except PermissionError as exc:
        raise ServiceFailed(
            f"{exc.filename or var_dir} may not be written by this user. Start the site "
            "as the user that started it before, or set PLUMBLINE_VAR to another folder."
        ) from exc
    except OSError as exc:  # a full or failing disk, or one that is read-only
        raise ServiceFailed(
            f"{exc.filename or var_dir} cannot be used: {exc.strerror}. Mend it, or set "
            "PLUMBLINE_VAR to another folder."
        ) from exc
    return Services(var_dir, state, lock, postgres=postgres, valkey=valkey)


def stop_all(var_dir: Path) -> None:
    state = _read_state(var_dir)
    stop(_entry(state, "postgres"), "postgres", signal.SIGINT)
    stop(_entry(state, "valkey"), "valkey-server", signal.SIGTERM)


@contextmanager
def _starting(var_dir: Path) -> Iterator[IO[str]]:
    """Let one process start servers at a time; yield its lock as a user of them."""
    run = var_dir / "run"
    run.mkdir(parents=True, exist_ok=True)
    run.chmod(0o700)  # logs and passwords; the servers themselves need nothing of it
    with (run / "start.lock").open("w") as start_lock:
        fcntl.flock(start_lock, fcntl.LOCK_EX)
        users = (run / "users.lock").open("w")
        try:
            fcntl.flock(users, fcntl.LOCK_SH)
            yield users
        except BaseException:
            users.close()
            raise


def _read_state(var_dir: Path) -> dict[str, Any]:
    try:
        state = json.loads((var_dir / "run" / "services.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(state, dict):
        return {}
    if state.get("folder", str(var_dir)) != str(var_dir):
        # Copied: the processes and ports are those of the site that it was copied from.
        for name in _NAMES:
            password = _entry(state, name).get("password")
            state[name] = {"password": password} if password else {}
    return state


def _entry(state: dict[str, Any], name: str) -> dict[str, Any]:
    found = state.get(name)
    return found if isinstance(found, dict) else {}


def _write_state(var_dir: Path, state: dict[str, Any]) -> None:
    path = var_dir / "run" / "services.json"
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps({**state, "folder": str(var_dir)}))
    temporary.replace(path)
