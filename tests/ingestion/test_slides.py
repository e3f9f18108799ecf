"""Slides give what people see: charts point by point, signs raised, lists numbered."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from pptx import Presentation
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from ingestion.parsing import parse
from ingestion.parsing.pptx_charts import chart_pieces
from ingestion.parsing.source import Source
from ingestion.types import Parsed
from ingestion.uploads import SUPPORTED

_BOX = (Inches(1), Inches(1), Inches(6), Inches(4))
_A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'


def _parsed(folder: Path, deck: Any) -> Parsed:
    out = io.BytesIO()
    deck.save(out)
    path = folder / "stored"
    path.write_bytes(out.getvalue())
    return parse(Source(path=path, name="a.pptx"), SUPPORTED[".pptx"])


def _with_chart(folder: Path, kind: Any, data: Any) -> list[str]:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    slide.shapes.add_chart(kind, *_BOX, data)
    return _parsed(folder, deck).pages[0].text.splitlines()


def test_points_of_a_chart_stand_at_their_places(tmp_path: Path) -> None:
    data = CategoryChartData()
    data.categories = ["Q1", "Q2", "Q3", "Q4"]
    data.add_series("North", (10, None, 30, 40))
    data.add_series("Share", (0.25, 0.5, None, 1), number_format="0%")

    assert _with_chart(tmp_path, XL_CHART_TYPE.COLUMN_CLUSTERED, data) == [
        "| North | Share",
        "Q1 | 10 | 25%",
        "Q2 |  | 50%",
        "Q3 | 30",
        "Q4 | 40 | 100%",
    ]


def test_days_below_a_chart_are_read_as_days(tmp_path: Path) -> None:
    data = CategoryChartData()
    data.categories = [dt.date(2024, 1, 1), dt.date(2024, 2, 1)]
    data.add_series("Sales", (1.5, 2))

    lines = _with_chart(tmp_path, XL_CHART_TYPE.LINE, data)

    assert lines == ["| Sales", "2024-01-01 | 1.5", "2024-02-01 | 2"]


def test_levels_of_categories_are_joined(tmp_path: Path) -> None:
    data = CategoryChartData()
    for year in ("2023", "2024"):
        category = data.add_category(year)
        for quarter in ("Q1", "Q2"):
            category.add_sub_category(quarter)
    data.add_series("Sales", (1, 2, 3, 4))

    lines = _with_chart(tmp_path, XL_CHART_TYPE.COLUMN_CLUSTERED, data)

    assert lines[1:] == ["2023 Q1 | 1", "2023 Q2 | 2", "2024 Q1 | 3", "2024 Q2 | 4"]


def test_series_over_other_places_have_tables_of_their_own(tmp_path: Path) -> None:
    data = XyChartData()
    for name, points in (("A", [(1, 10), (2, 20)]), ("B", [(5, 50), (6, 60)])):
        series = data.add_series(name)
        for x, y in points:
            series.add_data_point(x, y)

    lines = _with_chart(tmp_path, XL_CHART_TYPE.XY_SCATTER, data)

    assert lines == ["| A", "1 | 10", "2 | 20", "", "| B", "5 | 50", "6 | 60"]


@pytest.mark.parametrize(
    ("code", "is_1904", "number", "shown"),
    [
        ("[h]:mm", "0", "1.5", "36:00"),
        ("h:mm", "0", "0.25", "6:00"),
        ("mmm yy", "0", "45292", "2024-01"),
        ("yyyy-mm-dd", "1", "43830", "2024-01-01"),
        ("yyyy-mm-dd", "0", "1e12", "1000000000000"),
        ("General", "0", "0.30000000000000004", "0.3"),
        ("General", "0", "#N/A", "#N/A"),
    ],
)
def test_numbers_of_a_chart_are_shown_by_their_format(
    code: str, is_1904: str, number: str, shown: str
) -> None:
    points = (
        f'<c:formatCode>{code}</c:formatCode><c:pt idx="0"><c:v>{number}</c:v></c:pt>'
    )
    root = etree.fromstring(
        '<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart">'
        f'<c:date1904 val="{is_1904}"/><c:ser><c:tx><c:v>S</c:v></c:tx><c:val><c:numRef>'
        f"<c:numCache>{points}</c:numCache></c:numRef></c:val></c:ser></c:chartSpace>"
    )
    assert [one.text for one in chart_pieces(root)] == [f"S\n{shown}"]


def _with_paragraphs(folder: Path, *paragraphs: str) -> Parsed:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    body = slide.shapes.add_textbox(*_BOX).text_frame._txBody
    for paragraph in body.p_lst:
        body.remove(paragraph)
    for text in paragraphs:
        body.append(etree.fromstring(f"<a:p {_A}>{text}</a:p>"))
    return _parsed(folder, deck)


def _run(text: str, props: str = "") -> str:
    return f"<a:r><a:rPr {props}/><a:t>{text}</a:t></a:r>"


RAISED = 'baseline="30000"'


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        ([_run("10"), _run("6", RAISED), _run(" cells")], "10^6 cells"),
        ([_run("10"), _run("-", RAISED), _run("3", RAISED)], "10^-3"),
        ([_run("10"), _run("1", RAISED), _run("2", RAISED)], "10^12"),
        ([_run("5"), _run("th", RAISED)], "5th"),
        ([_run("H"), _run("2", 'baseline="-25000"'), _run("O")], "H2O"),
        ([_run("Since 20"), _run("24", 'baseline="0"')], "Since 2024"),
    ],
)
def test_a_power_is_not_a_digit_more(
    tmp_path: Path, runs: list[str], text: str
) -> None:
    assert _with_paragraphs(tmp_path, "".join(runs)).pages[0].text == text


def test_struck_text_is_left_out_and_told(tmp_path: Path) -> None:
    parsed = _with_paragraphs(
        tmp_path,
        _run("Price: ")
        + _run("100", 'strike="sngStrike"')
        + _run("80", 'strike="noStrike"')
        + _run(" or 90", 'strike="dblStrike"'),
    )

    assert parsed.pages[0].text == "Price: 80"
    assert [notice for notice in parsed.notices if "struck" in notice]
    assert "100" not in "".join(parsed.notices)


def _item(text: str, kind: str, *, level: int = 0, start: int | None = None) -> str:
    at = "" if start is None else f' startAt="{start}"'
    auto = f'<a:buAutoNum type="{kind}"{at}/>' if kind else ""
    return f'<a:pPr lvl="{level}">{auto}</a:pPr>' + (_run(text) if text else "")


def test_numbered_lists_keep_their_numbers(tmp_path: Path) -> None:
    parsed = _with_paragraphs(
        tmp_path,
        _item("First", "arabicPeriod"),
        _item("Deep", "alphaLcParenR", level=1),
        _item("Deeper", "alphaLcParenR", level=1),
        _item("", "arabicPeriod"),
        _item("Second", "arabicPeriod"),
        _item("Deep again", "alphaLcParenR", level=1),
        _item("Fourth", "romanLcPeriod", start=4),
        _item("Fifth", "romanLcPeriod", start=4),
        _item("Between", ""),
        _item("Both", "arabicParenBoth", start=9),
        _item("Circled", "circleNumDbPlain"),
    )

    assert parsed.pages[0].text.split("\n") == [
        "1. First",
        "  a) Deep",
        "  b) Deeper",
        "2. Second",
        "  a) Deep again",
        "iv. Fourth",
        "v. Fifth",
        "",
        "Between",
        "",
        "(9) Both",
        "1. Circled",
    ]
