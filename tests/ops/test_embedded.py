"""The embedded servers: shared, adopted, healed, and never open to strangers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from rag_site import embedded, embedded_servers
from rag_site.embedded import Services, acquire
from rag_site.embedded_home import ServiceFailed, _can_reach, home_of
from rag_site.processes import is_alive, wait_until

ROOT = Path(embedded.__file__).resolve().parent.parent


@pytest.fixture
def var() -> Iterator[Path]:
    # Not tmp_path: the servers may run as another user, who cannot go there.
    folder = Path(tempfile.mkdtemp(prefix="plumbline-embedded-"))
    folder.chmod(0o755)
    yield folder
    embedded.stop_all(folder)
    shutil.rmtree(folder)


def pids(services: Services) -> list[int]:
    return [services.state[name]["pid"] for name in ("postgres", "valkey")]


def are_alive(services: Services) -> list[bool]:
    postgres, valkey = pids(services)
    return [is_alive(postgres, "postgres"), is_alive(valkey, "valkey-server")]


def run_sql(services: Services, statement: str) -> object:
    with psycopg.connect(services.database_url) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone() if cursor.description else None


def test_the_last_of_two_users_stops_the_servers(var: Path) -> None:
    first, second = acquire(var), acquire(var)
    assert pids(first) == pids(second)
    first.release()
    assert are_alive(second) == [True, True]
    run_sql(second, "CREATE EXTENSION vector")
    second.release()
    second.release()
    assert are_alive(second) == [False, False]


def test_data_survives_a_restart(var: Path) -> None:
    services = acquire(var)
    run_sql(services, "CREATE TABLE kept AS SELECT 42 AS answer")
    redis.Redis.from_url(services.redis_url).set("kept", "yes")
    services.release()
    again = acquire(var)
    assert run_sql(again, "SELECT answer FROM kept") == (42,)
    assert redis.Redis.from_url(again.redis_url).get("kept") == b"yes"
    again.release()


@pytest.mark.parametrize("copied_while", ["stopped", "running"])
def test_a_copy_beside_the_original_has_servers_of_its_own(
    var: Path, copied_while: str
) -> None:
    services = acquire(var)
    run_sql(services, "CREATE TABLE kept AS SELECT 42 AS answer")
    services.release()
    copy = var.with_name(f"{var.name}-copy")
    subprocess.run(["cp", "-a", str(var), str(copy)], check=True)
    services = acquire(var)
    if copied_while == "running":  # as in a snapshot of the disk
        shutil.copy(var / "run" / "services.json", copy / "run" / "services.json")
    beside = acquire(copy)
    try:
        folder = str(copy / "postgres")
        assert run_sql(beside, "SHOW data_directory") == (folder,)
        assert run_sql(beside, "SELECT answer FROM kept") == (42,)
        redis.Redis.from_url(services.redis_url).set("whose", "the original's")
        assert redis.Redis.from_url(beside.redis_url).get("whose") is None
        beside.release()
        assert are_alive(services) == [True, True]
    finally:
        beside.release()
        services.release()
        shutil.rmtree(copy)


def test_a_wrong_password_is_refused(var: Path) -> None:
    services = acquire(var)
    password = services.state["postgres"]["password"]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(services.database_url.replace(password, "guess"))
    port = services.state["valkey"]["port"]
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=port).ping()
    services.release()


@pytest.mark.faults
def test_servers_of_a_killed_user_are_adopted(var: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from rag_site.embedded import acquire\n"
        "held = acquire(Path(sys.argv[1])); print('up', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program, str(var)], stdout=subprocess.PIPE, cwd=ROOT
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        owner.kill()
    state = json.loads((var / "run" / "services.json").read_text())
    services = acquire(var)
    assert services.state == state
    services.release()
    assert are_alive(services) == [False, False]


@pytest.mark.faults
def test_a_killed_server_is_started_again(var: Path) -> None:
    services = acquire(var)
    run_sql(services, "CREATE TABLE kept AS SELECT 1")
    for pid in pids(services):
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: are_alive(services) == [False, False], 10)
    again = acquire(var)
    assert run_sql(again, "SELECT count(*) FROM kept") == (1,)
    services.released = True
    services.lock.close()
    again.release()


@pytest.mark.faults
def test_a_damaged_state_file_costs_no_data(var: Path) -> None:
    services = acquire(var)
    run_sql(services, "CREATE TABLE kept AS SELECT 7 AS n")
    services.release()
    path = var / "run" / "services.json"
    for content in ("", "{broken", "[]", '{"postgres": 3}', None):
        path.unlink() if content is None else path.write_text(content)
        again = acquire(var)
        assert run_sql(again, "SELECT n FROM kept") == (7,)
        again.release()


@pytest.mark.parametrize("name", ["two words", 'it\'s "b" \\ #1'])
def test_any_name_of_a_folder_will_do(var: Path, name: str) -> None:
    folder = var / name
    folder.mkdir()
    try:
        services = acquire(folder)
        redis.Redis.from_url(services.redis_url).set("kept", "yes")
        assert run_sql(services, "SELECT 1") == (1,)
        services.release()
        assert (folder / "valkey" / "appendonlydir").is_dir()
    finally:
        embedded.stop_all(folder)


def test_secrets_are_readable_by_their_user_only(var: Path) -> None:
    services = acquire(var)
    files = [var / "run" / "services.json", var / "valkey" / "valkey.conf"]
    assert [path.stat().st_mode & 0o077 for path in files] == [0, 0]
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids(services)]
    secrets = [services.state[name]["password"] for name in ("postgres", "valkey")]
    assert not [s for s in secrets for c in commands if s.encode() in c]
    services.release()


def test_the_log_holds_nothing_of_what_a_failing_statement_says(var: Path) -> None:
    (var / "run").mkdir(mode=0o755)
    log = var / "run" / "postgres.log"
    log.touch(mode=0o644)
    services = acquire(var)
    run_sql(services, "CREATE TABLE notes (text text UNIQUE)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        run_sql(services, "INSERT INTO notes VALUES ('a secret'), ('a secret')")
    with pytest.raises(psycopg.errors.DivisionByZero):
        run_sql(services, "SELECT 1 / 0, 'a secret'")
    services.release()
    text = log.read_text()
    assert "division by zero" in text
    assert "secret" not in text
    logs = [log, var / "run" / "valkey.log"]
    assert [path.stat().st_mode & 0o777 for path in (*logs, log.parent)] == [
        *(0o600, 0o600),
        0o700,
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make such folders")
class TestUnderRoot:
    def test_a_closed_folder_is_left_closed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import pwd

        outside = Path("/var/tmp") / f"plumbline-test-{os.getpid()}"
        monkeypatch.setattr("rag_site.embedded_home.OUTSIDE", outside)
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        try:
            home = home_of(closed / "var")
            assert outside in home.base.parents
            assert closed.stat().st_mode & 0o777 == 0o700
            assert _can_reach(home.base, pwd.getpwnam("nobody"))
        finally:
            subprocess.run(["rm", "-rf", str(outside)], check=True)

    def test_servers_run_from_copies_where_nobody_else_can_go(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outside = Path("/var/tmp") / f"plumbline-test-{os.getpid()}"
        monkeypatch.setattr("rag_site.embedded_home.OUTSIDE", outside)
        monkeypatch.setattr("rag_site.embedded_home._can_reach", lambda *_: False)
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        try:
            services = acquire(closed)
            run_sql(services, "CREATE EXTENSION vector")
            command = Path(f"/proc/{pids(services)[0]}/cmdline").read_bytes()
            assert command.startswith(bytes(outside))
            services.release()
        finally:
            embedded.stop_all(closed)
            subprocess.run(["rm", "-rf", str(outside)], check=True)

    def test_data_that_became_unreachable_is_not_left_behind(
        self, tmp_path: Path
    ) -> None:
        closed = tmp_path / "closed"
        (closed / "postgres").mkdir(parents=True)
        (closed / "postgres" / "PG_VERSION").write_text("18")
        closed.chmod(0o700)
        with pytest.raises(ServiceFailed, match="cannot reach it any more"):
            home_of(closed)

    def test_data_of_another_user_is_named(self, var: Path) -> None:
        (var / "postgres").mkdir()
        os.chown(var / "postgres", 4242, 4242)
        with pytest.raises(ServiceFailed, match="belongs to the user 4242"):
            acquire(var)


@pytest.mark.parametrize(
    ("is_deaf", "word"), [(False, ""), (True, "ended at once")], ids=["hears", "deaf"]
)
def test_a_server_that_does_not_stop_is_ended_with_a_word(
    is_deaf: bool,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if is_deaf:
        monkeypatch.setattr(embedded_servers, "STOP_QUIETLY_S", 1)
        monkeypatch.setattr(embedded_servers, "STOP_S", 2)
    # Each said, as a server does: in the background of a shell both are ignored.
    on_int = "SIG_IGN" if is_deaf else "SIG_DFL"
    program = (
        "from signal import *; import time; signal(SIGQUIT, SIG_DFL); "
        f"signal(SIGINT, {on_int}); print(flush=True); time.sleep(60)"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert server.stdout is not None
    with server.stdout:
        server.stdout.readline()
    monkeypatch.setitem(embedded_servers._children, server.pid, server)
    embedded_servers.stop({"pid": server.pid}, "python", signal.SIGINT)
    assert server.returncode == -(signal.SIGQUIT if is_deaf else signal.SIGINT)
    said = capsys.readouterr().err
    assert word in said
    assert bool(said) is is_deaf
