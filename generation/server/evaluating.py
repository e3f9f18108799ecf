"""What the engine needs of the weights: ``native.Weights``, or the tests' script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from generation.server.jobs import Chance, Sampling
from generation.server.native import Row
from generation.server.sequences import Cache
from generation.server.slots import Sampler


class Evaluator(Cache, Protocol):
    """The weights and their cache."""

    context_tokens: int
    slots: int
    sequences: int
    cells: int
    batch_tokens: int

    def use(self, adapter: str) -> None: ...
    def evaluate(self, rows: Sequence[Row], aborts: Callable[[], bool]) -> None: ...
    def sampler(self, sampling: Sampling) -> Sampler: ...
    def chance(
        self, row: int, token: int, others: int, wanted: Sequence[int] = ()
    ) -> Chance: ...
    def piece(self, token: int) -> bytes: ...
    def is_end(self, token: int) -> bool: ...
    def is_break(self, token: int) -> bool: ...
    def clear(self) -> None: ...
    def close(self) -> None: ...
