"""The keeper of the weights' process: it holds the port, the process may die.

The keeper loads no weights, so nothing native can end it. It starts the process
that does on its own listening socket, hears its beat through a pipe, ends one
that hangs, starts it again with back-off, and swaps models by starting the next
process beside the old one: requests wait in the socket meanwhile, none is refused.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

logger = logging.getLogger(__name__)

BEAT_S = 0.5
# No beat, and no work done either, for so long: it hangs or is stopped.
HANG_S = 3.5
# No beat while it computes: importing torch keeps Python from running for seconds.
BUSY_HANG_S = 30.0
# Processor time in a quarter of a second below which a process does nothing.
_IDLE_CPU_S = 0.001
TICK_S = 0.25
MAX_CRASHES, CRASH_WINDOW_S, MAX_BACKOFF_S = 5, 300.0, 30.0
STOP_S = 6.0


@dataclass(eq=False)
class Child:
    """A process with weights, and what is known of it."""

    model: str
    process: subprocess.Popen[bytes]
    pipe: int
    is_ready: bool = False
    last_beat: float = field(default_factory=time.monotonic)
    last_work: float = field(default_factory=time.monotonic)
    cpu_s: float = 0.0
    wants: str = ""
    _line: bytes = b""

    def hear(self) -> None:
        """Read what it said: ``ready``, ``beat``, or ``swap NAME``."""
        try:
            said = os.read(self.pipe, 4096)
        except BlockingIOError:
            return
        if said:
            self.last_beat = time.monotonic()
        *lines, self._line = (self._line + said).split(b"\n")
        for line in lines:
            word, _, rest = line.decode().partition(" ")
            self.is_ready = self.is_ready or word == "ready"
            self.wants = rest if word == "swap" else self.wants

    def hangs(self) -> bool:
        """Whether it should have been heard of by now."""
        now = time.monotonic()
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.NoSuchProcess:
            return False
        spent = times.user + times.system
        if spent - self.cpu_s > _IDLE_CPU_S:
            self.cpu_s, self.last_work = spent, now
        silent, idle = now - self.last_beat, now - self.last_work
        if not self.is_ready:
            return False
        return silent > BUSY_HANG_S or min(silent, idle) > HANG_S

    def end(self, how: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
            if how == signal.SIGKILL:
                self.process.wait()


class Keeper:
    def __init__(self, host: str, port: int, *, model: str, drain_s: float) -> None:
        self._socket = socket.create_server((host, port), backlog=256)
        self._socket.set_inheritable(True)
        self._model = model
        self._drain_s = drain_s
        self._extra: Sequence[str] = ()
        self._next: Child | None = None
        self._leaving: list[tuple[Child, float]] = []
        self._crashes: deque[float] = deque(maxlen=MAX_CRASHES)
        self._is_stopping = False

    def run(self, *, extra: Sequence[str] = ()) -> int:
        """Keep a process running until told to stop; return the exit status."""
        self._extra = extra
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._stop)
        child = self._start(self._model)
        while not self._is_stopping:
            time.sleep(TICK_S)
            child.hear()
            if child.hangs():
                logger.error("the weights' process hangs; it is ended")
                child.end(signal.SIGKILL)
            if child.process.poll() is not None:
                found = self._again(child)
                if isinstance(found, int):
                    return found
                child = found
            child = self._swap(child)
            self._reap()
        self._end_all(child)
        return 0

    def _stop(self, *_args: object) -> None:
        self._is_stopping = True

    def _start(self, model: str) -> Child:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        fds = (self._socket.fileno(), writing)
        command = [sys.executable, sys.argv[0], "serve_model", "--model", model]
        command += ["--socket", str(fds[0]), "--pipe", str(fds[1]), *self._extra]
        process = subprocess.Popen(command, pass_fds=fds)
        os.close(writing)
        return Child(model, process, reading)

    def _again(self, child: Child) -> Child | int:
        """Start another process after a crash, or return the status to end with."""
        code = child.process.returncode
        os.close(child.pipe)
        if not child.is_ready:
            return code if code > 0 else 1
        now = time.monotonic()
        self._crashes.append(now)
        if (
            len(self._crashes) == MAX_CRASHES
            and now - self._crashes[0] < CRASH_WINDOW_S
        ):
            logger.error("the weights' process ended %d times; giving up", MAX_CRASHES)
            return 1
        logger.error("the weights' process ended with %d; it is started again", code)
        recent = sum(now - at < CRASH_WINDOW_S for at in self._crashes)
        self._pause(min(MAX_BACKOFF_S, 0.25 * 2 ** (recent - 1)))
        return self._start(child.model)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._is_stopping:
            time.sleep(0.05)

    def _swap(self, child: Child) -> Child:
        """Start the model that was asked for; switch when it has answered a question."""
        if child.wants and self._next is None:
            logger.info("loading %s beside %s", child.wants, child.model)
            self._next, child.wants = self._start(child.wants), ""
        coming = self._next
        if coming is None:
            return child
        coming.hear()
        if coming.process.poll() is not None:
            logger.error("%s did not start; %s goes on", coming.model, child.model)
            os.close(coming.pipe)
            self._next = None
        elif coming.is_ready:
            logger.info(
                "%s answers; %s finishes what it has", coming.model, child.model
            )
            child.end(signal.SIGUSR1)
            self._leaving.append((child, time.monotonic() + self._drain_s))
            self._next = None
            return coming
        return child

    def _reap(self) -> None:
        for child, until in list(self._leaving):
            child.hear()
            if time.monotonic() > until:
                child.end(signal.SIGKILL)
            if child.process.poll() is not None:
                os.close(child.pipe)
                self._leaving.remove((child, until))

    def _end_all(self, child: Child) -> None:
        ending = [child, *([self._next] if self._next else [])]
        ending += [leaving for leaving, _ in self._leaving]
        for one in ending:
            one.end(signal.SIGTERM)
        until = time.monotonic() + STOP_S
        while time.monotonic() < until:
            if all(one.process.poll() is not None for one in ending):
                return
            time.sleep(0.05)
        for one in ending:
            one.end(signal.SIGKILL)
