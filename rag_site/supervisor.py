"""Run the site's processes side by side: start, wait for health, restart, stop.

One asyncio loop in one thread, on purpose: a child asks the kernel to be killed
with the thread that started it, so nothing survives a killed supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import platform
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import httpx

# A part that ends this often in this many seconds is not started again.
MAX_CRASHES = 5
CRASH_WINDOW_S = 300.0
MAX_BACKOFF_S = 30.0
# Seconds between two lines about what is still awaited.
REPORT_EVERY_S = 5.0
_LINE_LIMIT_BYTES = 1 << 20
_PR_SET_PDEATHSIG = 1

Say = Callable[[str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process of the site.

    Attributes:
        health_url: answers 200 when the part is ready; or
        ready_line: a line of its log that holds this says so; or neither: ready
            as soon as it runs.
        stop_s: seconds between asking it to stop and killing it.
        stage: parts of one stage stop together, the highest first.
        is_essential: the site ends when this part cannot be kept running.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    health_url: str = ""
    ready_line: str = ""
    stop_s: float = 5.0
    stage: int = 0
    is_essential: bool = False


@dataclass
class Running:
    """A part and what became of it."""

    part: Part
    process: asyncio.subprocess.Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    gave_up: bool = False
    crashes: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_CRASHES))


class Supervisor:
    """Keeps ``parts`` running from ``run`` until ``stop`` is set.

    Parts start together; ``run`` reports when all are ready and stops them stage
    by stage.
    """

    def __init__(self, parts: Sequence[Part], say: Say) -> None:
        self.say = say
        self.running = [Running(part) for part in parts]
        self.stop = asyncio.Event()
        self.is_stopping = False

    async def run(self, on_ready: Callable[[list[str]], None]) -> int:
        """Return 0 after a wanted stop, 1 when an essential part gave up."""
        self._listen_for_signals()
        keepers = [asyncio.create_task(self._keep(one)) for one in self.running]
        report = asyncio.create_task(self._report(on_ready))
        await self.stop.wait()
        self.is_stopping = True
        report.cancel()
        await self._stop_all()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, report, return_exceptions=True)
        return int(any(one.gave_up and one.part.is_essential for one in self.running))

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(name, self._ask_to_stop)

    def _ask_to_stop(self) -> None:
        if self.stop.is_set():
            self.say("site", "stopping at once")
            for one in self.running:
                _kill_group(one.process)
            return
        self.say("site", "stopping (once more to stop at once)")
        self.stop.set()

    async def _keep(self, one: Running) -> None:
        """Start the part again whenever it ends, ever later, until it gives up."""
        while not self.is_stopping:
            await self._run_once(one)
            if self.is_stopping or one.gave_up:
                return
            await asyncio.sleep(min(2.0 ** (len(one.crashes) - 1), MAX_BACKOFF_S))

    async def _run_once(self, one: Running) -> None:
        try:
            one.process = process = await _start(one.part)
        except OSError as exc:  # no room for another process just now
            self._note_crash(one, f"could not be started: {exc.strerror}")
            return
        log = asyncio.create_task(self._relay(one, process))
        probe = asyncio.create_task(_await_health(one))
        code = await process.wait()
        probe.cancel()
        one.ready.clear()
        # A grandchild may hold the pipe open: do not wait for its end.
        await asyncio.wait([log], timeout=1.0)
        log.cancel()
        _kill_group(process)
        how = (
            f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
        )
        if not self.is_stopping:
            self._note_crash(one, how)

    def _note_crash(self, one: Running, how: str) -> None:
        now = time.monotonic()
        one.crashes.append(now)
        one.gave_up = (
            len(one.crashes) == MAX_CRASHES and now - one.crashes[0] < CRASH_WINDOW_S
        )
        if not one.gave_up:
            self.say(one.part.name, f"{how}; it is started again")
            return
        self.say(
            one.part.name,
            f"{how}, {MAX_CRASHES} times in {CRASH_WINDOW_S / 60:.0f} minutes: it is not "
            "started again. The reason is in its lines above; mend it and restart the site.",
        )
        if one.part.is_essential:
            self.stop.set()

    async def _relay(self, one: Running, process: asyncio.subprocess.Process) -> None:
        log = cast("asyncio.StreamReader", process.stdout)  # _start asks for a pipe
        while True:
            try:
                line = await log.readline()
            except ValueError:  # longer than the limit: asyncio dropped it
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if one.part.ready_line and one.part.ready_line in text:
                one.ready.set()
            if text:
                self.say(one.part.name, text)

    async def _report(self, on_ready: Callable[[list[str]], None]) -> None:
        """Say every few seconds what is awaited, and once that all is ready."""
        started = time.monotonic()
        while waiting := self._waiting():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPORT_EVERY_S):
                    while waiting == self._waiting():
                        await asyncio.sleep(0.1)
                    continue
            names = ", ".join(waiting)
            self.say(
                "site", f"waiting for {names} ({time.monotonic() - started:.0f} s)"
            )
        on_ready([one.part.name for one in self.running if one.gave_up])

    def _waiting(self) -> list[str]:
        return [
            one.part.name
            for one in self.running
            if not one.ready.is_set() and not one.gave_up
        ]

    async def _stop_all(self) -> None:
        for stage in sorted({one.part.stage for one in self.running}, reverse=True):
            same = [one for one in self.running if one.part.stage == stage]
            await asyncio.gather(*(_stop(one) for one in same))


async def _start(part: Part) -> asyncio.subprocess.Process:
    """Start a part in a session of its own, so that Ctrl-C reaches only us."""
    return await asyncio.create_subprocess_exec(
        *part.command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | dict(part.environment),
        limit=_LINE_LIMIT_BYTES,
        start_new_session=True,
        preexec_fn=die_with_parent(os.getpid()),
    )


def die_with_parent(parent: int) -> Callable[[], None] | None:
    """Return what a child runs first: have the kernel kill it with its parent."""
    if platform.system() != "Linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return ask_kernel


async def _await_health(one: Running) -> None:
    part = one.part
    if not part.health_url:
        if not part.ready_line:
            one.ready.set()
        return
    async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
        while not one.ready.is_set():
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(part.health_url)).status_code == 200:
                    one.ready.set()
            await asyncio.sleep(0.2)


async def _stop(one: Running) -> None:
    process = one.process
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(one.part.stop_s):
            await process.wait()
    except TimeoutError:
        _kill_group(process)
        await process.wait()


def _kill_group(process: asyncio.subprocess.Process | None) -> None:
    """Kill a part and whatever it started; harmless when they are gone."""
    if process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
