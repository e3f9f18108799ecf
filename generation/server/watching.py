"""Whether the step that runs should have ended long ago, by the beats of one thread. Pure.

A step is its evaluation and then each token chosen after it: a grammar that is asked
about the whole vocabulary takes a tenth of a second, and dozens of them are no hang.

Beats are counted, not seconds: a process that was stopped and goes on, or a machine
that slept, has not run meanwhile and is not stuck.
"""

from __future__ import annotations

# A step that takes so many times what its rows should, and then some, never ends.
STUCK_S, STUCK_FACTOR = 4.0, 10.0
FIRST_STEP_S = 6.0


class StepWatch:
    """``begin`` and ``end`` are the engine's thread's, ``is_stuck`` that of the beats."""

    def __init__(self) -> None:
        # Of the running step, counted up; None while none runs.
        self._running: int | None = None
        self._count = 0
        self._row_s: float | None = None
        self._expected_s = FIRST_STEP_S
        self._seen: int | None = None
        self._seen_s = 0.0

    def begin(self, rows: int) -> None:
        self._count += 1
        if self._row_s is not None:
            self._expected_s = self._row_s * rows
        self._running = self._count

    def go_on(self) -> None:
        """Note that the step got on: what comes next is timed by itself."""
        self._count += 1
        self._running = self._count

    def end(self) -> None:
        self._running = None

    def learn(self, rows: int, seconds: float) -> None:
        row_s = seconds / rows
        self._row_s = row_s if self._row_s is None else 0.9 * self._row_s + 0.1 * row_s

    def is_stuck(self, beat_s: float) -> bool:
        """Say whether one step has run far too long; asked once every ``beat_s``."""
        running = self._running
        if running is None or running != self._seen:
            self._seen, self._seen_s = running, 0.0
            return False
        self._seen_s += beat_s
        return self._seen_s > STUCK_S + STUCK_FACTOR * self._expected_s
