"""Slides give what people see: signs raised, lists numbered."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from pptx import Presentation
from pptx.util import Inches

from ingestion.parsing import parse
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
