"""A bounded line that is fair by person: round robin, first come first served within. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import zip_longest
from typing import Generic, TypeVar

Item = TypeVar("Item")
# After so many urgent ones in a row one that is not urgent is served, if any waits.
URGENT_IN_A_ROW = 4


# Of the line, how much one person may take up: the rest stays for others.
SHARE_OF_ONE = 0.5


class QueueFull(Exception):
    """The line is as long as it may get."""


class ShareTaken(QueueFull):
    """One person has as many waiting as one may; others still find room."""


class _Round(Generic[Item]):
    """Lines by person; the first person is served next and then goes to the end."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[Item]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def of(self, person: str) -> int:
        return len(self._lines.get(person, ()))

    def put(self, person: str, item: Item) -> None:
        self._lines.setdefault(person, deque()).append(item)

    def pop(self) -> Item:
        person, line = next(iter(self._lines.items()))
        item = line.popleft()
        if line:
            self._lines.move_to_end(person)
        else:
            del self._lines[person]
        return item

    def remove(self, item: Item) -> bool:
        for person, line in self._lines.items():
            if item in line:
                line.remove(item)
                if not line:
                    del self._lines[person]
                return True
        return False

    def order(self) -> list[Item]:
        rounds = zip_longest(*self._lines.values())
        return [item for turn in rounds for item in turn if item is not None]


class WaitTimes:
    """How long those in line will wait: a moving average of what one in a slot takes."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._each_s: float | None = None

    def learn(self, seconds: float) -> None:
        """Note how long a slot was taken, from the turn of a request to its end."""
        before = seconds if self._each_s is None else self._each_s
        self._each_s = 0.7 * before + 0.3 * seconds

    def estimate_s(self, position: int) -> int | None:
        """Return the wait of the one at ``position``, 1 is next; None if unknown."""
        if self._each_s is None:
            return None
        return max(1, round(self._each_s * position / self._slots))


class FairQueue(Generic[Item]):
    """Not thread-safe: the engine holds its lock around every call."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.share = max(1, int(depth * SHARE_OF_ONE))
        self._urgent: _Round[Item] = _Round()
        self._patient: _Round[Item] = _Round()
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._urgent) + len(self._patient)

    def put(self, person: str, item: Item, *, is_urgent: bool = True) -> None:
        """Add ``item`` to the line of ``person``.

        Raises:
            QueueFull: the line holds ``depth`` items.
            ShareTaken: ``share`` of them are this person's.
        """
        if len(self) >= self.depth:
            raise QueueFull
        if self._urgent.of(person) + self._patient.of(person) >= self.share:
            raise ShareTaken
        (self._urgent if is_urgent else self._patient).put(person, item)

    def peek(self) -> Item:
        return self.order()[0]

    def pop(self) -> Item:
        """Take the next item and send its person to the end of the round."""
        if self._serves_urgent(self._in_a_row, len(self._urgent), len(self._patient)):
            self._in_a_row += 1
            return self._urgent.pop()
        self._in_a_row = 0
        return self._patient.pop()

    @staticmethod
    def _serves_urgent(in_a_row: int, urgent: int, patient: int) -> bool:
        return bool(urgent) and (not patient or in_a_row < URGENT_IN_A_ROW)

    def remove(self, item: Item) -> bool:
        """Take ``item`` out wherever it waits; False if it does not wait."""
        return self._urgent.remove(item) or self._patient.remove(item)

    def order(self) -> list[Item]:
        """Return the items in the order in which ``pop`` would give them now."""
        urgent, patient = deque(self._urgent.order()), deque(self._patient.order())
        found: list[Item] = []
        in_a_row = self._in_a_row
        while urgent or patient:
            if self._serves_urgent(in_a_row, len(urgent), len(patient)):
                in_a_row += 1
                found.append(urgent.popleft())
            else:
                in_a_row = 0
                found.append(patient.popleft())
        return found
