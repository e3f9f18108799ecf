"""What the engine counts: how fast, how full, how much was not evaluated twice."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from generation.server.jobs import REASONS, End, Reason

# Upper bounds in seconds of the histogram of first tokens.
FIRST_TOKEN_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, float("inf"))


@dataclass(slots=True)
class Figures:
    """Written by the engine's thread, read by the exposition."""

    steps: int = 0
    rows: int = 0
    # Requests in each step, summed: by ``steps`` it is the mean occupancy.
    occupied: int = 0
    step_s: float = 0.0
    answered: int = 0
    prompt: int = 0
    reused: int = 0
    prefix_hits: int = 0
    drafts: int = 0
    drafts_right: int = 0
    finished: dict[Reason, int] = field(
        default_factory=lambda: dict.fromkeys(REASONS, 0)
    )
    first_token_s: float = 0.0
    first_tokens: list[int] = field(
        default_factory=lambda: [0] * len(FIRST_TOKEN_BOUNDS_S)
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self, rows: int, slots: int, seconds: float) -> None:
        self.steps += 1
        self.rows += rows
        self.occupied += slots
        self.step_s += seconds

    def drafted(self, count: int, right: int) -> None:
        self.drafts += count
        self.drafts_right += right

    def ended(self, end: End) -> None:
        """Note an end; a request may end in the line, outside the engine's thread."""
        with self._lock:
            self.finished[end.reason] += 1
            self.answered += end.answer_tokens
            if not end.answer_tokens:
                return
            self.prompt += end.prompt_tokens
            self.reused += end.reused_tokens
            self.prefix_hits += end.reused_tokens > 0
            self.first_token_s += end.first_token_s
            place = next(
                index
                for index, bound in enumerate(FIRST_TOKEN_BOUNDS_S)
                if end.first_token_s <= bound
            )
            self.first_tokens[place] += 1
