"""How questions for rows begin, and what that asks of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from generation.tables.known import Kind

_DIFFERENT = "(?: different| distinct| unique)?"
_POLITE = r"(?:please |kindly )?(?:(?:can|could|would|will) you (?:please )?)?"
_OF_ALL = r"(?: of)?(?: all(?: the)?| the)?"
_NUMBER_OF = "(?:total )?number of"
_VALUE_OF = r"what(?:'s| is| was| are| were) the"


class Op(StrEnum):
    COUNT = "rows counted"
    LIST = "rows listed"
    READ = "cell read"
    SUM = "cells added up"
    MEAN = "mean of cells"
    MOST = "largest of cells"
    LEAST = "smallest of cells"


_LISTED = (
    rf"{_POLITE}(?:list|show|name|enumerate|give|tell)(?: me| us)?"
    r"(?: (?:a|the) (?:full |complete )?list of)?(?: all| every| each)?(?: of)?"
    r"(?: the| our| your)?"
)
_WHICH = (
    r"(?:which|what)(?: of)?(?: the)?"
    r"(?! (?:is|are|was|were|do|does|did|has|have|had|will|can)\b)"
)
# A question for none of these is read from a cell, or compares.
_FORMS = tuple(
    (op, re.compile(rf"{form}\s+", re.IGNORECASE))
    for op, form in (
        (Op.COUNT, rf"how many(?: of)?(?: the| our| your)?{_DIFFERENT}"),
        (Op.COUNT, rf"{_POLITE}count(?: all| every)?(?: of)?(?: the)?{_DIFFERENT}"),
        (Op.COUNT, rf"(?:{_VALUE_OF}|(?:give|tell) me the) {_NUMBER_OF}{_DIFFERENT}"),
        (Op.COUNT, rf"(?:which|what) {_NUMBER_OF}{_DIFFERENT}"),
        (
            Op.SUM,
            rf"{_VALUE_OF} (?:(?:combined |grand )?total(?! number)|sum){_OF_ALL}",
        ),
        (Op.MEAN, rf"{_VALUE_OF} (?:average|mean){_OF_ALL}"),
        (Op.LIST, _LISTED),
        (
            Op.LIST,
            r"(?:what|which)(?: are| were)(?: all)?(?: of)? (?:the|all|our|your)",
        ),
        (Op.LIST, _WHICH),
    )
)
_CELL = re.compile(
    r"(?:(?:in|of|for|from|until|at|by) )?(?:what|which|who|whose|when|where|how)\b",
    re.IGNORECASE,
)
_WHICH_OF = re.compile(rf"{_WHICH}\s", re.IGNORECASE)
_VALUE = re.compile(rf"{_VALUE_OF} ", re.IGNORECASE)
# What a question word wants to be told.
_WANTED: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (
        re.compile(rf"how (?:many|much)\b|{_VALUE_OF} {_NUMBER_OF}\b", re.IGNORECASE),
        "amount",
    ),
    (re.compile(r"(?:\w+ )?when\b", re.IGNORECASE), "days"),
)


def plain(question: str) -> str:
    """Return a question without double blanks and marks at its end."""
    return " ".join(question.split()).rstrip(" ?.!")


def opened(text: str) -> Iterator[tuple[Op, str]]:
    """Yield what a question may ask for, with what stands behind its opening."""
    for op, form in _FORMS:
        match = form.match(text)
        if match:
            yield op, text[match.end() :]


def asks_for_cell(text: str) -> bool:
    """Whether it asks "who", "when" or "what is", and not "which" of several."""
    return bool(_CELL.match(text)) and not _WHICH_OF.match(text)


def wants(text: str) -> Kind | None:
    """Return what a cell must hold to answer, None for whatever."""
    return next((kind for form, kind in _WANTED if form.match(text)), None)


def wants_value(text: str) -> bool:
    """Whether "what is the highest price" wants the price, not whose it is."""
    return bool(_VALUE.match(text))


def is_who(text: str) -> bool:
    return text.lower().startswith("who ")
