"""Passages that say the same in nearly the same words. Pure functions on hits.

Likeness is that of Broder, "On the resemblance and containment of documents",
1997: the share of runs of three words that two texts have in common.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from retrieval.types import Hit

#: Share of common runs from which a passage repeats one before it. At 0.8 the
#: development sets lose no passage that is not word for word another one but for
#: marks and single words; their nDCG@10 stays as it is.
LIKENESS = 0.8
_RUN = 3
_WORD = re.compile(r"\w+")
# Whole words only: from each letter of one without a digit it would take its square.
_FIGURE = re.compile(r"\b\w*\d\w*")

Runs = frozenset[tuple[str, ...]]


def runs_of(text: str) -> Runs:
    """Return the runs of three words, case and marks left out; short texts are one."""
    words = _WORD.findall(text.casefold())
    if len(words) <= _RUN:
        return frozenset([tuple(words)])
    return frozenset(zip(*(words[at:] for at in range(_RUN)), strict=False))


def containment(first: Runs, second: Runs) -> float:
    """Return the share of the shorter text that stands in the longer one, 0 to 1."""
    return len(first & second) / min(len(first), len(second))


def drop_copies(
    hits: Iterable[Hit],
    likeness: float = LIKENESS,
    *,
    aside: list[Hit] | None = None,
) -> Iterator[Hit]:
    """Yield the hits that are no near copy of one before them.

    The same page in two files, a new edition of a manual, or a footer of every
    page would otherwise take all the places of a prompt. Passages with other
    figures are never copies: the rates of two years differ in nothing else.

    Args:
        aside: takes the copies that are not word for word what they repeat: one
            with another name in it may say the opposite.
    """
    kept: list[tuple[Runs, frozenset[str]]] = []
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for hit in hits:
        runs = runs_of(hit.text)
        figures = frozenset(_FIGURE.findall(hit.text.casefold()))
        shared = Counter(n for run in runs for n in holders.get(run, ()))
        repeated = [
            kept[n][0]
            for n, common in shared.items()
            if figures == kept[n][1]
            and common >= likeness * (len(runs) + len(kept[n][0]) - common)
        ]
        if repeated:
            if aside is not None and runs not in repeated:
                aside.append(hit)
            continue
        for run in runs:
            holders[run].append(len(kept))
        kept.append((runs, figures))
        yield hit
