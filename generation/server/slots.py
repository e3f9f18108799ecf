"""One request while it is answered: what of it is in the cache, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from generation.server.detokenizing import TextStream
from generation.server.drafting import Drafter
from generation.server.jobs import Job
from generation.server.native import Row
from generation.server.prefixes import labelled
from generation.server.sequences import Lease


class Sampler(Protocol):
    """Of llama.cpp, or of the tests' script."""

    def sample(self, row: int) -> int:
        """Choose the token after row ``row`` of the step."""

    def close(self) -> None: ...


@dataclass(eq=False, slots=True)
class Slot:
    """A request in progress.

    Attributes:
        tokens: of the prompt and of the answer so far.
        done: how many of them are evaluated.
        planned: tokens of this step: the next of ``tokens``, then ``draft``.
        draft: guessed tokens, each verified by the result before it.
        results: rows of the step after which a token is chosen.
        leader: a request that is reading a beginning that this one shares;
            this one waits until ``awaited`` tokens of it are evaluated.
    """

    job: Job
    lease: Lease
    sampler: Sampler
    shown: TextStream
    drafter: Drafter
    tokens: list[int]
    done: int = 0
    planned: list[int] = field(default_factory=list)
    draft: list[int] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    leader: Slot | None = None
    awaited: int = 0

    @property
    def prompt_tokens(self) -> int:
        return len(self.job.request.tokens)

    @property
    def is_reading(self) -> bool:
        return self.done < self.prompt_tokens

    @property
    def unread(self) -> int:
        return self.prompt_tokens - self.done

    def plan(self, count: int, draft: list[int]) -> None:
        """Take the next ``count`` tokens and ``draft`` into the coming step."""
        self.planned = self.tokens[self.done : self.done + count] + draft
        self.draft = draft
        self.results = []

    def evaluated_labels(self) -> tuple[int, ...]:
        """Return the labels of what is in the cache."""
        request = self.job.request
        answer = self.tokens[self.prompt_tokens : self.done]
        return request.labels[: self.done] + labelled(answer, request.scope)


def turn(slots: Sequence[Slot], before: str) -> str:
    """Return the adapter of the next step: one context applies one to a whole batch.

    Those in use take turns, in the order of their names.
    """
    names = sorted({slot.job.request.adapter for slot in slots})
    return next((name for name in names if name > before), names[0])


def rows_of(slots: Sequence[Slot]) -> list[Row]:
    """Return the rows of what is planned; each slot learns where its results will be."""
    rows: list[Row] = []
    for slot in slots:
        last = len(slot.tokens) - 1
        for position, token in enumerate(slot.planned, start=slot.done):
            if position >= last:
                slot.results.append(len(rows))
            rows.append(Row(token, position, slot.lease.sequence, position >= last))
    return rows
