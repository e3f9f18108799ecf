"""OpenDocument texts and sheets say what their readers see."""

from __future__ import annotations

from pathlib import Path

from ingestion.parsing import parse
from ingestion.parsing.source import Source
from ingestion.types import Parsed
from ingestion.uploads import SUPPORTED
from tests import samples

_NS = "urn:oasis:names:tc:opendocument:xmlns"
_SPACES = " ".join(
    f'xmlns:{name}="{_NS}:{name if name != "draw" else "drawing"}:1.0"'
    for name in ("office", "text", "table", "style", "draw")
)


def _read(folder: Path, name: str, body: str, styles: str = "") -> Parsed:
    kind = "spreadsheet" if name.endswith("ods") else "text"
    content = (
        f"<office:document-content {_SPACES}>"
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
        "</office:document-content>"
    )
    path = folder / name
    path.write_bytes(
        samples.zip_bytes(
            {
                "mimetype": f"application/vnd.oasis.opendocument.{kind}",
                "content.xml": content,
            }
        )
    )
    return parse(Source(path=path, name=name), SUPPORTED[path.suffix])


def _text(folder: Path, name: str, body: str, styles: str = "") -> str:
    return "\n".join(page.text for page in _read(folder, name, body, styles).pages)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _p(text: str) -> str:
    return f"<text:p>{text}</text:p>"


def _cell(inner: str, props: str = "") -> str:
    return f"<table:table-cell {props}>{inner}</table:table-cell>"


def _row(*cells: str) -> str:
    inner = "".join(c if c.startswith("<table:") else _cell(_p(c)) for c in cells)
    return f"<table:table-row>{inner}</table:table-row>"


def _table(*rows: str, props: str = "") -> str:
    return f"<table:table {props}>{''.join(rows)}</table:table>"


# --- Tables ------------------------------------------------------------------


_COMMENT = f"<office:annotation>{_p('Is it so?')}</office:annotation>"


def test_a_comment_on_a_cell_is_no_part_of_its_value(tmp_path: Path) -> None:
    priced = _cell(_COMMENT + _p("120"))
    blank = '<table:table-cell table:number-columns-repeated="30"/>'
    rows = _row("Part", "Price") + _row("Pump", priced, blank)

    sheet = _text(tmp_path, "a.ods", _table(rows, props='table:name="Prices"'))
    text = _text(tmp_path, "a.odt", _table(rows))

    assert _lines(sheet) == [
        "Prices", "Part | Price", "Pump | 120", "Comment on B2: Is it so?",
    ]  # fmt: skip
    assert _lines(text) == ["Part | Price", "Pump | 120", "Comment: Is it so?"]


def test_a_table_in_a_cell_is_read_once(tmp_path: Path) -> None:
    inner = _table(_row("a", "b"), _row("c", "d"))
    note = (
        "<text:note><text:note-citation>1</text:note-citation>"
        f"<text:note-body>{_p('as of May')}</text:note-body></text:note>"
    )
    rows = _row("Left", "Right") + _row(_cell(_p("Before") + inner), f"9{note}")

    assert _lines(_text(tmp_path, "a.odt", _table(rows))) == [
        "Left | Right", "Before a | b; c | d | 9[1]", "[1] as of May",
    ]  # fmt: skip


def test_cells_that_reach_over_rows_are_said_in_each(tmp_path: Path) -> None:
    city = _cell(_p("Bonn"), 'table:number-rows-spanned="2"')
    header = (
        f"<table:table-header-rows>{_row('City', 'Year')}</table:table-header-rows>"
    )
    rows = (
        header + _row(city, "1990") + _row("<table:covered-table-cell/>", "1991")
        + _row("<table:table-cell/>", "1992")
    )  # fmt: skip
    for name in ("a.ods", "a.odt"):
        text = _text(tmp_path, name, _table(rows, props='table:name="Sheet1"'))
        assert text == "City | Year\nBonn | 1990\nBonn | 1991\n| 1992"


def test_cells_beside_each_other_reach_down_each_with_its_own(tmp_path: Path) -> None:
    down = 'table:number-rows-spanned="2"'
    covered = '<table:covered-table-cell table:number-columns-repeated="2"/>'
    rows = _row("Name", "Year", "Mark") + _row(
        _cell(_p("Ada"), down), _cell(_p("2020"), down), "x"
    )
    table = _table(rows + _row(covered, "y"), props='table:name="Sheet1"')
    text = _text(tmp_path, "a.ods", table)
    assert text == "Name | Year | Mark\nAda | 2020 | x\nAda | 2020 | y"


def test_sheets_are_named_and_titled_and_hidden_ones_told(tmp_path: Path) -> None:
    styles = (
        '<style:style style:name="ta2" style:family="table">'
        '<style:table-properties table:display="false"/></style:style>'
    )
    body = _table(
        _row("Sales of the year"), _row("Part", "Sold"), _row("Pump", "7"),
        _row(), _row("Other", "9"),
        props='table:name="Results"',
    ) + _table(_row("x", "y"), props='table:name="Drafts" table:style-name="ta2"')  # fmt: skip

    parsed = _read(tmp_path, "a.ods", body, styles)

    first, second = parsed.pages
    assert [(b.kind, first.text[b.start : b.end]) for b in first.blocks] == [
        ("heading", "Results"),
        ("heading", "Sales of the year"),
        ("table", "Part | Sold\nPump | 7"),
        ("table", "Other | 9"),
    ]
    assert second.text == "Drafts\n\nx | y"
    assert parsed.notices == ("Hidden sheets were read too: Drafts.",)


# --- Lists -------------------------------------------------------------------


def _level(number: int, form: str, more: str = "") -> str:
    return (
        f'<text:list-level-style-number text:level="{number}" '
        f'style:num-format="{form}" {more}/>'
    )


_STYLES = (
    '<text:list-style style:name="L1">'
    + _level(1, "1", 'style:num-suffix="."')
    + _level(2, "a", 'style:num-prefix="(" style:num-suffix=")" text:start-value="2"')
    + _level(3, "I", 'text:display-levels="3" style:num-suffix="."')
    + "</text:list-style>"
    '<text:list-style style:name="L2"><text:list-level-style-bullet text:level="1"/>'
    "</text:list-style>"
)


def _list(*items: str, props: str = 'text:style-name="L1"') -> str:
    inner = "".join(
        i if i.startswith("<text:list-") else f"<text:list-item>{i}</text:list-item>"
        for i in items
    )
    return f"<text:list {props}>{inner}</text:list>"


def test_items_have_the_numbers_of_their_list_style(tmp_path: Path) -> None:
    deep = _list(_p("x") + _list(_p("y"), props=""), _p("z"), props="")
    body = _list(_p("one") + _p("more of it"), _p("two") + deep, _p("three") + deep)

    assert _lines(_text(tmp_path, "a.odt", body, _STYLES)) == [
        "1. one", "more of it", "2. two", "(b) x", "2.b.I. y", "(c) z",
        "3. three", "(b) x", "3.b.I. y", "(c) z",
    ]  # fmt: skip


def test_lists_begin_anew_unless_they_go_on(tmp_path: Path) -> None:
    body = (
        _list(_p("a"), props='xml:id="l1" text:style-name="L1"')
        + _p("Between.")
        + _list(_p("b"), props='text:continue-numbering="true" text:style-name="L1"')
        + _list(_p("c"))
        + _list(_p("d"), props='text:continue-list="l1" text:style-name="L1"')
        + _list(f'<text:list-item text:start-value="7">{_p("e")}</text:list-item>')
        + _list(f"<text:list-header>{_p('f')}</text:list-header>", _p("g"))
        + _list(_p("h"), props='text:style-name="L2"')
    )

    assert _lines(_text(tmp_path, "a.odt", body, _STYLES)) == [
        "1. a", "Between.", "2. b", "1. c", "3. d", "7. e", "f", "1. g", "- h",
    ]  # fmt: skip


def test_a_table_in_an_item_is_kept(tmp_path: Path) -> None:
    body = _list(_p("one") + _table(_row("Part", "Price")), _p("two"))

    lines = _lines(_text(tmp_path, "a.odt", body, _STYLES))

    assert lines == ["1. one", "Part | Price", "2. two"]


def test_headings_have_the_numbers_of_the_outline(tmp_path: Path) -> None:
    outline = (
        '<text:outline-style><text:outline-level-style text:level="1" '
        'style:num-format="1" style:num-suffix="."/><text:outline-level-style '
        'text:level="2" style:num-format="1" text:display-levels="2"/>'
        '<text:outline-level-style text:level="3" style:num-format=""/>'
        '</text:outline-style><style:style style:name="P1" style:list-style-name=""/>'
    )

    def heading(text: str, level: int, props: str = "") -> str:
        return f'<text:h text:outline-level="{level}" {props}>{text}</text:h>'

    body = (
        heading("Contract", 1, 'text:style-name="P1"') + heading("<text:number>1.</text:number>Payment", 1)
        + heading("Invoices", 2) + heading("Mail", 3) + heading("Delay", 2)
        + _list(heading("Listed", 2))
    )  # fmt: skip
    parsed = _read(tmp_path, "a.odt", body, outline + _STYLES)

    assert _lines(parsed.pages[0].text) == [
        "Contract", "1. Payment", "1.1 Invoices", "Mail", "1.2 Delay", "1. Listed",
    ]  # fmt: skip
    assert {block.kind for block in parsed.pages[0].blocks} == {"heading"}
