"""Continuous batching: one thread, one context, one sequence for each request.

    engine = Engine(weights, depth=16)
    job = engine.submit(request, emit)   # raises QueueFull
    engine.cancel(job)                   # frees its sequence within one step

``emit`` is called from the engine's thread with Place, Piece and, last and
exactly once, End. A step evaluates one batch: the next token of everyone who
is answered, tokens drafted for them, and slices of the prompts being read.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence

from generation.server.costs import StepCosts
from generation.server.detokenizing import TextStream
from generation.server.drafting import NOTHING, Drafter, Guess, widths
from generation.server.evaluating import Evaluator
from generation.server.figures import Figures
from generation.server.jobs import (
    COMPLETED,
    Chance,
    Emit,
    Job,
    Piece,
    Place,
    Reason,
    Request,
)
from generation.server.kept import KeptPrefixes
from generation.server.native import RESULTS, Cancelled, EvaluationFailed, Row
from generation.server.queueing import FairQueue, WaitTimes
from generation.server.reading import Pace, shares
from generation.server.sampling import GrammarUnusable
from generation.server.saving import NOTHING_SAVED, SavedPrefixes
from generation.server.sequences import Lease, Sequences
from generation.server.slots import Slot, find_leader, rows_of, turn
from generation.server.watching import StepWatch

logger = logging.getLogger(__name__)

EXIT_ENGINE_FAILED = 70  # not 1, a crash of the interpreter, nor 2, a refusal to start


class Engine:
    def __init__(
        self,
        weights: Evaluator,
        *,
        depth: int,
        drafts: bool = True,
        costs: Callable[[], StepCosts] = StepCosts,
        saved: SavedPrefixes = NOTHING_SAVED,
        kept_bytes: int = 0,
    ) -> None:
        """Start the thread; ``costs`` measures in it what steps take.

        ``kept_bytes`` of what was evaluated are kept for reuse, outside the cache.
        Only that thread may evaluate: once more threads than processors have, libgomp
        lets those of a step sleep at each of its hundreds of barriers
        (``gomp_throttled_spin_count_var``): 46 tokens a second and not 57.
        """
        self.weights = weights
        self.figures = Figures()
        self.watch = StepWatch()
        self.costs = StepCosts()
        self._measure_costs = costs
        self._saved = saved
        self.drafts = drafts  # may be changed while nothing runs
        self._changed = threading.Condition()
        self._line: FairQueue[Job] = FairQueue(depth)
        self._slots: list[Slot] = []
        self.kept = KeptPrefixes(kept_bytes)
        self._sequences = self._new_sequences()
        self._pace = Pace(weights.batch_tokens)
        self._adapter = ""
        self._is_closing = False
        self.cells_used = self.sequences_leased = 0  # for other threads
        self._wait_times = WaitTimes(weights.slots)
        self._thread = threading.Thread(target=self._guard, name="engine", daemon=True)
        self._thread.start()

    def _new_sequences(self) -> Sequences:
        of = self.weights
        return Sequences(of, sequences=of.sequences, cells=of.cells, kept=self.kept)

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def running(self) -> int:
        return len(self._slots)

    def submit(self, request: Request, emit: Emit) -> Job:
        """Put a request into the line.

        Raises:
            QueueFull: the line, or the person's part of it, is full.
        """
        job = Job(request, emit)
        with self._changed:
            self._line.put(request.person, job, is_urgent=request.is_urgent)
            self._tell_places()
            self._changed.notify()
        return job

    def cancel(self, job: Job) -> None:
        """End a job, waiting or running; harmless when it has ended."""
        job.cancelled.set()
        with self._changed:
            if self._line.remove(job):
                self._finish(job, "cancelled")
                self._tell_places()

    def retry_after_s(self) -> int:
        """Return after how many seconds a refused request may find room."""
        return self._wait_times.estimate_s(1) or 5

    def close(self) -> None:
        """End everything and wait for the thread."""
        with self._changed:
            self._is_closing = True
            for job in self._line.order():
                self.cancel(job)
            self._changed.notify()
        self._thread.join()
        self.weights.close()

    def _guard(self) -> None:
        """Die with the thread: a server without its engine would only look alive."""
        try:
            self.costs = self._measure_costs()
            self._saved.restore(self.kept)
            while self._await_work():
                self._refuse_late()
                self._admit()
                self._retire()
                self._step()
                self._look()
        except Exception:
            logger.exception("the engine failed; the process ends")
            os._exit(EXIT_ENGINE_FAILED)

    def _await_work(self) -> bool:
        """Return True when there is something to do, False when all is over."""
        if not self._slots:
            self._saved.save(self.kept)
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closing or self._slots or len(self._line)
            )
            return bool(self._slots) or not self._is_closing

    def _refuse_late(self) -> None:
        """End those whose time ran out in the line."""
        with self._changed:
            late = [job for job in self._line.order() if job.is_over]
            for job in late:
                self._line.remove(job)
                self._finish(job, job.reason_over)
            if late:
                self._tell_places()

    def _admit(self) -> None:
        """Give slots to those whose turn it is, as long as there is room for them."""
        begun: list[tuple[Job, Lease]] = []
        with self._changed:
            while len(self._line) and self.running + len(begun) < self.weights.slots:
                request = self._line.peek().request
                lease = self._sequences.lease(request.sharing, limit=request.limit)
                if lease is None:
                    break
                begun.append((self._line.pop(), lease))
            if begun:
                self._tell_places()
        for job, lease in begun:
            self._begin(job, lease)

    def _begin(self, job: Job, lease: Lease) -> None:
        """Open a slot; what is kept for it is copied back while others may come."""
        request, job.begun = job.request, time.monotonic()
        try:
            sampler = self.weights.sampler(request.sampling)
        except GrammarUnusable:
            logger.exception("a grammar could not be read")
            self._sequences.end(lease, ())
            self._finish(job, "error")
            return
        self._sequences.reuse(lease, request.sharing)
        slot = Slot(
            job,
            lease,
            sampler,
            TextStream(request.stops),
            Drafter(len(request.tokens), self.weights.is_break),
            list(request.tokens),
            done=lease.shared,
        )
        find_leader(slot, self._slots)
        self._slots.append(slot)
        job.emit(Place(position=0))

    def _retire(self) -> None:
        """End those who were cancelled or are late; their sequences are free at once."""
        for slot in list(self._slots):
            if self._is_closing:
                slot.job.cancelled.set()
            if slot.job.is_over:
                self._end(slot, slot.job.reason_over)

    def _step(self) -> None:
        """Evaluate one batch and hand out what it gave."""
        if not (rows := self._plan()):
            return
        self.watch.begin(len(rows))
        try:
            if self._evaluate(rows):
                for slot in [slot for slot in self._slots if slot.planned]:
                    self._deliver(slot)
        finally:
            self.watch.end()

    def _evaluate(self, rows: Sequence[Row]) -> bool:
        """Return whether the step gave results."""
        started = time.monotonic()
        try:
            self.weights.use(self._adapter)
            self.weights.evaluate(rows, self._is_for_nobody)
        except Cancelled:
            return False
        except EvaluationFailed:
            logger.exception("evaluation failed; the cache is cleared")
            self._start_over()
            return False
        self._note(time.monotonic() - started, len(rows))
        return True

    def _is_for_nobody(self) -> bool:
        return self._is_closing or all(slot.job.is_over for slot in self._slots)

    def _plan(self) -> list[Row]:
        """Return the rows of the next batch."""
        for slot in self._slots:
            slot.plan(0, [])
        if not self._slots:
            return []
        self._adapter = turn(self._slots, self._adapter)
        chosen = [x for x in self._slots if x.job.request.adapter == self._adapter]
        writing = [slot for slot in chosen if not slot.is_reading]
        reading = [x for x in chosen if x.is_reading and not self._waits(x)]
        ahead = sum(slot.unread for slot in reading)
        self._plan_writing(writing, min(ahead, self._pace.tokens))
        beside = sum(len(x.planned) for x in writing)
        budget = self.weights.batch_tokens - beside
        if writing:
            budget = min(budget, self._pace.tokens)
        results = max(1, (RESULTS - beside) // max(1, len(reading)))
        parts = shares([slot.readable(results) for slot in reading], budget=budget)
        for slot, part in zip(reading, parts, strict=True):
            slot.plan(part, [])
        return rows_of(self._slots)

    def _plan_writing(self, writing: Sequence[Slot], beside: int) -> None:
        """Plan the next token of each, and the drafts that are worth their time."""
        room = min(RESULTS, self.weights.batch_tokens - beside) - len(writing)
        guesses = [self._guess(slot, room // max(1, len(writing))) for slot in writing]
        counts = widths(guesses, beside=beside, costs=self.costs)
        for slot, guess, count in zip(writing, guesses, counts, strict=True):
            slot.plan(1, list(guess.tokens[:count]))

    def _guess(self, slot: Slot, room: int) -> Guess:
        most = min(room, slot.job.request.max_tokens - slot.job.answered - 1)
        return slot.drafter.guess(slot.tokens, most) if self.drafts else NOTHING

    def _waits(self, slot: Slot) -> bool:
        """Whether ``slot`` waits for another's reading; shares it when it is done."""
        leader = slot.leader
        if leader is None:
            return False
        is_here = leader in self._slots
        if is_here and leader.done < slot.awaited:
            return True
        if is_here:
            self._sequences.offer(leader.lease, leader.evaluated_labels())
        self._sequences.reuse(slot.lease, slot.job.request.sharing)
        slot.done = slot.lease.shared
        slot.leader = None
        return False

    def _deliver(self, slot: Slot) -> None:
        """Choose tokens after the step's results, as far as the draft was right."""
        slot.done += len(slot.planned) - len(slot.draft)
        if slot.scores:
            self._tell_scores(slot)
        if not slot.results:
            return
        if not slot.job.answered:
            slot.job.reused = slot.lease.shared
            self._sequences.offer(slot.lease, slot.evaluated_labels())
        if not slot.job.request.max_tokens:
            self._end(slot, "length")
            return
        right, reason = 0, None
        for row, guess in zip(slot.results, [*slot.draft, None], strict=True):
            self.watch.go_on()
            token = slot.sampler.sample(row)
            reason = self._take(slot, row, token)
            if reason or token != guess:
                break
            right += 1
            slot.done += 1
        if reason:
            self._end(slot, reason)
        elif slot.draft:
            self._judge(slot, right)

    def _tell_scores(self, slot: Slot) -> None:
        """Tell how likely the prompt's own tokens were, as far as they are read."""
        others = slot.job.request.logprobs or 0
        chances = [self.weights.chance(*score, others) for score in slot.scores]
        slot.job.emit(Piece(text="", chances=tuple(chances)))

    def _judge(self, slot: Slot, right: int) -> None:
        """Drop wrong drafts from the cache, and learn from them."""
        self.figures.drafted(len(slot.draft), right)
        slot.drafter.learn(len(slot.draft), right)
        if right < len(slot.draft):
            self.weights.cut(slot.lease.sequence, slot.done)

    def _take(self, slot: Slot, row: int, token: int) -> Reason | None:
        """Show a token; return why it is the last, or None."""
        job, request = slot.job, slot.job.request
        if not job.answered:
            job.first_token_s = time.monotonic() - job.submitted
        if self.weights.is_end(token):
            return "stop"
        job.answered += 1
        slot.tokens.append(token)
        text = slot.shown.push(self.weights.piece(token))
        chances: tuple[Chance, ...] = ()
        if request.logprobs is not None:
            told = (request.logprobs, request.token_ids)
            chances = (self.weights.chance(row, token, *told),)
        if text or chances:
            job.emit(Piece(text=text, chances=chances))
        if slot.shown.is_stopped:
            return "stop"
        return "length" if job.answered >= request.max_tokens else None

    def _end(self, slot: Slot, reason: Reason) -> None:
        """Free the slot; what was evaluated for it stays for reuse."""
        self._slots.remove(slot)
        if rest := slot.shown.flush():
            slot.job.emit(Piece(text=rest))
        slot.sampler.close()
        if reason in COMPLETED and slot.job.request.max_tokens:
            self._wait_times.learn(time.monotonic() - slot.job.begun)
        self._finish(slot.job, reason)
        self._sequences.end(slot.lease, slot.lasting_labels())

    def _finish(self, job: Job, reason: Reason) -> None:
        end = job.end(reason)
        self.figures.ended(end)
        job.emit(end)

    def _start_over(self) -> None:
        """End everybody with an error and empty the cache."""
        slots, self._slots = self._slots, []
        for slot in slots:
            slot.sampler.close()
            self._finish(slot.job, "error")
        self.weights.clear()
        self._sequences = self._new_sequences()

    def _note(self, seconds: float, rows: int) -> None:
        read = sum(len(slot.planned) for slot in self._slots if slot.is_reading)
        if 0 < read < rows:
            self._pace.learn(read, seconds)
        if not read:
            self.costs.learn(rows, seconds)
        self.watch.learn(rows, seconds)
        self.figures.step(rows, self.running, seconds)

    def _look(self) -> None:
        self.cells_used = self._sequences.used
        self.sequences_leased = self._sequences.leased

    def _tell_places(self) -> None:
        for position, job in enumerate(self._line.order(), start=1):
            wait_s = self._wait_times.estimate_s(position)
            job.emit(Place(position=position, estimate_s=wait_s))
