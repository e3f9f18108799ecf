"""Words of a question that neither the table nor the operation accounts for. Pure.

Those that change nothing may be left. To add one, add it to the lists just below.
"""

from __future__ import annotations

from generation.tables.reading import Reading, Unclear

# Only words that change nothing wherever they stand: not "to" ("to be done"), nor "my".
_SAYING_NOTHING = frozenset(
    """a an the of in at on for from with and or is are was were been do does did has have
    had that which who whom whose what there we our you your please as""".split()  # noqa: SIM905
)
_LIGHT = frozenset(
    """listed shown named found contained recorded stated list table chart sheet file
    located situated belong belongs got get exist exists""".split()  # noqa: SIM905
)
# These only before a place, or they may be what is asked: "which machines work?"
_PLACED = frozenset("work works working live lives living".split())  # noqa: SIM905
_PLACING = frozenset("in on at from with".split())  # noqa: SIM905
# Cells that are so common words that a sentence has them anyway.
_COMMON = frozenset("the of and or is are there what which who how".split())  # noqa: SIM905


def want_all_told(reading: Reading, more: frozenset[str] = frozenset()) -> None:
    """Raise Unclear if a word is left that may change what is asked.

    And if "or" stands between what is said of two columns, of which both must hold.

    Args:
        more: words that the operation accounts for.
    """
    left = (at for at in range(len(reading.words)) if at not in reading.taken)
    if not all(_is_told(reading, at, more) for at in left):
        raise Unclear
    if reading.has_or and len(reading.conditions) > 1:
        raise Unclear


def _is_told(reading: Reading, at: int, more: frozenset[str]) -> bool:
    word, known = reading.words[at], reading.known
    said = word.plain
    if said in _COMMON:
        return True
    if known.is_cell(word):
        return False
    return (
        said in _SAYING_NOTHING | _LIGHT | more
        or _is_of_title(reading, at)
        or _is_placed(reading, at)
        or _is_of_name(reading, at)
    )


def _is_of_title(reading: Reading, at: int) -> bool:
    """Whether the title has a word; "in stock" is said of a thing even in "Stock.csv"."""
    before = reading.words[at - 1].plain if at else ""
    is_in_title = reading.words[at].term in reading.known.title.terms
    return is_in_title and before not in _PLACING


def _is_placed(reading: Reading, at: int) -> bool:
    """Whether a verb says no more than "is": "works in", "run until"."""
    behind = {word.plain for word in reading.words[at + 1 :]}
    following = {word.plain for word in reading.words[at + 1 : at + 2]}
    said = reading.words[at].plain
    is_run = said == "run" and "until" in behind | {w.plain for w in reading.words[:at]}
    return is_run or (said in _PLACED and bool(following & _PLACING))


def _is_of_name(reading: Reading, at: int) -> bool:
    """Whether it is the "number" of "phone number", where a column is "Phone"."""
    name = reading.mention_at(at - 1) if at else None
    is_name = name is not None and name.is_whole and not name.is_value
    return is_name and reading.words[at].plain == "number"
