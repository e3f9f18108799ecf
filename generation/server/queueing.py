"""A bounded line that is fair by person: round robin, first come first served within. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class QueueFull(Exception):
    """The line is as long as it may get."""


class FairQueue(Generic[Item]):
    """Not thread-safe: the engine holds its lock around every call."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        # The first person is served next and then goes to the end.
        self._lines: OrderedDict[str, deque[Item]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def put(self, person: str, item: Item) -> None:
        """Add ``item`` to the line of ``person``.

        Raises:
            QueueFull: the line holds ``depth`` items.
        """
        if len(self) >= self.depth:
            raise QueueFull
        self._lines.setdefault(person, deque()).append(item)

    def pop(self) -> Item:
        """Take the next item and send its person to the end of the round."""
        person, line = next(iter(self._lines.items()))
        item = line.popleft()
        if line:
            self._lines.move_to_end(person)
        else:
            del self._lines[person]
        return item

    def remove(self, item: Item) -> bool:
        """Take ``item`` out wherever it waits; False if it does not wait."""
        for person, line in self._lines.items():
            if item in line:
                line.remove(item)
                if not line:
                    del self._lines[person]
                return True
        return False

    def order(self) -> list[Item]:
        """Return the items in the order in which ``pop`` would give them now."""
        lines = [deque(line) for line in self._lines.values()]
        found: list[Item] = []
        while lines:
            found.extend(line.popleft() for line in lines)
            lines = [line for line in lines if line]
        return found
