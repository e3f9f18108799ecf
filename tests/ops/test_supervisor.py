"""One supervisor: it restarts what dies, stops everything, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rag_site import supervisor as supervisor_module
from rag_site.embedded import free_port
from rag_site.management.commands.run import PortTaken, check_port
from rag_site.processes import is_alive, wait_until
from rag_site.running_site import (
    AlreadyRunning,
    RunningSite,
    announce,
    running_site,
    sole_site,
)
from rag_site.supervisor import MAX_CRASHES, Part, Supervisor
from rag_site.terminal import Console, shown_progress

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = "import time; print('I am ready', flush=True); time.sleep(120)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('I am ready', flush=True); time.sleep(120)"
)


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def say(self, name: str, text: str) -> None:
        self.lines.append((name, text))

    def has(self, name: str, words: str) -> bool:
        return any(n == name and words in text for n, text in self.lines)


def part(name: str, program: str, **options: object) -> Part:
    facts = {"ready_line": "ready", "stop_s": 5.0} | options
    return Part(name=name, command=(sys.executable, "-c", program), **facts)  # type: ignore[arg-type]


async def _until(condition: object, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.05)


SAYS_GOODBYE = (
    "import signal, sys, time;"
    "signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(0)));"
    "print('I am ready', flush=True); time.sleep(120)"
)


async def test_all_are_started_and_stopped_highest_stage_first() -> None:
    log, ready = Log(), asyncio.Event()
    parts = [part("one", SAYS_GOODBYE), part("two", SAYS_GOODBYE, stage=1)]
    supervisor = Supervisor(parts, log.say)
    run = asyncio.create_task(supervisor.run(lambda _failed: ready.set()))
    await asyncio.wait_for(ready.wait(), 30)
    assert log.has("one", "I am ready")
    processes = [one.process for one in supervisor.running]
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(run, 30) == 0
    assert [p.returncode for p in processes if p] == [0, 0]
    assert [name for name, text in log.lines if text == "bye"] == ["two", "one"]


async def test_a_killed_part_is_started_again() -> None:
    log, ready = Log(), asyncio.Event()
    supervisor = Supervisor([part("one", SLEEPER)], log.say)
    run = asyncio.create_task(supervisor.run(lambda _failed: ready.set()))
    await asyncio.wait_for(ready.wait(), 30)
    one = supervisor.running[0]
    first = one.process
    assert first is not None
    first.kill()
    await _until(lambda: one.process is not first and one.ready.is_set())
    assert log.has("one", "was ended by signal 9; it is started again")
    supervisor.stop.set()
    await asyncio.wait_for(run, 30)


async def test_a_part_that_keeps_crashing_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rag_site.supervisor.MAX_BACKOFF_S", 0.05)
    log = Log()
    parts = [part("bad", "raise SystemExit(3)", is_essential=True), part("ok", SLEEPER)]
    supervisor = Supervisor(parts, log.say)
    assert await asyncio.wait_for(supervisor.run(lambda _failed: None), 60) == 1
    bad = supervisor.running[0]
    assert bad.gave_up
    assert len(bad.crashes) == MAX_CRASHES
    assert log.has("bad", "ended with status 3, 5 times in 5 minutes")


async def test_the_others_go_on_without_a_part_that_was_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rag_site.supervisor.MAX_BACKOFF_S", 0.05)
    failed: list[str] = []
    supervisor = Supervisor([part("bad", "exit(3)"), part("ok", SLEEPER)], Log().say)
    run = asyncio.create_task(supervisor.run(failed.extend))
    await _until(lambda: failed == ["bad"], 60)
    supervisor.stop.set()
    assert await asyncio.wait_for(run, 30) == 0


async def test_a_part_that_finds_no_memory_to_start_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rag_site.supervisor.MAX_BACKOFF_S", 0.05)
    start, failures = supervisor_module._start, [OSError(12, "Cannot allocate memory")]

    async def start_later(part: Part) -> asyncio.subprocess.Process:
        if failures:
            raise failures.pop()
        return await start(part)

    monkeypatch.setattr(supervisor_module, "_start", start_later)
    log, ready = Log(), asyncio.Event()
    supervisor = Supervisor([part("one", SLEEPER)], log.say)
    run = asyncio.create_task(supervisor.run(lambda _failed: ready.set()))
    await asyncio.wait_for(ready.wait(), 30)
    assert log.has("one", "could not be started: Cannot allocate memory; it is started")
    supervisor.stop.set()
    await asyncio.wait_for(run, 30)


async def test_a_part_that_will_not_stop_is_killed() -> None:
    ready = asyncio.Event()
    supervisor = Supervisor([part("deaf", STUBBORN, stop_s=0.5)], Log().say)
    run = asyncio.create_task(supervisor.run(lambda _failed: ready.set()))
    await asyncio.wait_for(ready.wait(), 30)
    process = supervisor.running[0].process
    supervisor.stop.set()
    await asyncio.wait_for(run, 30)
    assert process is not None
    assert process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_nothing_outlives_a_killed_supervisor() -> None:
    program = f"""
import asyncio, sys
from rag_site.supervisor import Part, Supervisor
part = Part(name="one", command=(sys.executable, "-c", {SLEEPER!r}), ready_line="ready")
supervisor = Supervisor([part], lambda name, text: None)
asyncio.run(supervisor.run(lambda failed: print(supervisor.running[0].process.pid, flush=True)))
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as owner:
        assert owner.stdout is not None
        child = int(owner.stdout.readline())
        assert is_alive(child, "python")
        owner.kill()
    assert wait_until(lambda: not is_alive(child, "python"), 10)


def test_a_used_port_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"Port {port}.*PORT={port + 1}"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", free_port())


def test_another_port_that_is_suggested_is_one() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 65_535))
        taken.listen()
        with pytest.raises(PortTaken, match="PORT=8000"):
            check_port("127.0.0.1", 65_535)


def test_one_site_a_folder_and_its_address_is_known(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    site = RunningSite(
        url="http://localhost:8000",
        pid=os.getpid(),
        model="m",
        model_server_url="http://127.0.0.1:9",
        model_server_key="k",
    )
    with sole_site(tmp_path):
        announce(tmp_path, site)
        assert running_site(tmp_path) == site
        assert (tmp_path / "run" / "site.json").stat().st_mode & 0o077 == 0
        with pytest.raises(AlreadyRunning, match="http://localhost:8000"):
            sole_site(tmp_path).__enter__()
    assert running_site(tmp_path) is None


def test_a_file_left_by_a_killed_site_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "site.lock").touch()
    (tmp_path / "run" / "site.json").write_text('{"url": "http://localhost:1"}')
    assert running_site(tmp_path) is None
    with sole_site(tmp_path):
        assert running_site(tmp_path) is None


def test_a_closed_terminal_does_not_stop_the_console() -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as closed:  # noqa: PTH123 - a file descriptor
        Console(["web"], closed).say("web", "lost")
        # Python would complain of the unwritten rest when closing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), write)


def test_lines_carry_the_name_of_their_part() -> None:
    out = io.StringIO()
    console = Console(["web", "model"], out)
    console.say("web", "hello")
    console.announce(["one", "two"])
    assert out.getvalue() == "web   | hello\n\n  one\n  two\n\n"


def test_progress_in_a_log_file_is_a_few_lines() -> None:
    out = io.StringIO()
    with shown_progress("model", out) as progress:
        for done in range(0, 101, 5):
            progress(done * 1_000_000, 100_000_000)
    lines = out.getvalue().splitlines()
    assert lines[0] == "model: 0% of 100 MB"
    assert lines[-1] == "model: 100% of 100 MB"
    assert len(lines) < 5
