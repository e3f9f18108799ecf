"""Killed at each step of an upload and its reading, a document is still whole."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import samples
from tests.faults.files import paragraph
from tests.faults.site import Site, parsers_left, said, wait_for

pytestmark = pytest.mark.faults
# An ingestion has fewer steps than this; more would mean that it never ends.
_MOST_STEPS = 300
_KINDS = ("commit", "COPY", "start parser", "parser said", "Redis", "INSERT")
IS_LONG = bool(os.environ.get("PLUMBLINE_LONG_FAULTS"))
# The short form dies at each fourth step, and at the first of each kind.
_SHORT_STRIDE = 4
CONTENT = samples.pdf_bytes([f"# Part {n}\n{paragraph(n)}" for n in range(3)])


class Victim:
    def __init__(self, site: Site, file: Path) -> None:
        self._file = file
        self._process = site.start(
            "-m", "tests.faults.victim",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, collection: str, *, k: int, is_first: bool) -> dict[str, Any]:
        job = {"k": k, "collection": collection, "is_first": is_first}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(job | {"file": str(self._file)}) + "\n")
        self._process.stdin.flush()
        return dict(said(self._process))

    def end(self) -> None:
        self._process.communicate(timeout=30)


def test_killed_at_any_step_the_document_is_whole(site, tmp_path, capsys):
    file = tmp_path / "parts.pdf"
    file.write_bytes(CONTENT)
    violations: list[str] = []
    died: list[str] = []
    victim = Victim(site, file)
    done = victim.run("whole", k=0, is_first=True)
    assert not done["killed"], done
    whole = _state(site)
    assert [row["state"] for row in whole] == ["ready"]
    site.forget()
    # Once more for the numbers: the first one of all also makes the people.
    done = victim.run("again", k=0, is_first=True)
    site.forget()
    assert done["steps"] < _MOST_STEPS
    chosen = _chosen(done["names"])
    for k in chosen:
        killed = victim.run(f"k{k}", k=k, is_first=True)
        if not killed["killed"]:
            assert killed["status"] == 0, killed
            break
        died.append(killed["last"])
        violations += [
            f"{k} {killed['last']}: {fault}"
            for fault in _faults(site, whole, victim, k)
        ]
        site.forget()
    victim.end()
    with capsys.disabled():
        sys.stdout.write(
            f"\nfailpoints: killed at {len(died)} of N = {done['steps']} steps, "
            f"violations {len(violations)}\n"
        )
    assert violations == []
    assert len(died) >= len(chosen) * 0.9
    for kind in _KINDS:
        assert any(name.startswith(kind) for name in died), kind
    wait_for(lambda: not parsers_left(), 10, "parsers end with their worker")


def _chosen(names: list[str]) -> list[int]:
    """Return the steps to die at, counted from 1."""
    stride = 1 if IS_LONG else _SHORT_STRIDE
    firsts = [
        next(k for k, name in enumerate(names, 1) if name.startswith(kind))
        for kind in _KINDS
    ]
    # A beat of the lease may come before one: the step after it is met as well.
    beside = [k + 1 for k in firsts]
    return sorted({*range(1, len(names) + 1, stride), *firsts, *beside})


def _faults(site: Site, whole: Any, victim: Victim, k: int) -> list[str]:
    """Start again after the kill, as people and workers do; say what is not whole."""
    site.change("UPDATE ingestion_document SET lease_until = now() - interval '1s'")
    site.change(
        "INSERT INTO ingestion_collection (id, name, description, owner_id, visibility,"
        " language, masking, adapter, created_at, updated_at) SELECT gen_random_uuid(),"
        " %s, '', id, 'members', 'english', 'off', '', now(), now() FROM rag_site_user"
        " WHERE NOT EXISTS (SELECT FROM ingestion_collection WHERE name = %s)",
        f"k{k}",
        f"k{k}",
    )
    again = victim.run(f"k{k}", k=0, is_first=False)
    faults = []
    if again["status"]:
        faults.append(f"the next attempt ended with {again['status']}")
    found = _state(site)
    if [_compared(row) for row in found] != [_compared(row) for row in whole]:
        faults.append(f"found {found}")
    digest = hashlib.sha256(CONTENT).hexdigest()
    if site.stored_files() != {f"{digest[:2]}/{digest}": digest}:
        faults.append(f"stored {sorted(site.stored_files())}")
    if site.rows("SELECT 1 AS found FROM ingestion_checkpoint"):
        faults.append("a checkpoint was left")
    return faults


def _compared(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["state"], row["chunks"], row["vectors"], row["pages"]


def _state(site: Site) -> list[dict[str, Any]]:
    return site.rows(
        """
        SELECT d.state, d.failure_code, d.failure_message,
          (SELECT array_agg(c.ordinal || ':' || c.text_digest ORDER BY c.ordinal)
             FROM ingestion_chunk c WHERE c.version_id = d.current_version_id) AS chunks,
          (SELECT count(*) FROM ingestion_embedding) AS vectors,
          (SELECT count(*) FROM ingestion_page) AS pages
        FROM ingestion_document d
        """
    )
