"""Weights that are a script: the next token follows from all before it.

Its cache is a table of what each sequence holds at each position, so a token
evaluated at a wrong place, over a wrong beginning or twice gives another text
than ``expected`` does, and cells that nobody freed can be counted.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence

from generation.server.jobs import Chance, Sampling
from generation.server.native import RESULTS, Cancelled, Row

END = 0
# Tokens are letters, so that texts can be read in a failing test.
VOCABULARY = 27


def follow(tokens: Sequence[int], salt: int = 0) -> int:
    """Return the token after ``tokens``; END about once in 40."""
    raw = b",".join(b"%d" % token for token in tokens) + b"/%d" % salt
    number = int.from_bytes(hashlib.blake2b(raw, digest_size=4).digest(), "big")
    return END if number % 40 == 0 else 1 + number % (VOCABULARY - 1)


def likelihood(before: Sequence[int], token: int) -> float:
    """Return the only right log-probability of ``token`` after ``before``."""
    return -follow([*before, token], salt=99) / 10


def expected(prompt: Sequence[int], most: int, salt: int = 0) -> str:
    """Return the only right text after ``prompt``."""
    tokens = list(prompt)
    while len(tokens) - len(prompt) < most:
        token = follow(tokens, salt)
        if token == END:
            break
        tokens.append(token)
    return "".join(chr(96 + token) for token in tokens[len(prompt) :])


class ScriptedWeights:
    def __init__(
        self,
        *,
        slots: int = 4,
        cells: int = 600,
        context_tokens: int = 200,
        step_s: float = 0.0,
        batch_tokens: int = 64,
    ) -> None:
        self.context_tokens = context_tokens
        self.slots = slots
        self.sequences = slots + 1
        self.cells = cells
        self.batch_tokens = batch_tokens
        self.evaluated = self.restored = 0
        self.gate = threading.Event()
        self.gate.set()
        self.is_failing = False
        self.used = ""
        self.switches = 0
        self.sampled: dict[int, int] = {}
        self._step_s = step_s
        # Sequence -> position -> (identity of the cell, token, adapter).
        self._held: dict[int, dict[int, tuple[int, int, str]]] = {}
        self._results: dict[int, list[int]] = {}

    @property
    def cells_full(self) -> int:
        return len({cell for held in self._held.values() for cell, *_ in held.values()})

    def use(self, adapter: str) -> None:
        self.switches += adapter != self.used
        self.used = adapter

    def evaluate(self, rows: Sequence[Row], aborts: Callable[[], bool]) -> None:
        assert 0 < len(rows) <= self.batch_tokens
        self.gate.wait(10)
        time.sleep(self._step_s)
        if self.is_failing:
            from generation.server.native import EvaluationFailed

            raise EvaluationFailed("as the test wants")
        if aborts():
            raise Cancelled
        assert sum(row.wants_result for row in rows) <= RESULTS + self.slots
        self._results = {}
        for index, row in enumerate(rows):
            self._put(row)
            if row.wants_result:
                held = self._held[row.sequence]
                assert {cell[2] for cell in held.values()} == {self.used}
                self._results[index] = [held[at][1] for at in range(row.position + 1)]
        assert self.cells_full <= self.cells

    def _put(self, row: Row) -> None:
        held = self._held.setdefault(row.sequence, {})
        assert row.position == len(held), "positions follow one another"
        self.evaluated += 1
        held[row.position] = (self.evaluated, row.token, self.used)

    def share(self, source: int, target: int, *, start: int, end: int) -> None:
        held = self._held.setdefault(target, {})
        assert len(held) == start or not held, "a copy may begin anywhere"
        for position in range(start, end):
            held[position] = self._held[source][position]

    def cut(self, sequence: int, start: int) -> None:
        held = self._held.get(sequence, {})
        for position in [at for at in held if at >= start]:
            del held[position]

    def state(self, sequence: int) -> bytes:
        held = self._held.get(sequence, {})
        return json.dumps([[at, *held[at][1:]] for at in sorted(held)]).encode()

    def restore(self, sequence: int, state: bytes | bytearray) -> bool:
        held = self._held.setdefault(sequence, {})
        assert not held, "only an empty sequence is restored"
        cells = json.loads(state)
        if self.cells_full + len(cells) > self.cells:
            return False
        for position, token, adapter in cells:
            self.restored += 1
            held[position] = (-self.restored, token, adapter)
        return True

    def clear(self) -> None:
        self._held.clear()

    def sampler(self, sampling: Sampling) -> ScriptedSampler:
        return ScriptedSampler(self, sampling.seed)

    def result(self, row: int, salt: int) -> int:
        return follow(self._results[row], salt)

    vocabulary = VOCABULARY

    def chance(
        self, row: int, token: int, others: int, wanted: Sequence[int] = ()
    ) -> Chance:
        result = self._results[row]
        return Chance(
            token=self.piece(token),
            logprob=likelihood(result, token),
            wanted=tuple(likelihood(result, one) for one in wanted),
        )

    def piece(self, token: int) -> bytes:
        return bytes([96 + token])

    def is_break(self, token: int) -> bool:
        return token == VOCABULARY - 1

    def is_end(self, token: int) -> bool:
        return token == END

    def close(self) -> None:
        pass


class ScriptedSampler:
    opened = 0

    def __init__(self, weights: ScriptedWeights, salt: int) -> None:
        self._weights = weights
        self._salt = salt
        ScriptedSampler.opened += 1

    def sample(self, row: int) -> int:
        return self._weights.result(row, self._salt)

    def close(self) -> None:
        ScriptedSampler.opened -= 1
