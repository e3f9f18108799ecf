"""Who holds which sequence of the cache, what is kept for reuse, and what is left. Pure.

A sequence is free, leased to one request, or kept after its request for the
sake of its prefix. Nothing is copied: sequences share the cells of a prefix.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from generation.server.prefixes import PrefixTree


class Cache(Protocol):
    """The cells of the cache, of llama.cpp or of the tests' script."""

    def share(self, source: int, target: int, *, start: int, end: int) -> None:
        """Let ``target`` hold the cells of ``source`` at positions start to end."""

    def cut(self, sequence: int, start: int) -> None:
        """Drop what ``sequence`` holds from position ``start`` on."""

    def state(self, sequence: int) -> bytes:
        """Return what ``sequence`` holds, for ``restore``; empty if it cannot be had."""

    def restore(self, sequence: int, state: bytes) -> bool:
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

    def __init__(self, cache: Cache, *, sequences: int, cells: int) -> None:
        self._cache = cache
        self.cells = cells
        self._tree = PrefixTree()
        self._free = list(range(sequences))
        self._leases: set[Lease] = set()
        # Least recently used first.
        self._kept: OrderedDict[int, None] = OrderedDict()

    @property
    def used(self) -> int:
        """Cells that are full or set aside."""
        aside = sum(x.limit - self._tree.held(x.sequence) for x in self._leases)
        return self._tree.cells + aside

    @property
    def kept(self) -> int:
        return len(self._kept)

    @property
    def leased(self) -> int:
        return len(self._leases)

    def lease(self, labels: Sequence[int], *, limit: int) -> Lease | None:
        """Return a sequence that already holds what can be reused, or None.

        The last token is never reused: its result chooses the first answer token.
        """
        if not (self._free or self._evict()):
            return None
        lease = Lease(self._free.pop(), limit)
        self._leases.add(lease)
        self.reuse(lease, labels)
        while self.used > self.cells:
            if not self._evict():
                self.end(lease, ())
                return None
        return lease

    def reuse(self, lease: Lease, labels: Sequence[int]) -> None:
        """Share the cells of the longest prefix that is in the cache."""
        length, source = self._tree.match(labels[:-1])
        if source is None or length <= lease.shared:
            return
        if source in self._kept:
            self._kept.move_to_end(source)
        self._cache.share(source, lease.sequence, start=lease.shared, end=length)
        self._tree.hold(lease.sequence, labels[:length])
        lease.shared = length

    def offer(self, lease: Lease, labels: Sequence[int]) -> bool:
        """Let others reuse ``labels``, all evaluated; False if they are held already."""
        length, _ = self._tree.match(labels)
        if length > self._tree.held(lease.sequence):
            # Evaluated twice, side by side: these cells stay the request's own.
            return False
        self._tree.hold(lease.sequence, labels)
        return True

    def end(self, lease: Lease, labels: Sequence[int]) -> None:
        """End a lease; ``labels``, what it evaluated, are kept for reuse."""
        self._leases.remove(lease)
        if labels and self.offer(lease, labels):
            self._cache.cut(lease.sequence, len(labels))
            self._kept[lease.sequence] = None
            for one in self._tree.within(lease.sequence) & self._kept.keys():
                self._drop(one)
        else:
            self._drop(lease.sequence)

    def leading(self, scope: str) -> list[tuple[tuple[int, ...], int]]:
        """Return the longest runs of tokens of ``scope`` alone, each with a holder."""
        return self._tree.leading(scope)

    def state(self, holder: int, length: int) -> bytes:
        """Return what ``holder`` holds of its first ``length`` tokens; empty if it cannot be had."""
        if not self._free:
            return b""
        aside = self._free[-1]
        self._cache.share(holder, aside, start=0, end=length)
        try:
            return self._cache.state(aside)
        finally:
            self._cache.cut(aside, 0)

    def adopt(self, labels: Sequence[int], state: bytes) -> bool:
        """Keep a saved prefix for reuse; False if there is no room or it does not fit."""
        lease = self.lease(labels, limit=len(labels))
        if lease is None:
            return False
        is_restored = bool(self._free) and self._restore(lease, labels, state)
        self.end(lease, labels if is_restored else ())
        return is_restored

    def _restore(self, lease: Lease, labels: Sequence[int], state: bytes) -> bool:
        # Another prefix may begin with the same tokens: their cells are shared.
        aside = self._free[-1]
        fits = self._cache.restore(aside, state)
        if fits:
            self._cache.share(
                aside, lease.sequence, start=lease.shared, end=len(labels)
            )
        self._cache.cut(aside, 0)
        return fits

    def forget(self) -> None:
        """Drop everything that is kept."""
        while self._evict():
            pass

    def _evict(self) -> bool:
        """Drop the kept sequence that was used longest ago; False if there is none."""
        oldest = next(iter(self._kept), None)
        if oldest is not None:
            self._drop(oldest)
        return oldest is not None

    def _drop(self, sequence: int) -> None:
        self._kept.pop(sequence, None)
        self._tree.release(sequence)
        self._cache.cut(sequence, 0)
        self._free.append(sequence)
