"""Servers and worker processes of a test's own, to be killed as it likes.

A Postgres, a Valkey and a folder apart from those of the test process; real
Celery workers on them, started again whenever they end, as a supervisor would.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
from psycopg.rows import dict_row

from rag_site import embedded
from rag_site.embedded_servers import stop

ROOT = Path(__file__).resolve().parent.parent.parent
LEASE_S = 5  # the least that the settings allow
_OWN = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PLUMBLINE_")


@dataclass
class Site:
    var: Path
    services: embedded.Services
    environment: dict[str, str] = field(default_factory=dict)

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(
            self.services.database_url, row_factory=dict_row, connect_timeout=5
        ) as connection:
            return connection.execute(sql, values).fetchall()

    def change(self, sql: str, *values: object) -> None:
        with psycopg.connect(self.services.database_url) as connection:
            connection.execute(sql, values)

    def start(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        return subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=self.environment, **options
        )

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stop_redis(self) -> None:
        """Empty it and take it away."""
        redis.Redis.from_url(self.services.redis_url).flushall()
        stop(self.services.state["valkey"], "valkey-server", signal.SIGTERM)

    def stop_postgres(self) -> None:
        stop(self.services.state["postgres"], "postgres", signal.SIGINT)

    def revive(self) -> None:
        """Start what was stopped, where it was."""
        again = embedded.acquire(self.var)
        self.services.state = again.state
        again.release()

    def forget(self) -> None:
        """Empty it of documents and their files."""
        self.change("TRUNCATE ingestion_collection, ingestion_embeddingspace CASCADE")
        for path in (self.var / "files").rglob("*"):
            if path.is_file():
                path.unlink()

    def stored_files(self) -> dict[str, str]:
        """Return the SHA-256 of each stored file by its name; all of them."""
        folder = self.var / "files"
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*")
            if path.is_file()
        }


@contextmanager
def own_site(**settings: str) -> Iterator[Site]:
    """A migrated, empty site without any process of its own yet."""
    var = Path(tempfile.mkdtemp(prefix="plumbline-faults-"))
    var.chmod(0o755)
    services = embedded.acquire(var)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_OWN)}
    weights = os.environ.get("PLUMBLINE_WEIGHTS")
    site = Site(
        var,
        services,
        kept
        | {
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "SECRET_KEY": secrets.token_urlsafe(48),
            "PLUMBLINE_VAR": str(var),
            "PLUMBLINE_LEASE_S": str(LEASE_S),
            # A busy machine must not decide which file is read.
            "PLUMBLINE_PARSER_WALL_S": "900",
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "PYTHONUNBUFFERED": "1",
            **({"PLUMBLINE_WEIGHTS": weights} if weights else {}),
            **settings,
        },
    )
    try:
        site.manage("migrate", "-v", "0")
        yield site
    finally:
        services.release()
        shutil.rmtree(var, ignore_errors=True)


class Worker:
    """A worker process that is started again whenever it ends, until ``end``."""

    def __init__(self, site: Site, name: str, command: list[str]) -> None:
        self._site, self._command, self.name = site, command, name
        self.log = site.var / f"{name}.log"
        self.peak_mb = {"worker": 0, "parser": 0}
        self._ended = threading.Event()
        self._process = self._start()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """Kill the worker alone: what it started has to end by itself."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        self._ended.set()
        self._thread.join(10)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _start(self) -> subprocess.Popen[Any]:
        with self.log.open("ab") as output:
            return self._site.start(
                *self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _keep(self) -> None:
        while not self._ended.wait(0.1):
            if self._process.poll() is not None:
                self._process = self._start()
            self._weigh()

    def _weigh(self) -> None:
        with suppress(psutil.Error):
            worker = psutil.Process(self._process.pid)
            self._note("worker", worker)
            for child in worker.children(recursive=True):
                self._note("parser", child)

    def _note(self, kind: str, process: psutil.Process) -> None:
        mb = process.memory_info().rss >> 20
        self.peak_mb[kind] = max(self.peak_mb[kind], mb)


def fake_worker(site: Site, queue: str, pause_s: float = 0.0) -> Worker:
    """A Celery worker as in production, but for the model: see tests.faults.worker."""
    command = ["-m", "tests.faults.worker", queue, str(pause_s)]
    return Worker(site, f"{queue}-{secrets.token_hex(2)}", command)


def real_worker(site: Site, queue: str) -> Worker:
    """A Celery worker exactly as the site starts it."""
    from rag_site import site_parts

    part = next(part for part in site_parts.workers() if part.name == queue)
    site.environment.update(part.environment)
    return Worker(site, f"{queue}-{secrets.token_hex(2)}", list(part.command[1:]))


def parsers_left() -> list[int]:
    """Return the processes of this checkout that read files and whose worker is gone."""
    found = []
    for process in psutil.process_iter(["cmdline", "ppid", "pid"]):
        command = " ".join(process.info["cmdline"] or [])
        is_parser = "ingestion.parsing.fork_server" in command and str(ROOT) in command
        if is_parser and process.info["ppid"] == 1:
            found.append(process.info["pid"])
    return found


def wait_for(done: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return what ``done`` gives once it is true; servers may be away meanwhile."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(psycopg.Error):
            found = done()
            if found:
                return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


def said(process: subprocess.Popen[str]) -> Any:
    """Return the next line of JSON that the process writes."""
    assert process.stdout
    line = process.stdout.readline()
    assert line, "the process ended without an answer"
    return json.loads(line)
