"""What was evaluated and may be asked for again, copied out of the cache. Pure.

A step's attention walks over every full cell of the cache, whoever holds it: 6,000
cells of others made the steps of eight askers a fifth longer (docs/evaluation.md). So
only what is being answered lies in the cache. A copy goes back in some milliseconds,
where reading its tokens again takes seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from generation.server.prefixes import (
    common_prefix,
    is_of_scope,
    labelled,
    scope_borders,
    without_scope,
)

State = bytes | memoryview


@dataclass(eq=False, slots=True)
class Run:
    """Tokens of one scope, and what the cache held of them.

    Attributes:
        start: how many tokens come before them.
        children: runs that go on within or after this one, by how many tokens come
            before them and their first label.
    """

    start: int
    labels: tuple[int, ...]
    state: State
    parent: Run | None = None
    children: dict[tuple[int, int], Run] = field(default_factory=dict)


class KeptPrefixes:
    """Not thread-safe: the engine's thread owns it."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._root = Run(0, (), b"")
        # Least recently used first, every run before the one it goes on from.
        self._order: OrderedDict[Run, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._order)

    def match(self, labels: Sequence[int]) -> list[tuple[Run, int]]:
        """Return the runs of the longest kept beginning of ``labels``, in their order.

        Each comes with how many of ``labels`` there are up to the end of its part.
        """
        run, length = self._root, 0
        found = []
        while length < len(labels) and (
            child := run.children.get((length, labels[length]))
        ):
            run = child
            length += common_prefix(run.labels, labels[length:])
            found.append((run, length))
        self._touch(run)
        return found

    def keep(self, labels: Sequence[int], copied: Callable[[int, int], State]) -> None:
        """Keep ``labels``; what is kept already is not copied again.

        Args:
            copied: returns what the cache holds of the tokens between two places.
        """
        if not self.limit_bytes:
            return
        run, start = self._last(labels)
        for end in scope_borders(labels, start):
            if not (state := copied(start, end)):
                return
            added = self._add(run, start, tuple(labels[start:end]), state)
            if added is None:
                return
            run, start = added, end

    def of_scope(self, scope: str) -> Iterator[tuple[tuple[int, ...], int, State]]:
        """Yield the runs before which there is only ``scope``, beginnings first.

        Each as the tokens from the first to its last, where it starts, and its state.
        """
        ahead: list[tuple[Run, tuple[int, ...]]] = [(self._root, ())]
        while ahead:
            run, before = ahead.pop()
            for (start, first), child in run.children.items():
                if is_of_scope(first, scope):
                    tokens = before[:start] + without_scope(child.labels)
                    ahead.append((child, tokens))
                    yield tokens, start, child.state

    def adopt(
        self, tokens: Sequence[int], scope: str, start: int, state: State
    ) -> bool:
        """Take what ``of_scope`` told; False if it is not known what comes before."""
        labels = labelled(tokens, scope)
        run, length = self._last(labels)
        if length == start < len(labels):
            self._add(run, start, labels[start:], state)
        return self._last(labels)[1] == len(labels)

    def drop(self, run: Run) -> None:
        """Drop a run, and all that goes on from it."""
        for child in list(run.children.values()):
            self.drop(child)
        self._drop(run)

    def _last(self, labels: Sequence[int]) -> tuple[Run, int]:
        """Return the run in which the kept beginning of ``labels`` ends, and its length."""
        path = self.match(labels)
        return path[-1] if path else (self._root, 0)

    def _add(
        self, parent: Run, start: int, labels: tuple[int, ...], state: State
    ) -> Run | None:
        """Take a run; None if, with all before it, it is more than may be kept."""
        run = Run(start, labels, state, parent)
        if sum(len(one.state) for one in _line(run)) > self.limit_bytes:
            return None
        parent.children[start, labels[0]] = run
        self.used_bytes += len(state)
        self._order[run] = None
        self._touch(run)
        while self.used_bytes > self.limit_bytes:
            self._drop(next(iter(self._order)))
        return run

    def _touch(self, run: Run) -> None:
        """Say that ``run``, and with it all before it, was used last."""
        for one in _line(run):
            self._order.move_to_end(one)

    def _drop(self, run: Run) -> None:
        """Drop a run that none goes on from."""
        assert run.parent is not None  # noqa: S101 - the root is in no order
        del self._order[run], run.parent.children[run.start, run.labels[0]]
        self.used_bytes -= len(run.state)


def _line(run: Run) -> Iterator[Run]:
    """Yield ``run`` and those that it goes on from, without the root."""
    while run.parent is not None:
        yield run
        run = run.parent
