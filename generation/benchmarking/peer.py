"""The server that llama-cpp-python carries in its source, as a peer to measure against.

Fetched when it is asked for and never kept: ``examples/server/server.py`` of the
release that is installed, on the same compiled library and the same weights.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx

from generation.llm import HttpLanguageModel
from generation.serving import free_port, stop

PACKAGE = "llama-cpp-python"
MEMBER = "examples/server/server.py"
# What it imports and this project may not have.
NEEDED = ("fastapi", "openai", "websockets", "safetensors", "jinja2")
FETCH_S, START_S = 400, 120


class PeerMissing(Exception):
    """It cannot be fetched or does not start; the text says why."""


@contextmanager
def peer(weights: Path, *, slots: int, threads: int) -> Iterator[HttpLanguageModel]:
    """Run the peer on ``weights`` while the block runs.

    Raises:
        PeerMissing: nothing to compare with.
    """
    with tempfile.TemporaryDirectory(prefix="plumbline-peer-") as name:
        folder = Path(name)
        script = _fetched(folder)
        port = free_port()
        config = folder / "config.json"
        config.write_text(json.dumps(_config(weights, port, slots, threads)))
        path = os.pathsep.join([str(folder / "needed"), *sys.path[1:]])
        with (folder / "log").open("w+") as log:
            process = subprocess.Popen(
                [sys.executable, str(script), "-C", str(config)],
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            try:
                _await(process, port, folder / "log")
                yield HttpLanguageModel(f"http://127.0.0.1:{port}", name="peer")
            finally:
                stop(process)


def _config(
    weights: Path, port: int, slots: int, threads: int
) -> dict[str, dict[str, object]]:
    model = {
        "alias": "peer",
        "path": str(weights),
        "n_ctx": 4096,
        "n_seq_max": slots,
        "n_batch": 256,
        "n_ubatch": 256,
        "threads": threads,
        "threads_batch": threads,
        "kv_unified": True,
        "store_logits": False,
        "use_mmap": True,
    }
    return {"server": {"host": "127.0.0.1", "port": port}, "model": model}


def _fetched(folder: Path) -> Path:
    """Download the source of the installed release and take the one script out."""
    _pip(
        "download",
        "--no-deps",
        f"--no-binary={PACKAGE}",
        f"--dest={folder}",
        f"{PACKAGE}=={version(PACKAGE)}",
    )
    _pip("install", f"--target={folder / 'needed'}", *NEEDED)
    archive = next(folder.glob("*.tar.gz"))
    with tarfile.open(archive) as packed:
        found = next((m for m in packed if m.name.endswith(MEMBER)), None)
        source = packed.extractfile(found) if found else None
        if source is None:
            raise PeerMissing(f"{archive.name} holds no {MEMBER}")
        script = folder / "peer_server.py"
        script.write_bytes(source.read())
    return script


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=FETCH_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise PeerMissing("the package index does not answer in time") from exc
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise PeerMissing(f"pip {arguments[0]} failed: {last[0]}")


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            address = f"http://127.0.0.1:{port}/v1/models"
            httpx.get(address, timeout=2, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    said = log.read_text().strip().splitlines()[-1:] or ["it said nothing"]
    raise PeerMissing(f"it did not start: {said[0]}")
