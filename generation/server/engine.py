"""One thread owns the weights; everybody else waits in a fair, bounded line.

    engine = Engine(weights, depth=16)
    job = engine.submit(request, emit)   # raises QueueFull
    engine.cancel(job)                   # frees the slot within one step

``emit`` is called from the engine's thread with Place, Piece and, last and
exactly once, End.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from generation.server.detokenizing import TextStream
from generation.server.native import (
    Cancelled,
    EvaluationFailed,
    Sampler,
    Sampling,
    Weights,
)
from generation.server.queueing import FairQueue

logger = logging.getLogger(__name__)

# Told apart from a crash of the interpreter (1) and a refusal to start (2).
EXIT_ENGINE_FAILED = 70
Reason = Literal["stop", "length", "cancelled", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A tokenised prompt with every bound set.

    Attributes:
        person: scope of fairness and of reuse; never shared between people.
        wall_s: seconds from submission after which the answer is ended.
    """

    person: str
    tokens: tuple[int, ...]
    max_tokens: int
    wall_s: float
    sampling: Sampling = field(default_factory=Sampling)
    stops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Place in line: 1 is next, 0 is being read now."""

    position: int
    estimate_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    reason: Reason
    prompt_tokens: int
    reused_tokens: int
    answer_tokens: int
    first_token_s: float
    total_s: float


Emit = Callable[[Place | Piece | End], None]


@dataclass(eq=False, slots=True)
class Job:
    request: Request
    emit: Emit
    cancelled: threading.Event = field(default_factory=threading.Event)
    submitted: float = field(default_factory=time.monotonic)
    reused: int = 0
    answered: int = 0
    first_token_s: float = 0.0

    @property
    def is_over(self) -> bool:
        late = time.monotonic() > self.submitted + self.request.wall_s
        return late or self.cancelled.is_set()


class Engine:
    def __init__(self, weights: Weights, *, depth: int) -> None:
        self.weights = weights
        self._changed = threading.Condition()
        self._line: FairQueue[Job] = FairQueue(depth)
        self._running: Job | None = None
        self._is_closing = False
        # What the context holds, and whose it is.
        self._tokens: list[int] = []
        self._person: str | None = None
        # Moving average of the seconds of one job, for estimates.
        self._job_s: float | None = None
        self.finished: dict[Reason, int] = dict.fromkeys(
            ("stop", "length", "cancelled", "error"), 0
        )
        self.answered_tokens = self.reused_tokens = 0
        self._thread = threading.Thread(target=self._guard, name="engine", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def is_busy(self) -> bool:
        return self._running is not None

    def submit(self, request: Request, emit: Emit) -> Job:
        """Put a request into the line.

        Raises:
            QueueFull: the line is as long as it may get.
        """
        job = Job(request, emit)
        with self._changed:
            self._line.put(request.person, job)
            self._tell_places()
            self._changed.notify()
        return job

    def cancel(self, job: Job) -> None:
        """End a job, waiting or running; harmless when it has ended."""
        job.cancelled.set()
        with self._changed:
            if self._line.remove(job):
                self._end(job, "cancelled")
                self._tell_places()

    def retry_after_s(self) -> int:
        """Return after how many seconds a refused request may find room."""
        return max(1, round(self._job_s or 5))

    def close(self) -> None:
        """End everything and wait for the thread."""
        with self._changed:
            self._is_closing = True
            waiting = self._line.order()
            if self._running:
                self._running.cancelled.set()
            self._changed.notify()
        for job in waiting:
            self.cancel(job)
        self._thread.join()
        self.weights.close()

    def _guard(self) -> None:
        """Die with the thread: a server without its engine would only look alive."""
        try:
            self._serve()
        except Exception:
            logger.exception("the engine failed; the process ends")
            os._exit(EXIT_ENGINE_FAILED)

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closing or len(self._line))
                if self._is_closing:
                    return
                job = self._running = self._line.pop()
                self._tell_places()
            self._answer(job)
            self._running = None

    def _tell_places(self) -> None:
        ahead = 1 if self._running else 0
        for position, job in enumerate(self._line.order(), start=1):
            seconds = None
            if self._job_s is not None:
                seconds = round(self._job_s * (position - 1 + ahead))
            job.emit(Place(position=position, estimate_s=seconds))

    def _answer(self, job: Job) -> None:
        job.emit(Place(position=0))
        started = time.monotonic()
        sampler = Sampler(job.request.sampling)
        try:
            reason = self._run(job, sampler)
        except Cancelled:
            self._forget()
            reason = "cancelled" if job.cancelled.is_set() else "length"
        except EvaluationFailed:
            logger.exception("evaluation failed; the context is cleared")
            self._forget()
            reason = "error"
        finally:
            sampler.close()
        took = time.monotonic() - started
        self._job_s = took if self._job_s is None else 0.7 * self._job_s + 0.3 * took
        self._end(job, reason)

    def _run(self, job: Job, sampler: Sampler) -> Reason:
        self._read(job)
        shown = TextStream(job.request.stops)
        for _ in range(job.request.max_tokens):
            token = self.weights.sample(sampler)
            if not job.answered:
                job.first_token_s = time.monotonic() - job.submitted
            if self.weights.is_end(token):
                return self._finish(job, shown, "stop")
            job.answered += 1
            self._show(job, shown.push(self.weights.piece(token)))
            if shown.is_stopped:
                return "stop"
            if job.is_over:
                break
            self.weights.evaluate([token])
            self._tokens.append(token)
        reason: Reason = "cancelled" if job.cancelled.is_set() else "length"
        return self._finish(job, shown, reason)

    def _finish(self, job: Job, shown: TextStream, reason: Reason) -> Reason:
        self._show(job, shown.flush())
        return reason

    @staticmethod
    def _show(job: Job, text: str) -> None:
        if text:
            job.emit(Piece(text=text))

    def _read(self, job: Job) -> None:
        """Evaluate the prompt, keeping what the same person's last one shares with it."""
        prompt = job.request.tokens
        same = self._tokens if job.request.person == self._person else []
        # The last token is always evaluated: its result chooses the first one.
        shared = min(_common_prefix(same, prompt), len(prompt) - 1)
        self.weights.keep(shared)
        self._person, self._tokens = job.request.person, list(prompt)
        job.reused = shared
        self.weights.evaluate_prompt(prompt[shared:], lambda: job.is_over)

    def _forget(self) -> None:
        self.weights.keep(0)
        self._tokens, self._person = [], None

    def _end(self, job: Job, reason: Reason) -> None:
        self.finished[reason] += 1
        self.answered_tokens += job.answered
        self.reused_tokens += job.reused
        job.emit(
            End(
                reason=reason,
                prompt_tokens=len(job.request.tokens),
                reused_tokens=job.reused,
                answer_tokens=job.answered,
                first_token_s=job.first_token_s,
                total_s=time.monotonic() - job.submitted,
            )
        )


def _common_prefix(first: list[int], second: tuple[int, ...]) -> int:
    pairs = itertools.takewhile(
        lambda p: p[0] == p[1], zip(first, second, strict=False)
    )
    return sum(1 for _ in pairs)
