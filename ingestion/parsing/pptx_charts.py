"""Charts of slides: a title, and the table of numbers that is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from ingestion.parsing.markup import Element, local, to_int
from ingestion.parsing.number_formats import formatted_number
from ingestion.parsing.pieces import Piece, piece
from ingestion.parsing.pptx_text import A, line_of
from ingestion.parsing.tables import table_text

_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_MAX_POINTS = 200
_YES = {"1", "true"}


def chart_pieces(root: Element) -> Iterator[Piece]:
    """Read a chart; series over other categories are in a table of their own."""
    title = root.find(f"{_C}chart/{_C}title")
    if title is not None:
        yield piece("caption", " ".join(map(line_of, title.iter(f"{A}p"))))
    is_1904 = any(
        node.get("val", "true") in _YES for node in root.iter(f"{_C}date1904")
    )

    labelled: list[tuple[list[str], Element]] = []
    for one in root.iter(f"{_C}ser"):
        labels = _points(_first(one, "cat", "xVal"), is_1904=is_1904)
        # Those that name no categories share them.
        labelled.append((labels or (labelled[-1][0] if labelled else []), one))
    for labels, group in groupby(labelled, itemgetter(0)):
        series = [one for _, one in group]
        names = [_name(one) for one in series]
        values = [_first(one, "val", "yVal") for one in series]
        columns = [_points(one, is_1904=is_1904) for one in values]
        height = max(map(len, [labels, *columns]))
        rows = [
            [_at(column, i) for column in (labels, *columns)] for i in range(height)
        ]
        yield piece("table", table_text([["", *names], *rows], header=True))


def _first(node: Element, *names: str) -> Element | None:
    found = (node.find(f"{_C}{name}") for name in names)
    return next((one for one in found if one is not None), None)


def _name(series: Element) -> str:
    node = series.find(f"{_C}tx")
    return "" if node is None else " ".join(v.text or "" for v in node.iter(f"{_C}v"))


def _at(values: list[str], i: int) -> str:
    return values[i] if i < len(values) else ""


def _points(node: Element | None, *, is_1904: bool) -> list[str]:
    """Return what is drawn at each place, "" where nothing is."""
    if node is None:
        return []
    levels = list(node.iter(f"{_C}lvl"))
    if levels:
        return _joined([_placed(level, is_1904=is_1904) for level in levels])
    return _placed(node, is_1904=is_1904)


def _placed(node: Element, *, is_1904: bool) -> list[str]:
    """Return points at their places, which the file tells: it leaves out blank ones."""
    of_all = next((one.text or "" for one in node.iter(f"{_C}formatCode")), "")
    is_text = any(local(one) in {"strCache", "strLit", "lvl"} for one in node.iter())
    found: dict[int, str] = {}
    for after, point in enumerate(node.iter(f"{_C}pt")):
        at = to_int(point.get("idx"), after)
        if at < _MAX_POINTS:
            text = point.findtext(f"{_C}v") or ""
            code = point.get("formatCode", of_all)
            found[at] = text if is_text else _shown(text, code, is_1904=is_1904)
    return [found.get(at, "") for at in range(max(found, default=-1) + 1)]


def _shown(text: str, code: str, *, is_1904: bool) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    shown = formatted_number(number, code, is_1904=is_1904)
    return f"{number:.15g}" if shown is None else shown


def _joined(levels: list[list[str]]) -> list[str]:
    """Join levels of labels, the innermost first; an outer one reaches to the next."""
    inner, *outer = levels
    shown = []
    above = [""] * len(outer)
    for at, label in enumerate(inner):
        above = [_at(level, at) or old for level, old in zip(outer, above, strict=True)]
        shown.append(" ".join(filter(None, [*reversed(above), label])))
    return shown
