"""Start and stop the server of ``tests.api.serving``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpx
from django.db import connection

from rag_site.embedded import free_port

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def live_site(**environment: str) -> Iterator[str]:
    """Yield the address of a server on the test database."""
    _collect_static()
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.api.serving", str(port)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": _database_url(), **environment},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, url)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@cache
def _collect_static() -> None:
    """Pages name static files by a manifest, as they do on a server."""
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "-v", "0"],
        cwd=ROOT,
        check=True,
    )


def _database_url() -> str:
    own = connection.settings_dict
    return (
        f"postgresql://{own['USER']}:{own['PASSWORD']}@{own['HOST']}:{own['PORT']}"
        f"/{own['NAME']}"
    )


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            if httpx.get(f"{url}/health/live", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError("the server did not answer")
