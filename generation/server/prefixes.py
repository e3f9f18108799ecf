"""A tree over the tokens whose keys and values are in the cache. Pure.

Every node is a run of tokens that lies in the cache once; its holders are the
sequences that share those cells. Labels stand for tokens: equal labels are equal
tokens that the same people may read (see ``labelled``), so a match can never
cross a border between people.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

# A token id takes 32 bits; the scope stands above them.
_TOKEN_BITS = 32
_TOKEN = (1 << _TOKEN_BITS) - 1


@lru_cache(maxsize=4096)
def _scope_number(scope: str) -> int:
    digest = hashlib.blake2b(scope.encode(errors="replace"), digest_size=16)
    return int.from_bytes(digest.digest(), "big") << _TOKEN_BITS


def labelled(tokens: Sequence[int], scope: str) -> tuple[int, ...]:
    """Return a label for each token; equal only for equal token and scope."""
    number = _scope_number(scope)
    return tuple(number | token for token in tokens)


def without_scope(labels: Sequence[int]) -> tuple[int, ...]:
    """Return the tokens of ``labels``."""
    return tuple(label & _TOKEN for label in labels)


def is_of_scope(label: int, scope: str) -> bool:
    return label & ~_TOKEN == _scope_number(scope)


def scope_borders(labels: Sequence[int], start: int) -> Iterator[int]:
    """Yield where each run of one scope ends, of what comes after ``start``."""
    for _, run in itertools.groupby(labels[start:], lambda label: label & ~_TOKEN):
        start += sum(1 for _ in run)
        yield start


@dataclass(eq=False, slots=True)
class _Node:
    labels: tuple[int, ...]
    parent: _Node | None = None
    holders: set[int] = field(default_factory=set)
    children: dict[int, _Node] = field(default_factory=dict)


class PrefixTree:
    """Not thread-safe: the engine's thread owns it."""

    def __init__(self) -> None:
        self._root = _Node(())
        self._ends: dict[int, _Node] = {}
        # Cells of the cache that hold the runs of all nodes.
        self.cells = 0

    def match(self, labels: Sequence[int]) -> tuple[int, int | None]:
        """Return how many leading labels are in the cache, and a sequence that holds them."""
        node, length, holder = self._root, 0, None
        while child := self._next(node, labels, length):
            shared = common_prefix(child.labels, labels[length:])
            length, holder = length + shared, next(iter(child.holders))
            if shared < len(child.labels):
                break
            node = child
        return length, holder

    def hold(self, holder: int, labels: Sequence[int]) -> None:
        """Say that ``holder`` holds ``labels``, which begin with what it held before.

        Cells that are in the tree already must be shared with it, not evaluated
        twice: the caller asks ``match`` first.
        """
        node, length = self._root, 0
        while child := self._next(node, labels, length):
            shared = common_prefix(child.labels, labels[length:])
            node = child if shared == len(child.labels) else _split(child, shared)
            node.holders.add(holder)
            length += shared
        if length < len(labels):
            leaf = _Node(tuple(labels[length:]), node, {holder})
            node.children[leaf.labels[0]] = leaf
            self.cells += len(leaf.labels)
            node = leaf
        # A split keeps the lower node, where other ends point.
        self._ends[holder] = node

    def release(self, holder: int) -> None:
        """Forget ``holder``; runs that nobody else holds leave the tree."""
        node: _Node | None = self._ends.pop(holder, None)
        while node is not None and node.parent is not None:
            node.holders.discard(holder)
            if not node.holders:
                del node.parent.children[node.labels[0]]
                self.cells -= len(node.labels)
            node = node.parent

    def held(self, holder: int) -> int:
        """Return how many tokens ``holder`` holds."""
        return sum(len(node.labels) for node in self._path(holder))

    def _path(self, holder: int) -> list[_Node]:
        found = []
        node: _Node | None = self._ends.get(holder)
        while node is not None and node.parent is not None:
            found.append(node)
            node = node.parent
        return found

    @staticmethod
    def _next(node: _Node, labels: Sequence[int], at: int) -> _Node | None:
        return node.children.get(labels[at]) if at < len(labels) else None


def _split(node: _Node, length: int) -> _Node:
    """Cut a node in two and return the new upper one; ends stay at the lower."""
    parent = node.parent
    assert parent is not None  # noqa: S101 - the root is never split
    upper = _Node(node.labels[:length], parent, set(node.holders), {})
    parent.children[upper.labels[0]] = upper
    node.labels, node.parent = node.labels[length:], upper
    upper.children[node.labels[0]] = node
    return upper


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many leading values are equal."""
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
