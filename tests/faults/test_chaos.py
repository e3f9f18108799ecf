"""Workers killed at random, Redis emptied and stopped, Postgres restarted.

Every document ends ready, failed or quarantined with a reason, and its passages are
those of a run that nobody disturbed. The short form runs with all tests, the long
one with ``make test-faults``.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from tests.faults.files import write_files
from tests.faults.site import (
    Site,
    Worker,
    fake_worker,
    parsers_left,
    real_worker,
    wait_for,
)

pytestmark = pytest.mark.faults
IS_LONG = bool(os.environ.get("PLUMBLINE_LONG_FAULTS"))
_UNSETTLED = "('queued', 'parsing', 'embedding')"


@dataclass(frozen=True, kw_only=True)
class Plan:
    files: int
    long_pages: int
    kills: int
    # Least and most seconds between two kills.
    gap_s: tuple[float, float]
    redis_away_s: float
    # Seconds between two uploads: some meet a Redis or a Postgres that is away.
    upload_gap_s: float
    wait_s: float


SHORT = Plan(
    files=31, long_pages=600, kills=5, gap_s=(0.2, 1.5), redis_away_s=4,
    upload_gap_s=0.1, wait_s=120,
)  # fmt: skip
LONG = Plan(
    files=200, long_pages=2000, kills=20, gap_s=(0.5, 4), redis_away_s=20,
    upload_gap_s=0.5, wait_s=1800,
)  # fmt: skip
SEED = 20261122
# A worker that was killed needs some seconds to start, many on a busy machine.
_BUSY_WITHIN_S = 60
_AT_MOST_LATER_S = 3.0


@dataclass
class Recoveries:
    """Watches what each killed worker had in hand until somebody has it again."""

    site: Site
    seconds: list[float] = field(default_factory=list)
    pending: dict[Any, tuple[int, float]] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)

    def note(self, queue: str) -> bool:
        """Remember what the workers of ``queue`` have in hand; False if nothing."""
        with suppress(psycopg.Error):
            rows = self.site.rows(
                "SELECT id, attempt FROM ingestion_document WHERE queue = %s "
                "AND state IN ('parsing', 'embedding') AND lease_until > now()",
                queue,
            )
            now = time.monotonic()
            self.pending.update({r["id"]: (r["attempt"], now) for r in rows})
            return bool(rows)
        return False

    def watch(self) -> None:
        while not self.ended.wait(0.2):
            with suppress(psycopg.Error):
                rows = self.site.rows(
                    "SELECT id, attempt, state FROM ingestion_document "
                    "WHERE id = ANY(%s)",
                    list(self.pending),
                )
                for row in rows:
                    attempt, since = self.pending[row["id"]]
                    going_on = row["state"] in ("parsing", "embedding", "queued")
                    if row["attempt"] > attempt or not going_on:
                        del self.pending[row["id"]]
                        self.seconds.append(time.monotonic() - since)


def test_nothing_is_lost_or_doubled_whatever_dies(site, tmp_path, capsys):
    plan = LONG if IS_LONG else SHORT
    write_files(tmp_path / "files", plan.files, plan.long_pages)
    make = real_worker if IS_LONG else fake_worker
    workers = [make(site, queue) for queue in ("small", "large")]
    try:
        calm_s, calm = _calm_run(site, tmp_path, plan)
        began = time.monotonic()
        recoveries = _disturbed_run(site, workers, tmp_path, plan)
        seconds = time.monotonic() - began
        found = _outcome(site, "Chaos")
        _check(site, calm, found, plan)
    finally:
        for worker in workers:
            worker.end()
    wait_for(lambda: not parsers_left(), 10, "parsers end with their worker")
    with capsys.disabled():
        sys.stdout.write(_report(plan, (calm_s, seconds), found, recoveries, workers))


def _calm_run(site: Site, folder: Any, plan: Plan) -> tuple[float, dict[str, Any]]:
    began = time.monotonic()
    upload = _uploading(site, folder, "Calm", 0)
    _wait_for_upload(upload, plan)
    wait_for(lambda: _are_settled(site), plan.wait_s, "the undisturbed run")
    return time.monotonic() - began, _outcome(site, "Calm")


def _disturbed_run(
    site: Site, workers: list[Worker], folder: Any, plan: Plan
) -> Recoveries:
    dice = random.Random(SEED)
    recoveries = Recoveries(site)
    watcher = threading.Thread(target=recoveries.watch)
    watcher.start()
    try:
        upload = _uploading(site, folder, "Chaos", plan.upload_gap_s)
        hits = 0
        for kill in range(plan.kills):
            time.sleep(dice.uniform(*plan.gap_s))
            hits += _kill(workers, dice, recoveries)
            if kill == plan.kills // 3:
                site.stop_redis()
                threading.Timer(plan.redis_away_s, site.revive).start()
            if kill == 2 * plan.kills // 3:
                site.stop_postgres()
                site.revive()
        _wait_for_upload(upload, plan)
        wait_for(lambda: _are_settled(site), plan.wait_s, _unsettled_text(site))
        wait_for(lambda: not recoveries.pending, 30, "recovery of all that was hit")
        assert hits > plan.kills / 2, "the workers were idle when they were killed"
    finally:
        recoveries.ended.set()
        watcher.join()
    return recoveries


def _kill(workers: list[Worker], dice: random.Random, recoveries: Recoveries) -> bool:
    """Kill a worker in the middle of a document; any, if none gets one for long."""
    deadline = time.monotonic() + _BUSY_WITHIN_S
    while time.monotonic() < deadline:
        victim = dice.choice(workers)
        queue = victim.name.split("-")[0]
        if recoveries.note(queue):
            # At any moment of the work, not always at its beginning.
            time.sleep(dice.uniform(0, _AT_MOST_LATER_S))
            recoveries.note(queue)
            victim.kill()
            return True
        time.sleep(0.02)
    dice.choice(workers).kill()
    return False


def _uploading(site: Site, folder: Any, collection: str, gap_s: float) -> Any:
    return site.start(
        *("-m", "tests.faults.uploading", str(folder / "files"), collection),
        str(gap_s),
        stdout=subprocess.PIPE,
        text=True,
    )


def _wait_for_upload(upload: Any, plan: Plan) -> None:
    out, _ = upload.communicate(timeout=plan.wait_s)
    assert upload.returncode == 0, out
    assert len(json.loads(out)) == plan.files


def _are_settled(site: Site) -> bool:
    sql = f"SELECT count(*) AS n FROM ingestion_document WHERE state IN {_UNSETTLED}"
    return site.rows(sql)[0]["n"] == 0


def _unsettled_text(site: Site) -> str:
    with suppress(psycopg.Error):
        sql = "SELECT state, count(*) FROM ingestion_document GROUP BY state"
        return f"all settled; at first {site.rows(sql)}"
    return "all settled"


def _outcome(site: Site, collection: str) -> dict[str, Any]:
    """Return state, reason and passages of each document by its name."""
    rows = site.rows(
        """
        SELECT d.name, d.state, d.failure_code, d.failure_message, d.attempt,
               coalesce((SELECT array_agg(c.ordinal || ':' || c.text_digest
                                          ORDER BY c.ordinal)
                         FROM ingestion_chunk c
                         JOIN ingestion_documentversion v ON v.id = c.version_id
                         WHERE v.document_id = d.id), '{}') AS passages,
               (SELECT count(*) FROM ingestion_embedding e
                JOIN ingestion_chunk c ON c.id = e.chunk_id
                JOIN ingestion_documentversion v ON v.id = c.version_id
                WHERE v.document_id = d.id) AS vectors
        FROM ingestion_document d JOIN ingestion_collection l ON l.id = d.collection_id
        WHERE l.name = %s
        """,
        collection,
    )
    assert len({row["name"] for row in rows}) == len(rows), "a document was doubled"
    return {row["name"]: row for row in rows}


def _check(site: Site, calm: dict[str, Any], found: dict[str, Any], plan: Plan) -> None:
    assert found.keys() == calm.keys()
    assert len(found) > plan.files * 0.6
    for name, row in found.items():
        assert row["passages"] == calm[name]["passages"], name
        assert row["vectors"] == len(row["passages"]), name
        if calm[name]["state"] == "ready":
            assert row["state"] == "ready", row
        else:
            assert row["state"] in ("failed", "quarantined"), row
            assert row["failure_code"], name
            assert row["failure_message"], name
    assert any(name.endswith("long.pdf") for name in found)
    for path, digest in site.stored_files().items():
        assert path == f"{digest[:2]}/{digest}"
    left = "SELECT count(*) AS n FROM ingestion_checkpoint c JOIN "
    left += "ingestion_documentversion v ON v.id = c.version_id JOIN "
    left += "ingestion_document d ON d.id = v.document_id WHERE d.state = 'ready'"
    assert site.rows(left)[0]["n"] == 0


def _report(
    plan: Plan,
    seconds: tuple[float, float],
    found: dict[str, Any],
    recoveries: Recoveries,
    workers: list[Worker],
) -> str:
    states = Counter(row["state"] for row in found.values())
    chunks = sum(len(row["passages"]) for row in found.values())
    again = sorted(recoveries.seconds) or [0.0]
    peaks = {
        kind: max(worker.peak_mb[kind] for worker in workers)
        for kind in ("worker", "parser")
    }
    return (
        f"\nfaults: {plan.files} files, {len(found)} accepted: {dict(states)}, "
        f"{chunks} passages; {plan.kills} workers killed, Redis emptied and away "
        f"{plan.redis_away_s} s, Postgres restarted; lost 0, doubled 0\n"
        f"faults: undisturbed {seconds[0]:.0f} s, disturbed {seconds[1]:.0f} s; "
        f"{len(recoveries.seconds)} documents hit, taken up again after "
        f"{statistics.median(again):.1f} s (median), {again[-1]:.1f} s (longest); "
        f"peak memory {peaks['worker']} MB of a worker, {peaks['parser']} MB of a parser\n"
    )
