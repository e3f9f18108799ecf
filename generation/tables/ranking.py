"""The largest and the smallest, the first and the last: by which column. Pure."""

from __future__ import annotations

from generation.tables.known import Kind
from generation.tables.openings import Op
from generation.tables.reading import Reading, Unclear

# Said of amounts only; "largest" may be said of the thing itself.
_HIGHEST = frozenset(("highest", "most", "maximum"))
_LOWEST = frozenset(("lowest", "fewest", "least", "minimum"))
_LARGEST = frozenset(("largest", "biggest", "greatest", "longest"))
_SMALLEST = frozenset(("smallest", "shortest"))
# Of days. "First" and "last" are so behind "ends" and the like only.
_LATEST, _EARLIEST = frozenset(("latest", "newest")), frozenset(("earliest", "oldest"))
_MORE = _LATEST | _HIGHEST | _LARGEST | {"last"}


def take_ranking(reading: Reading) -> tuple[Op, int] | None:
    """Take "the highest price", None if there is none.

    Raises:
        Unclear: it ranks by nothing that is clear.
    """
    for at, word in enumerate(reading.words):
        if reading.mention_at(at) or at in reading.taken:
            continue
        said = word.plain
        before = reading.mention_at(at - 1) if said in ("first", "last") else None
        if before and not before.is_value:
            column = _of_days(reading, at - 1)
        elif said in _LATEST | _EARLIEST:
            column = _of_days(reading, at)
        elif said in _HIGHEST | _LOWEST | _LARGEST | _SMALLEST and not _is_bound(
            reading, at
        ):
            column = _of_amounts(reading, at, is_whole=said in _LARGEST | _SMALLEST)
        else:
            continue
        reading.taken.add(at)
        return (Op.MOST if said in _MORE else Op.LEAST), column
    return None


def _is_bound(reading: Reading, at: int) -> bool:
    """Whether a word is the second of "at most" or "at least"."""
    return at > 0 and reading.words[at - 1].plain == "at"


def _of_amounts(reading: Reading, at: int, *, is_whole: bool) -> int:
    column = _next_named(reading, at, "amount", is_whole=is_whole)
    if column is None or reading.known.is_rank(column):
        raise Unclear
    return column


def _of_days(reading: Reading, at: int) -> int:
    column = _next_named(reading, at, "days", is_whole=False)
    column = reading.known.own_days if column is None else column
    if column is None:
        raise Unclear
    return column


def _next_named(reading: Reading, at: int, kind: Kind, *, is_whole: bool) -> int | None:
    """Take the next column that is named, None if none is.

    Args:
        is_whole: whether a part of its name is too little.

    Raises:
        Unclear: it is of another kind, or may be more than one.
    """
    mention = next((m for m in reading.named if m.first >= at), None)
    if mention is None:
        return None
    columns = [one for one in mention.columns if reading.known.kind(one) == kind]
    if len(columns) != 1 or (is_whole and not mention.is_whole):
        raise Unclear
    reading.take(mention)
    return columns[0]
