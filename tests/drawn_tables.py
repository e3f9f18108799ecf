"""Tables as programs draw them on PDF pages: content streams for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

Rules = Literal["grid", "across", "boxes", "bands", "head", "book", "none"]

SIZE = 10
LEADING = 12.0
PADDING = 5.0
_HEIGHT = 792


def table(
    rows: Sequence[Sequence[str]],
    *,
    edges: Sequence[float] = (60, 190, 280, 380, 500),
    top: float = 90,
    rules: Rules = "grid",
    bold_head: bool = True,
) -> str:
    """Draw a table from ``top``, in points from above; "\\n" in a cell is a new line.

    Each cell is drawn by itself, all of its lines, as word processors do.

    Args:
        edges: where columns begin, and where the last one ends.
        rules: around each cell; across all columns below each row; a filled box for each
            cell of every second row, from the first or the third on, or of the head
            alone; three lines as in books; none.
    """
    drawn = []
    y = top
    tops = [y]
    for at, row in enumerate(rows):
        font = "F2" if bold_head and at == 0 else "F1"
        for left, cell in zip(edges, row, strict=False):
            for line, part in enumerate(cell.split("\n")):
                base = y + PADDING + SIZE + line * LEADING
                drawn.append(text(part, left + 4, base, font=font))
        most = max(cell.count("\n") + 1 for cell in row)
        y += 2 * PADDING + most * LEADING
        tops.append(y)
    return "\n".join([*_rules(tops, edges, rules), *drawn])


def text(words: str, x: float, base: float, *, font: str = "F1") -> str:
    """Draw ``words`` with their base so many points below the upper edge."""
    shown = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{font} {SIZE} Tf {x} {_HEIGHT - base:.1f} Td ({shown}) Tj ET"


def sideways(stream: str) -> str:
    """Turn what is drawn for a page that is shown turned by 90 degrees."""
    return f"q 0 1 -1 0 {_HEIGHT} 0 cm\n{stream}\nQ"


def _rules(tops: Sequence[float], edges: Sequence[float], kind: Rules) -> Iterator[str]:
    left, right = edges[0], edges[-1]
    if kind == "grid":
        yield from (_line(left, y, right, y) for y in tops)
        yield from (_line(x, tops[0], x, tops[-1]) for x in edges)
    elif kind == "across":
        yield from (_line(left, y, right, y) for y in tops[1:])
    elif kind == "book":
        yield from (_line(left, y, right, y) for y in (tops[0], tops[1], tops[-1]))
    elif kind in ("boxes", "bands", "head"):
        rows = list(pairwise(tops))
        filled = {"boxes": rows[::2], "bands": rows[2::2], "head": rows[:1]}[kind]
        for top, below in filled:
            for x, beyond in pairwise(edges):
                box = f"{x} {_HEIGHT - below} {beyond - x} {below - top}"
                yield f"q 0.9 g {box} re f Q"


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f"0.5 w {x1} {_HEIGHT - y1} m {x2} {_HEIGHT - y2} l S"
