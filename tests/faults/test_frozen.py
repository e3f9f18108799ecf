"""A worker frozen past its lease and continued commits nothing."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests import samples
from tests.faults.files import paragraph
from tests.faults.site import LEASE_S, Site, fake_worker, wait_for

pytestmark = pytest.mark.faults


def test_a_frozen_worker_that_goes_on_commits_nothing(site, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    pages = [f"# Part {n}\n{paragraph(n)}" for n in range(120)]
    (folder / "long.pdf").write_bytes(samples.pdf_bytes(pages))
    site.start(
        *("-m", "tests.faults.uploading", str(folder), "Frozen", "0"),
        stdout=subprocess.DEVNULL,
    ).wait(60)
    late = fake_worker(site, "small", pause_s=1.5)
    other = None
    try:
        wait_for(lambda: _row(site)["state"] == "embedding", 60, "the first worker")
        os.kill(late.pid, signal.SIGSTOP)
        other = fake_worker(site, "small")
        wait_for(lambda: _row(site)["state"] == "ready", 60 + LEASE_S, "the other")
        before = _stored(site)
        os.kill(late.pid, signal.SIGCONT)
        wait_for(
            lambda: "no longer this worker's" in late.log.read_text(), 60, "the end"
        )
        after = _row(site)
    finally:
        os.kill(late.pid, signal.SIGCONT)
        for worker in filter(None, (late, other)):
            worker.end()
    assert (after["state"], after["attempt"]) == ("ready", 2)
    assert _stored(site) == before
    assert len(before["chunk"]) == len(before["embedding"]) >= len(pages)
    assert not before["checkpoint"]


def _row(site: Site) -> dict[str, object]:
    found = site.rows("SELECT state, attempt, updated_at FROM ingestion_document")
    return found[0] if found else {"state": ""}


def _stored(site: Site) -> dict[str, list[object]]:
    """Return the keys of all that reading writes: a second commit has new ones."""
    queries = {
        "page": "SELECT id AS key FROM ingestion_page ORDER BY 1",
        "chunk": "SELECT id AS key FROM ingestion_chunk ORDER BY 1",
        "embedding": "SELECT chunk_id AS key FROM ingestion_embedding ORDER BY 1",
        "checkpoint": "SELECT version_id AS key FROM ingestion_checkpoint",
    }
    return {
        name: [row["key"] for row in site.rows(query)]
        for name, query in queries.items()
    }
