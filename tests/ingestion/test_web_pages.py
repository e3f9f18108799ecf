"""What web pages, and what is written in their language, keep of a text."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ingestion.parsing import parse
from ingestion.parsing.source import Source
from ingestion.types import Parsed
from ingestion.uploads import SUPPORTED


def _parsed(folder: Path, name: str, text: str) -> Parsed:
    path = folder / "stored"
    path.write_text(text, encoding="utf-8")
    return parse(Source(path=path, name=name), SUPPORTED[Path(name).suffix])


def _text(folder: Path, name: str, text: str) -> str:
    return "\n".join(page.text for page in _parsed(folder, name, text).pages)


def test_cells_over_rows_and_columns_hold_all_their_places(tmp_path: Path) -> None:
    table = (
        "<table><tr><th>A</th><th>B</th><th>C</th></tr>"
        "<tr><td rowspan=2 colspan=2>both</td><td>1</td></tr><tr><td>2</td></tr>"
        "<tr><td>x</td><td>y</td><td>3</td></tr></table>"
    )

    lines = _text(tmp_path, "a.html", table).split("\n")

    assert lines == ["A | B | C", "both |  | 1", "both |  | 2", "x | y | 3"]


_TWO_ROWS = (
    "<tr><th rowspan=2>Region</th><th colspan=2>2023</th><th colspan=2>2024</th></tr>"
    "<tr><th>Q1</th><th>Q2</th><th>Q1</th><th>Q2</th></tr>"
)


@pytest.mark.parametrize(
    "head",
    [
        f"<thead>{_TWO_ROWS}</thead>",
        _TWO_ROWS,
        f"<thead>{_TWO_ROWS.replace('th>', 'td>').replace('<th', '<td')}</thead>",
    ],
)
def test_a_head_of_two_rows_names_the_columns(tmp_path: Path, head: str) -> None:
    cells = "".join(f"<td>{n}00</td>" for n in range(1, 5))
    rows = [f"<tr><td>Region {i}</td>{cells}</tr>" for i in range(60)]

    short = _text(tmp_path, "a.html", f"<table>{head}{rows[0]}</table>")
    long = _text(tmp_path, "a.html", f"<table>{head}{''.join(rows)}</table>")

    names = "Region | 2023 Q1 | 2023 Q2 | 2024 Q1 | 2024 Q2"
    assert short == f"{names}\nRegion 0 | 100 | 200 | 300 | 400"
    assert long.split("\n")[0] == names
    assert long.split("\n")[9] == (
        "Region: Region 8 | 2023 Q1: 100 | 2023 Q2: 200 | 2024 Q1: 300 | 2024 Q2: 400"
    )


def test_a_row_over_all_columns_is_a_title_above_names_only(tmp_path: Path) -> None:
    names = "<tr><th>Name</th><th>Price</th></tr>"
    wide = "<tr><th colspan=2>Fruit</th></tr>"
    row = "<tr><td>Pear</td><td>2</td></tr>"

    above = _text(tmp_path, "a.html", f"<table>{wide}{names}{row}</table>")
    below = _text(tmp_path, "a.html", f"<table>{names}{wide}{row}</table>")

    assert above == "Fruit\n\nName | Price\nPear | 2"
    assert below == "Name | Price\nFruit\nPear | 2"


def test_spans_end_with_their_section(tmp_path: Path) -> None:
    table = (
        "<table><thead><tr><th rowspan=9>Name</th><th>Price</th></tr></thead>"
        "<tbody><tr><td>Pear</td><td>2</td></tr></tbody></table>"
    )

    assert _text(tmp_path, "a.html", table) == "Name | Price\nPear | 2"


_NAMES = [f"Supplier {i}" for i in range(13)]
_LINKS = "".join(f'<li><a href="https://x.org/{n}">{n}</a></li>' for n in _NAMES)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "# Approved suppliers\n\n" + "".join(f"- [{n}](/x)\n" for n in _NAMES)),
        ("a.md", "".join(f"- [{n}](/x)\n" for n in _NAMES)),
        ("a.eml", f"Subject: S\nContent-Type: text/html\n\n<ul>{_LINKS}</ul>"),
        ("a.html", f"<h1>Approved suppliers</h1><ul>{_LINKS}</ul>"),
        ("a.html", f"<ul>{_LINKS}</ul>"),
        ("a.html", f"<header><h1>Logo</h1></header><p>See:</p><ul>{_LINKS}</ul>"),
    ],
)  # fmt: skip
def test_lists_of_links_are_content(tmp_path: Path, name: str, text: str) -> None:
    read = _text(tmp_path, name, text)

    assert [one for one in _NAMES if one not in read] == []


@pytest.mark.parametrize(
    "page",
    [
        f"<div><ul>{_LINKS}</ul></div><h1>Pumps</h1><p>They hold oil.</p>",
        f"<header><h1>Logo</h1><ul>{_LINKS}</ul></header><p>They hold oil.</p>",
        f"<p>They hold oil.</p><footer><ul>{_LINKS}</ul></footer>",
        f"<p>They hold oil.</p><aside><p>More</p><ul>{_LINKS}</ul></aside>",
        f'<p>They hold oil.</p><div role="navigation"><ul>{_LINKS}</ul></div>',
        f"<p>They hold oil.</p><nav><ul>{_LINKS}</ul></nav>",
    ],
)
def test_menus_of_web_pages_are_left_out(tmp_path: Path, page: str) -> None:
    read = _text(tmp_path, "a.html", page)

    assert "They hold oil." in read
    assert "Supplier" not in read


_HEAD = '<head><title/><script src="a.js"/><style type="text/css" /></head>'
_BODY = '<body><p>They<br/> hold <a id="a"/>oil.<img src="b" alt="Pump"/></p></body>'


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.xhtml", '<?xml version="1.0"?>\n<html>'),
        ("a.xhtml", '<html xmlns="http://www.w3.org/1999/xhtml">'),
        ("a.xml", '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">'),
    ],
)
def test_tags_that_close_themselves_swallow_nothing(
    tmp_path: Path, name: str, start: str
) -> None:
    read = _text(tmp_path, name, f"{start}{_HEAD}{_BODY}</html>")

    assert read == "They\nhold oil. [Image: Pump]"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("45<sup>2</sup> million", "45^2 million"),
        ("10<sup>6</sup> and 10<sup>-3</sup>", "10^6 and 10^-3"),
        ("<b>10</b><sup>6</sup>", "10^6"),
        ("10<span style='vertical-align: super'>6</span>", "10^6"),
        ("45<sup><a href='#n'>2</a></sup> million", "45 [2] million"),
        ("45<a href='#n'><sup>2</sup></a> million", "45 [2] million"),
        ("45<sup><a href='#n'>[2]</a></sup> million", "45[2] million"),
        ("the 1<sup>st</sup> of 30 m<sup>2</sup>", "the 1st of 30 m2"),
        ("<a href='#n'>10<sup>6</sup> people</a>", "10^6 people"),
        ("<math><mn>2</mn><mfrac><mn>1</mn><mn>3</mn></mfrac></math>", "2 1/3"),
        pytest.param(
            "<math>\n<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow>\n<mi>c</mi>"
            "</mfrac><mo>=</mo><msup><mi>x</mi><mn>2</mn></msup></math>",
            "(a+b)/c=x^2",
        ),
    ],
)
def test_raised_and_stacked_signs_do_not_run_into_numbers(
    tmp_path: Path, page: str, text: str
) -> None:
    cell = f"<table><tr><td>Share</td><td>{page}</td></tr></table>"

    assert _text(tmp_path, "a.html", f"<p>{page}</p>") == text
    assert _text(tmp_path, "a.html", cell) == f"Share | {text}"
    assert _text(tmp_path, "a.md", f"It is {page}.\n") == f"It is {text}."


@pytest.mark.parametrize(
    "page",
    [
        f"<p>10{'<sup>' * 40_000}6",
        f'<?xml version="1.0"?><html><body><p>Oil</p><{"a" * 400_000}',
    ],
    ids=["raised", "open"],
)
def test_hostile_pages_take_linear_time(tmp_path: Path, page: str) -> None:
    started = time.process_time()
    _parsed(tmp_path, "a.html", page)
    assert time.process_time() - started < 10
