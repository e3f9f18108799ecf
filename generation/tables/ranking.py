"""The largest and the smallest, the first and the last: by which column. Pure."""

from __future__ import annotations

from generation.tables.openings import Op
from generation.tables.reading import Reading, Unclear

# Said of amounts only; "largest" may be said of the thing itself.
_HIGHEST = frozenset(("highest", "most", "maximum"))
_LOWEST = frozenset(("lowest", "fewest", "least", "minimum"))
_LARGEST = frozenset(("largest", "biggest", "greatest", "longest"))
_SMALLEST = frozenset(("smallest", "shortest"))
# Of days. "First" and "last" are so behind "ends" and the like only.
_LATEST, _EARLIEST = frozenset(("latest", "newest")), frozenset(("earliest", "oldest"))


def take_ranking(reading: Reading) -> tuple[Op, int] | None:
    """Take "the highest price", None if there is none."""
    for at, word in enumerate(reading.words):
        said = word.plain
        follows = reading.mention_at(at - 1) if said in ("first", "last") else None
        if reading.mention_at(at) or at in reading.taken:
            continue
        is_last = follows is not None and not follows.is_value
        if said in _LATEST | _EARLIEST or is_last:
            column = _ranked_by(reading, at - is_last, is_whole=False, is_days=True)
        elif said in _HIGHEST | _LOWEST | _LARGEST | _SMALLEST and _is_alone(
            reading, at
        ):
            is_whole = said in _LARGEST | _SMALLEST
            column = _ranked_by(reading, at, is_whole=is_whole, is_days=False)
        else:
            continue
        reading.taken.add(at)
        is_most = said in _LATEST | _HIGHEST | _LARGEST | {"last"}
        return (Op.MOST if is_most else Op.LEAST), column
    return None


def _is_alone(reading: Reading, at: int) -> bool:
    """Whether a word is none of "at most" and "at least"."""
    return not at or reading.words[at - 1].plain != "at"


def _ranked_by(reading: Reading, at: int, *, is_whole: bool, is_days: bool) -> int:
    """Return the column by which rows are ranked: the next that is named.

    Args:
        is_whole: whether a part of its name is too little.

    Raises:
        Unclear: there is none, or its smallest number is the best.
    """
    known = reading.known
    for mention in reading.named:
        if mention.first < at:
            continue
        kind = "days" if is_days else "amount"
        columns = [at for at in mention.columns if known.kind(at) == kind]
        if len(columns) != 1 or known.is_rank(columns[0]):
            raise Unclear
        if is_whole and not mention.is_whole:
            raise Unclear
        reading.take(mention)
        return columns[0]
    column = known.only("days") if is_days else None
    if column is None:
        raise Unclear
    return column
