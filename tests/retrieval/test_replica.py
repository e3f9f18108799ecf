"""Ranking on a read replica: a real one, behind, ahead of revocations, and away."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection, connections

from ingestion.models import Membership
from ingestion.visibility import Visible
from rag_site.embedded import free_port
from rag_site.embedded_home import home_of
from retrieval import replica
from retrieval.replica import _Lag, ranked
from retrieval.search import search
from retrieval.types import RetrievalConfig
from tests.factories import alice, bob, make_collection, make_ready_document
from tests.fakes import HashEmbedder

CONFIG = RetrievalConfig(k=5)


def test_without_a_replica_everything_is_as_before() -> None:
    assert replica.REPLICA not in connections
    assert ranked(replica._is_ranking.get) is False


def test_lag_is_told_by_positions_seen_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now, written, replayed = 0.0, 100, 100
    monkeypatch.setattr(replica.time, "monotonic", lambda: now)
    monkeypatch.setattr(replica, "_name", lambda alias: "same")
    monkeypatch.setattr(
        replica,
        "_position",
        lambda alias, function: replayed if alias == "replica" else written,
    )
    lag = _Lag()
    assert lag.is_small()
    now, written = 3.0, 200  # behind, but what it has was new 3 seconds ago
    assert lag.is_small()
    now = 6.0
    assert not lag.is_small()
    now, replayed = 8.0, 200
    assert lag.is_small()
    now, replayed = 10_000.0, 200  # nothing was written: nothing to be behind of
    assert lag.is_small()


@pytest.mark.parametrize("outage", [OperationalError, InterfaceError])
def test_a_replica_that_is_away_is_left_out(
    monkeypatch: pytest.MonkeyPatch, outage: type[Exception]
) -> None:
    def broken(*_: str) -> int:
        raise outage

    monkeypatch.setattr(replica, "_name", lambda alias: "one")
    monkeypatch.setattr(replica, "_position", broken)
    assert not _Lag().is_small()


@contextmanager
def streaming_replica(
    folder: Path,
) -> Iterator[tuple[dict[str, Any], subprocess.Popen[bytes]]]:
    """A copy of the tests' server that follows it."""
    wanted = connection.get_connection_params()
    home = home_of(folder)  # Postgres refuses root
    data, port = home.base / "replica", free_port()
    home.own(home.base)
    environment = {"PATH": "/usr/bin:/bin", "PGPASSWORD": wanted["password"]}
    subprocess.run(
        [
            home.postgres_bin / "pg_basebackup",
            *("-h", wanted["host"], "-p", str(wanted["port"]), "-U", wanted["user"]),
            *("-D", str(data), "-R", "-X", "stream", "-c", "fast"),
        ],
        env=environment,
        check=True,
        cwd="/",
        **home.process_options,
    )
    command = [home.postgres_bin / "postgres", "-D", data, "-p", str(port)]
    settings = ["listen_addresses=127.0.0.1", "unix_socket_directories="]
    command += [part for one in settings for part in ("-c", one)]
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        command,
        env=environment,
        cwd="/",
        stdout=log,
        stderr=log,
        **home.process_options,
    )
    config = {**connections.settings["default"], "PORT": str(port)}
    try:
        _wait_for(lambda: _answers(config))
        yield config, server
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def _answers(config: dict[str, Any]) -> bool:
    try:
        psycopg.connect(
            dbname=config["NAME"],
            user=config["USER"],
            password=config["PASSWORD"],
            host=config["HOST"],
            port=config["PORT"],
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _wait_for(holds: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def on_replica(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[list[str], subprocess.Popen[bytes]]]:
    """Connect to a replica of this test's server, and note where each ranking runs."""
    monkeypatch.setattr(replica, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(replica, "_lag", _Lag())
    ran: list[str] = []
    chosen = replica.connection_for_ranking

    def noted() -> Any:
        ran.append(chosen().alias)
        return chosen()

    monkeypatch.setattr("retrieval.dense.connection_for_ranking", noted)
    monkeypatch.setattr("retrieval.candidates.connection_for_ranking", noted)
    with streaming_replica(tmp_path) as (config, server):
        connections.settings["replica"] = config
        # Django's tests allow connections that are open, and those it knew before.
        connections["replica"].connect()
        try:
            yield ran, server
        finally:
            connections["replica"].close()
            del connections["replica"]
            del connections.settings["replica"]


def ask(user_id: int) -> list[str]:
    visible = Visible(user_id=user_id)
    found = search("pump litres", visible, CONFIG, embedder=HashEmbedder())
    return [hit.text for hit in found.hits]


def where(ran: list[str]) -> set[str]:
    ran.clear()
    ask(alice().pk)
    return set(ran)


def replay(is_paused: bool) -> None:
    with connections["replica"].cursor() as cursor:
        cursor.execute(f"SELECT pg_wal_replay_{'pause' if is_paused else 'resume'}()")


@pytest.mark.faults
def test_a_replica_ranks_and_never_shows_what_was_revoked(
    on_replica: tuple[list[str], subprocess.Popen[bytes]], settings: Any
) -> None:
    ran, server = on_replica
    settings.REPLICA_MAX_LAG_S = 600
    collection = make_collection(alice(), shared_with=bob())
    make_ready_document(collection, pages=["The pump holds 40 litres."])
    text = ["The pump holds 40 litres."]
    _wait_for(lambda: ask(bob().pk) == text and set(ran[-2:]) == {"replica"})

    # The replica stands still and still knows bob as a member; the primary does not.
    replay(is_paused=True)
    assert ask(bob().pk) == text
    Membership.objects.all().delete()
    assert ask(bob().pk) == []
    make_ready_document(collection, "b.txt", pages=["The pump was sold."])
    ran.clear()
    assert ask(alice().pk) == text
    assert set(ran) == {"replica"}
    # Further behind than allowed: the primary ranks.
    settings.REPLICA_MAX_LAG_S = 0
    ran.clear()
    assert sorted(ask(alice().pk)) == [*text, "The pump was sold."]
    assert set(ran) == {"default"}
    replay(is_paused=False)
    settings.REPLICA_MAX_LAG_S = 5
    _wait_for(lambda: where(ran) == {"replica"})
    assert len(ask(alice().pk)) == 2

    # Away: the primary ranks.
    server.send_signal(signal.SIGQUIT)
    server.wait(30)
    assert where(ran) <= {"replica", "default"}
    assert where(ran) == {"default"}
    assert len(ask(alice().pk)) == 2
