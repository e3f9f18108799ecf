"""One request while it is answered: what of it is in the cache, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Protocol

from generation.server.detokenizing import TextStream
from generation.server.drafting import Drafter
from generation.server.jobs import Job
from generation.server.native import Row
from generation.server.prefixes import common_prefix, is_of_scope, labelled
from generation.server.sequences import Lease

# A shared beginning shorter than this is read again sooner than waited for.
WORTH_WAITING_TOKENS = 32


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
        scores: rows of the step before a scored token, and these tokens.
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
    scores: list[tuple[int, int]] = field(default_factory=list)
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

    def readable(self, results: int) -> int:
        """Return how many tokens can be read in a step with so many results of it."""
        bare = max(0, self.job.request.reusable - self.done)
        return min(self.unread, bare + results)

    def plan(self, count: int, draft: list[int]) -> None:
        """Take the next ``count`` tokens and ``draft`` into the coming step."""
        self.planned = self.tokens[self.done : self.done + count] + draft
        self.draft = draft
        self.results, self.scores = [], []

    def evaluated_labels(self) -> tuple[int, ...]:
        """Return the labels of what is in the cache."""
        request = self.job.request
        answer = self.tokens[self.prompt_tokens : self.done]
        return request.labels[: self.done] + labelled(answer, request.scope)

    def lasting_labels(self) -> tuple[int, ...]:
        """Return the labels of what is in the cache and may be asked for again."""
        labels, request = self.evaluated_labels(), self.job.request
        if request.is_named:
            return labels
        return tuple(takewhile(lambda x: not is_of_scope(x, request.scope), labels))


def find_leader(slot: Slot, others: Sequence[Slot]) -> None:
    """Wait for whoever is reading a beginning that this prompt shares."""
    for other in others:
        if not other.is_reading:
            continue
        shared = common_prefix(other.job.request.labels, slot.job.request.sharing[:-1])
        if shared >= max(slot.done, slot.awaited) + WORTH_WAITING_TOKENS:
            slot.leader, slot.awaited = other, shared


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
        first = slot.job.request.reusable
        for position, token in enumerate(slot.planned, start=slot.done):
            if position >= last:
                slot.results.append(len(rows))
            elif position >= first:
                slot.scores.append((len(rows), slot.tokens[position + 1]))
            rows.append(Row(token, position, slot.lease.sequence, position >= first))
    return rows
