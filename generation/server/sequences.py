"""Who holds which sequence of the cache, and what is left of it. Pure.

A sequence is free or leased to one request. Those in progress share the cells of a
prefix, without a copy; what a request leaves is kept outside (``kept``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from generation.server.kept import KeptPrefixes, Run, State
from generation.server.prefixes import PrefixTree


class Cache(Protocol):
    """The cells of the cache, of llama.cpp or of the tests' script."""

    def share(self, source: int, target: int, *, start: int, end: int) -> None:
        """Let ``target`` hold the cells of ``source`` at positions start to end."""

    def cut(self, sequence: int, start: int) -> None:
        """Drop what ``sequence`` holds from position ``start`` on."""

    def state(self, sequence: int) -> State:
        """Return what ``sequence`` holds, for ``restore``; empty if it cannot be had."""

    def restore(self, sequence: int, state: State) -> bool:
        """Let the empty ``sequence`` hold what another held; False if it does not fit."""


@dataclass(eq=False, slots=True)
class Lease:
    """A sequence of one request.

    Attributes:
        limit: most tokens it will hold; room for them is set aside.
        shared: leading tokens that it held without evaluating them.
    """

    sequence: int
    limit: int
    shared: int = 0


class Sequences:
    """Not thread-safe: the engine's thread owns it."""

    def __init__(
        self, cache: Cache, *, sequences: int, cells: int, kept: KeptPrefixes
    ) -> None:
        self._cache = cache
        self._cells = cells
        self._kept = kept
        self._tree = PrefixTree()
        # The last one is never leased: copies pass through it.
        self._free = list(range(sequences - 1))
        self._aside = sequences - 1
        self._leases: set[Lease] = set()

    @property
    def used(self) -> int:
        """Cells that are full or set aside."""
        aside = sum(x.limit - self._tree.held(x.sequence) for x in self._leases)
        return self._tree.cells + aside

    @property
    def leased(self) -> int:
        return len(self._leases)

    def lease(self, labels: Sequence[int], *, limit: int) -> Lease | None:
        """Return an empty sequence with room for ``labels`` and an answer, or None."""
        shared, _ = self._tree.match(labels[:-1])
        if not self._free or self.used + limit - shared > self._cells:
            return None
        lease = Lease(self._free.pop(), limit)
        self._leases.add(lease)
        return lease

    def reuse(self, lease: Lease, labels: Sequence[int]) -> None:
        """Share what is in the cache of a prefix, and take back what is kept of it.

        The last token is never reused: its result chooses the first answer token.
        """
        wanted = labels[:-1]
        length, source = self._tree.match(wanted)
        if source is not None and length > lease.shared:
            self._share(source, lease, wanted[:length])
        for run, end in self._kept.match(wanted):
            if end > lease.shared and not self._restore(run, lease, wanted[:end]):
                break

    def _share(self, source: int, lease: Lease, labels: Sequence[int]) -> None:
        """Let ``lease`` hold ``labels``, all of which ``source`` holds."""
        end = len(labels)
        self._cache.share(source, lease.sequence, start=lease.shared, end=end)
        self._tree.hold(lease.sequence, labels)
        lease.shared = end

    def _restore(self, run: Run, lease: Lease, labels: Sequence[int]) -> bool:
        """Let ``lease`` hold ``labels``, which end within ``run``."""
        # The whole of the run may take more cells than are left for this one's part.
        has_room = self.used + len(run.labels) <= self._cells
        is_restored = self._cache.restore(self._aside, run.state)
        if is_restored:
            self._share(self._aside, lease, labels)
        elif has_room:
            # Of other weights or another library: it would never fit.
            self._kept.drop(run)
        self._cache.cut(self._aside, 0)
        return is_restored

    def offer(self, lease: Lease, labels: Sequence[int]) -> None:
        """Let others reuse ``labels``, all evaluated, while this request goes on."""
        length, _ = self._tree.match(labels)
        # Evaluated twice, side by side: these cells stay the request's own.
        if length <= self._tree.held(lease.sequence):
            self._tree.hold(lease.sequence, labels)

    def end(self, lease: Lease, labels: Sequence[int]) -> None:
        """End a lease; ``labels``, what it evaluated, are kept for reuse."""
        self._leases.remove(lease)
        self._kept.keep(labels, lambda *part: self._copied(lease.sequence, *part))
        self._tree.release(lease.sequence)
        self._cache.cut(lease.sequence, 0)
        self._free.append(lease.sequence)

    def _copied(self, sequence: int, start: int, end: int) -> State:
        self._cache.share(sequence, self._aside, start=start, end=end)
        try:
            return self._cache.state(self._aside)
        finally:
            self._cache.cut(self._aside, 0)
