"""Where the rules of a page frame a table. Pure geometry, in points.

Three looks are known: a grid with lines around each cell; lines, or shaded bands,
across all columns; and a few lines above and below, as books print them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ingestion.parsing.pdf_rules import Rule, Rules

Box = tuple[float, float, float, float]

# Lines nearer than this are one line, or meet.
_NEAR = 2.5
#: Columns of one table begin and end alike.
SAME_EDGE = 4.0
# A row is hardly higher; lines further apart belong to different things.
_MAX_ROW = 200.0
# Comparing all lines takes time; no table has so many.
_MAX_LINES = 600
# Of a table's height, or width, that a line between two of its columns, or rows, runs.
_SHARE, _MOST = 0.3, 0.5


@dataclass(frozen=True, slots=True)
class Frame:
    """What rules say of a table.

    Attributes:
        across: where its lines across are, downwards, at least two.
        down: where its lines down are, from left to right.
        is_stack: whether it is made of lines, or bands, that do not touch.
        rules: its lines across, as long as they are.
    """

    left: float
    right: float
    across: tuple[float, ...]
    down: tuple[float, ...] = ()
    is_stack: bool = False
    rules: tuple[Rule, ...] = ()

    @property
    def box(self) -> Box:
        return (self.left, self.across[0], self.right, self.across[-1])

    @property
    def inner(self) -> tuple[float, ...]:
        """Where lines part columns: those down but at the two sides."""
        near, far = self.left + SAME_EDGE, self.right - SAME_EDGE
        return tuple(at for at in self.down if near < at < far)

    @property
    def is_grid(self) -> bool:
        return len(self.inner) > 0 and len(self.across) > 2

    @property
    def is_closed(self) -> bool:
        """Whether lines run down its left and its right side."""
        return (
            len(self.down) > 1
            and self.down[0] - self.left <= SAME_EDGE
            and self.right - self.down[-1] <= SAME_EDGE
        )

    def is_parted(self, at: float, left: float, right: float) -> bool:
        """Whether a line across at ``at`` parts what is above from what is below."""
        middle = (left + right) / 2
        return any(
            abs(rule.at - at) <= _NEAR and rule.start < middle < rule.end
            for rule in self.rules
        )

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.across[-1] - self.across[0])


def frames(rules: Rules) -> list[Frame]:
    """Return what may frame a table, the smallest first."""
    across, down = _merged(rules.across), _merged(rules.down)
    if len(across) + len(down) > _MAX_LINES:
        return []
    found = [_framed(a, d) for a, d in _touching(across, down) if a]
    grids = [one for one in found if one.is_grid]
    others = sorted(
        (one for one in found if not one.is_grid), key=lambda one: one.across
    )
    stacks = [_with_parts(one, across) for one in _stacked(others)]
    return sorted(grids + stacks, key=lambda one: one.area)


def _with_parts(frame: Frame, across: Iterable[Rule]) -> Frame:
    """Add the lines that stop at a cell of several rows, if most columns have them."""
    if not frame.is_stack:
        return frame
    inside = [
        rule
        for rule in across
        if frame.left - SAME_EDGE < rule.start
        and rule.end < frame.right + SAME_EDGE
        and frame.across[0] + _NEAR < rule.at < frame.across[-1] - _NEAR
    ]
    more = _places(inside, _MOST * (frame.right - frame.left))
    new = [at for at in more if all(abs(at - one) > _NEAR for one in frame.across)]
    return replace(frame, across=tuple(sorted([*frame.across, *new])))


def _merged(rules: Iterable[Rule]) -> list[Rule]:
    """Make one line of those that lie on one another or go on in one another."""
    merged: list[Rule] = []
    for rule in sorted(rules, key=lambda one: (one.at, one.start)):
        near = itertools.takewhile(
            lambda i, at=rule.at: at - merged[i].at <= _NEAR,  # type: ignore[misc]
            range(len(merged) - 1, -1, -1),
        )
        at = next((i for i in near if _go_on(merged[i], rule)), None)
        if at is None:
            merged.append(rule)
        else:
            other = merged[at]
            start, end = min(rule.start, other.start), max(rule.end, other.end)
            merged[at] = Rule(other.at, start, end)
    return merged


def _go_on(a: Rule, b: Rule) -> bool:
    return b.start - _NEAR <= a.end and a.start - _NEAR <= b.end


def _touching(
    across: Sequence[Rule], down: Sequence[Rule]
) -> list[tuple[list[Rule], list[Rule]]]:
    """Group lines that meet, directly or over others."""
    groups: list[tuple[list[Rule], list[Rule]]] = [([one], []) for one in across]
    for line in down:
        met = [g for g in groups if any(_meet(one, line) for one in g[0])]
        if met:
            together = ([a for g in met for a in g[0]], [d for g in met for d in g[1]])
            together[1].append(line)
            groups = [g for g in groups if not any(g is one for one in met)]
            groups.append(together)
    return groups


def _meet(across: Rule, down: Rule) -> bool:
    return (
        across.start - _NEAR <= down.at <= across.end + _NEAR
        and down.start - _NEAR <= across.at <= down.end + _NEAR
    )


def _framed(across: Sequence[Rule], down: Sequence[Rule]) -> Frame:
    left, right = min(a.start for a in across), max(a.end for a in across)
    ys = _places(across, _SHARE * (right - left))
    height = max(ys, default=0.0) - min(ys, default=0.0)
    xs = _places(down, _SHARE * height)
    return Frame(left, right, tuple(ys or [across[0].at]), tuple(xs), rules=(*across,))


def _places(lines: Sequence[Rule], least: float) -> list[float]:
    """Return where lines of ``least`` points in all are, each place once."""
    places: list[float] = []
    by_place = sorted(lines, key=lambda one: one.at)
    for _, group in itertools.groupby(by_place, key=lambda one: round(one.at / _NEAR)):
        same = list(group)
        if sum(one.end - one.start for one in same) >= least and (
            not places or same[0].at - places[-1] > _NEAR
        ):
            places.append(same[0].at)
    return places


def _stacked(found: Sequence[Frame]) -> list[Frame]:
    """Join what is no grid by itself and stands over one another, equally wide."""
    stacks: list[Frame] = []
    for one in found:
        for i in range(len(stacks) - 1, -1, -1):
            above = stacks[i]
            if (
                abs(above.left - one.left) <= SAME_EDGE
                and abs(above.right - one.right) <= SAME_EDGE
                and one.across[0] - above.across[-1] <= _MAX_ROW
            ):
                across = (*above.across, *one.across)
                down = max(above.down, one.down, key=len)
                stacks[i] = Frame(above.left, above.right, across, down, is_stack=True)
                break
        else:
            stacks.append(one)
    # One row between two lines may be the last one of a table of the page before.
    return [one for one in stacks if len(one.across) > 2 or one.inner]
