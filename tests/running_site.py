"""The whole site as a person starts it, for the tests that need all of it.

``manage.py run`` in a folder of its own with the small model: real Postgres,
Valkey, Celery workers, embedder, GGUF weights and ASGI server.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from rag_site.embedded import free_port

ROOT = Path(__file__).resolve().parent.parent
SMALL_MODEL = "qwen2.5-coder-0.5b-instruct-q4_k_m"
START_TIMEOUT_S = 420  # loading weights on a busy machine of two cores
PASSWORD = "correct-horse-battery-9"
_OWN = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SECRET_KEY_FILE", "PLUMBLINE_")


@dataclass
class RunningSite:
    url: str
    var: Path
    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)

    @property
    def setup_link(self) -> str:
        """The one-time link as printed for the person who started the site."""
        found = re.search(r"https?://\S+/setup/\S+", "\n".join(self.output))
        assert found, self.tail()
        return found.group()

    def tail(self) -> str:
        return "\n".join(self.output[-60:])

    def manage(self, *arguments: str, check: bool = True) -> str:
        """Run a shell command beside the running site; return standard output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=_environment(self.var),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _environment(var: Path) -> dict[str, str]:
    """The environment without this test process's own services."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_OWN)}
    weights = os.environ.get("PLUMBLINE_WEIGHTS")
    return kept | {
        "PLUMBLINE_VAR": str(var),
        "PLUMBLINE_MODEL": SMALL_MODEL,
        "PLUMBLINE_MAX_ANSWER_TOKENS": "160",
        # One person does the work of all browser tests: a fast machine asks more.
        "PLUMBLINE_QUESTIONS_PER_MINUTE": "300",
        "PYTHONUNBUFFERED": "1",
        **({"PLUMBLINE_WEIGHTS": weights} if weights else {}),
    }


@contextmanager
def running_site() -> Iterator[RunningSite]:
    var = Path(tempfile.mkdtemp(prefix="plumbline-site-"))
    var.chmod(0o755)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run", "--port", str(port)],
        cwd=ROOT,
        env=_environment(var),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    site = RunningSite(f"http://localhost:{port}", var, process)
    reader = threading.Thread(target=_collect, args=(process, site.output), daemon=True)
    reader.start()
    try:
        _wait_until_ready(site)
        yield site
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(10)
        if process.stdout:
            process.stdout.close()
        shutil.rmtree(var, ignore_errors=True)


def _collect(process: subprocess.Popen[str], lines: list[str]) -> None:
    assert process.stdout
    # extend() takes each line as it comes: readers see the list grow.
    lines.extend(line.rstrip() for line in process.stdout)


def _wait_until_ready(site: RunningSite) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert site.process.poll() is None, site.tail()
        try:
            ready = httpx.get(f"{site.url}/health/ready", timeout=10).status_code == 200
        except httpx.HTTPError:
            ready = False
        if ready and any("/setup/" in line for line in site.output):
            return
        time.sleep(1)
    raise AssertionError(f"the site was not ready in time:\n{site.tail()}")
