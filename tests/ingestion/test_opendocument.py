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
