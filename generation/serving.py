"""A model server for as long as a command needs one: the running site's, or its own.

with model_server() as model: ...
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
from django.conf import settings

from generation.errors import ModelUnavailable
from generation.llm import HttpLanguageModel
from rag_site.running_site import running_site
from rag_site.weights import locate

START_S = 120
STOP_S = 10
MANAGE = Path(__file__).resolve().parent.parent / "manage.py"


class ModelServerFailed(ModelUnavailable):
    """The model server did not start."""

    code = "model_server_failed"


@contextmanager
def model_server(
    model: str | None = None, *, embeds: bool = False
) -> Iterator[HttpLanguageModel]:
    """Yield the model called ``model``, or the settings' one.

    Args:
        embeds: its server will be asked to embed questions as well.

    Raises:
        WeightsMissing: it is not on this machine.
        ModelServerFailed: its server ended, with the last line that it said.
    """
    name = model or settings.MODEL
    found = running_model(name)
    if found is not None:
        yield found
        return
    with started(name, embeds=embeds) as own:
        yield own


def running_model(name: str) -> HttpLanguageModel | None:
    """Return a server that answers now and serves ``name``, or None."""
    site = running_site(settings.VAR_DIR)
    places = [(settings.MODEL_SERVER_URL, settings.MODEL_SERVER_KEY)]
    if site is not None:
        places.append((site.model_server_url, site.model_server_key))
    for url, key in places:
        if url and name in _served(url, key):
            return HttpLanguageModel(url, key, name=name)
    return None


def _served(url: str, key: str) -> set[str]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    address = f"{url.rstrip('/').removesuffix('/v1')}/v1/models"
    try:
        reply = httpx.get(address, headers=headers, timeout=5, trust_env=False)
        return {row["id"] for row in reply.raise_for_status().json()["data"]}
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return set()


@contextmanager
def started(name: str, *, embeds: bool = False) -> Iterator[HttpLanguageModel]:
    """Run a model server of our own on a free port while the block runs.

    With ``embeds`` it is ready when it can embed; else it does not even load what
    embeds, which takes seconds.
    """
    locate(name)
    key, port = secrets.token_urlsafe(32), free_port()
    environment = {**os.environ, "PLUMBLINE_MODEL_SERVER_KEY": key}
    command = [sys.executable, str(MANAGE), "serve_model", "--with-parent"]
    command += ["--port", str(port), "--model", name]
    command += [] if embeds else ["--lazy-embedder"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(process, url, log)
            yield HttpLanguageModel(url, key, name=name)
        finally:
            stop(process)


def free_port() -> int:
    """Return a port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], url: str, log: IO[str]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if _is_ready(url):
            return
        time.sleep(0.2)
    log.seek(0)
    said = log.read().strip().splitlines() or ["it said nothing"]
    raise ModelServerFailed(f"The model server did not start: {said[-1]}")


def _is_ready(url: str) -> bool:
    try:
        reply = httpx.get(f"{url}/health", timeout=2, trust_env=False)
        health = reply.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return False
    return not health["embedder_loading"]


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started here, at the latest after ``STOP_S``."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
