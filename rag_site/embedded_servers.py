"""Start one embedded Postgres or Valkey on loopback, each with a random password."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rag_site.embedded_home import Home, ServiceFailed
from rag_site.processes import free_port, is_alive, is_listening, wait_until

START_TIMEOUT_S = 60
# A server that writes its last checkpoint on a busy machine takes its time: it is told
# of after the first of these, ended at once after the second, and then has the third.
STOP_QUIETLY_S, STOP_S, END_S = 20, 120, 20
# What ends a server that does not stop when asked. For Postgres it is "immediate": the
# next start reads what was written ahead, and nothing is lost.
_AT_ONCE = {signal.SIGINT: signal.SIGQUIT, signal.SIGTERM: signal.SIGKILL}
# Somebody may take a free port before the server does.
PORT_ATTEMPTS = 3
POSTGRES_USER = "plumbline"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}

State = dict[str, Any]
# Servers that this process started, kept so that it is told when they end.
_children: dict[int, subprocess.Popen[bytes]] = {}


def start_postgres(home: Home, log: Path, state: State) -> State:
    """Return the state of a server that accepts connections.

    Raises:
        ServiceFailed: with what happened and what to do.
    """
    if _is_running(state, "postgres"):
        return state
    data = home.base / "postgres"
    password = str(state.get("password", ""))
    if not (data / "PG_VERSION").exists():
        password = secrets.token_urlsafe(24)
        _initdb(home, data, password)
    _end_leftover(data)
    if not password:  # services.json was lost, the data was not
        password = secrets.token_urlsafe(24)
        _reset_password(home, data, password)
    state = _start(
        home,
        log,
        known={**state, "password": password},
        command=lambda port: _postgres_command(home, data, port),
        is_ready=_accepts,
    )
    _create_database(state)
    return state


def start_valkey(home: Home, log: Path, state: State) -> State:
    """Return the state of a server that listens.

    Raises:
        ServiceFailed: with what happened and what to do.
    """
    if _is_running(state, "valkey-server"):
        return state
    folder = home.base / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    password = str(state.get("password") or secrets.token_urlsafe(24))

    def command(port: int) -> list[str | Path]:
        config = _write_valkey_config(folder, port, password)
        home.own(folder)
        return [home.valkey_server, config]

    return _start(
        home,
        log,
        known={**state, "password": password},
        command=command,
        is_ready=_answers,
    )


def stop(state: State, program: str, how: signal.Signals) -> None:
    """Ask a server to stop, wait, and end it at once if it does not."""
    pid = int(state.get("pid", 0))
    waits = (
        (how, STOP_QUIETLY_S, "is still stopping"),
        (None, STOP_S - STOP_QUIETLY_S, "does not stop and is ended at once"),
        (_AT_ONCE[how], END_S, "is left running"),
    )
    for sent, seconds, told in waits:
        if sent is not None and is_alive(pid, program):
            os.kill(pid, sent)
        if wait_until(lambda: not is_alive(pid, program), seconds):
            break
        sys.stderr.write(f"{program} (process {pid}) {told}.\n")
    child = _children.pop(pid, None)
    if child is not None and not is_alive(pid, program):
        child.wait()


def conninfo(state: State, database: str) -> str:
    return (
        f"host=127.0.0.1 port={state['port']} user={POSTGRES_USER} "
        f"password={state['password']} dbname={database}"
    )


def _is_running(state: State, program: str) -> bool:
    pid, port = state.get("pid", 0), state.get("port", 0)
    if pid in _children and _children[pid].poll() is not None:
        del _children[pid]
        return False
    return bool(port) and is_alive(pid, program) and is_listening(port)


def _start(
    home: Home,
    log: Path,
    *,
    known: State,
    command: Callable[[int], Sequence[str | Path]],
    is_ready: Callable[[State], bool],
) -> State:
    """Start a server where it was before, and on another port if it ends at once.

    The same port matters when a server died under a running site: the
    addresses that its processes hold stay true. Whoever listens there already may
    know the password too: the site that this folder is a copy of.
    """
    old_port = known.get("port")
    first = old_port if old_port and not is_listening(old_port) else free_port()
    for port in (first, *(free_port() for _ in range(PORT_ATTEMPTS - 1))):
        state: State = {"password": known["password"], "port": port}
        with log.open("ab") as output:
            os.fchmod(output.fileno(), 0o600)
            process = subprocess.Popen(
                command(state["port"]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
                env=_ENVIRONMENT,
                **home.process_options,
            )
        state["pid"] = process.pid
        _children[process.pid] = process
        if _comes_up(process, state, is_ready):
            return state
        if process.poll() is None:
            process.kill()
            process.wait()
            break
    words = log.read_text(errors="replace").splitlines()[-3:]
    raise ServiceFailed(
        f"{log.stem.title()} did not start. Its last words: {' / '.join(words)}. "
        f"The whole log: {log}"
    )


def _comes_up(
    process: subprocess.Popen[bytes], state: State, is_ready: Callable[[State], bool]
) -> bool:
    wait_until(lambda: process.poll() is not None or is_ready(state), START_TIMEOUT_S)
    return process.poll() is None and is_ready(state)


def _postgres_command(home: Home, data: Path, port: int) -> list[str | Path]:
    settings = {
        "listen_addresses": "127.0.0.1",
        # The path of a socket may be 107 bytes long; loopback has no such limit.
        "unix_socket_directories": "",
        "max_connections": "100",
        "shared_buffers": "256MB",
        "log_min_messages": "warning",
        # A statement that fails holds what people wrote, and so do its details.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
    options = [part for pair in settings.items() for part in ("-c", "=".join(pair))]
    return [home.postgres_bin / "postgres", "-D", data, "-p", str(port), *options]


def _initdb(home: Home, data: Path, password: str) -> None:
    shutil.rmtree(data, ignore_errors=True)  # an initdb that was cut short
    data.mkdir(mode=0o700)
    home.own(data)
    password_file = home.base / "pwfile"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    home.own(password_file)
    try:
        done = _run(
            home,
            *(home.postgres_bin / "initdb", "-D", data, "-U", POSTGRES_USER),
            *("--auth=scram-sha-256", f"--pwfile={password_file}"),
            *("--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        )
    finally:
        password_file.unlink(missing_ok=True)
    if done.returncode:
        raise ServiceFailed(f"initdb failed: {done.stderr.strip()[-500:]}")


def _reset_password(home: Home, data: Path, password: str) -> None:
    """Set a new password from a single-user server: the folder's owner may."""
    statement = f"ALTER ROLE {POSTGRES_USER} PASSWORD '{password}'\n"
    command = (home.postgres_bin / "postgres", "--single", "-D", data, "postgres")
    done = _run(home, *command, words=statement)
    if done.returncode:
        raise ServiceFailed(
            f"The password of the database in {data} is lost (services.json is gone or "
            f"damaged) and could not be set anew: {done.stderr.strip()[-300:]}"
        )


def _run(
    home: Home, *command: str | Path, words: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        input=words,
        capture_output=True,
        text=True,
        cwd="/",
        env=_ENVIRONMENT,
        check=False,
        **home.process_options,
    )


def _end_leftover(data: Path) -> None:
    """A killed server leaves postmaster.pid; a foreign pid in it blocks the start."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pidfile = data / "postmaster.pid"
        pid = int(pidfile.read_text().splitlines()[0])
        stop({"pid": pid}, str(data), signal.SIGINT)
        pidfile.unlink(missing_ok=True)


def _accepts(state: State) -> bool:
    import psycopg

    if not is_listening(state["port"]):
        return False
    try:
        psycopg.connect(conninfo(state, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _answers(state: State) -> bool:
    """Tell our server from another's that took the port: only ours knows the word."""
    import redis

    client = redis.Redis(
        port=state["port"], password=state["password"], socket_timeout=2
    )
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _create_database(state: State) -> None:
    import psycopg

    with psycopg.connect(conninfo(state, "postgres"), autocommit=True) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = 'plumbline'"
        ).fetchone()
        if not found:
            connection.execute("CREATE DATABASE plumbline")


def _write_valkey_config(folder: Path, port: int, password: str) -> Path:
    """Write the password to a file: every user can read a command line."""
    config = folder / "valkey.conf"
    config.unlink(missing_ok=True)
    config.touch(mode=0o600)
    # Quoted and escaped alike in JSON and in this file.
    path = json.dumps(str(folder), ensure_ascii=False)
    config.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {path}\n"
        "appendonly yes\nmaxmemory 256mb\nmaxmemory-policy noeviction\ndaemonize no\n"
    )
    return config
