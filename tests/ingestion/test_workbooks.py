"""Workbooks give what people see who open them, and no number that nobody computed."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from generation.tables.values import Amount, amounts_of
from ingestion.parsing import parse
from ingestion.parsing.number_formats import Value, formatted
from ingestion.parsing.source import Source
from ingestion.parsing.xlsx_sheets import uncomputed
from ingestion.types import Parsed
from ingestion.uploads import SUPPORTED


def _parsed(folder: Path, data: bytes) -> Parsed:
    path = folder / "stored"
    path.write_bytes(data)
    return parse(Source(path=path, name="a.xlsx"), SUPPORTED[".xlsx"])


def _text(parsed: Parsed) -> str:
    return "\n".join(page.text for page in parsed.pages)


ADVICE = "no computed value; open the file in Excel, save it, and upload it again."


def test_formulas_without_a_value_are_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Item", "Amount"], ["Desk", 120], ["Lamp", 100], ["Sum", "=B2+B3"]):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)

    parsed = _parsed(tmp_path, out.getvalue())

    assert _text(parsed) == "Item | Amount\nDesk | 120\nLamp | 100\nSum"
    assert parsed.notices == (f"1 formula holds {ADVICE}",)


def test_a_zero_that_nobody_computed_is_not_read(tmp_path: Path) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        for row, line in enumerate([["Item", "Amount"], ["Desk", 120], ["Lamp", 0]]):
            sheet.write_row(row, 0, line)
        sheet.write_row(3, 0, ["Sum", "=SUM(B2:B3)"])
        sheet.write_row(4, 0, ["Known"])
        sheet.write_formula("B5", "=B2/2", None, 60)
        sheet.write_row(5, 0, ["Mean", "=AVERAGE(B2:B3)"])

    parsed = _parsed(tmp_path, out.getvalue())

    assert _text(parsed) == "Item | Amount\nDesk | 120\nLamp | 0\nSum\nKnown | 60\nMean"
    assert parsed.notices == (f"2 formulas hold {ADVICE}",)


@pytest.mark.parametrize(
    ("cell", "is_told"),
    [
        ('<c r="A2"><f>B1</f><v>0</v></c>', False),
        ('<c r="A2" t="str"><f>B1</f><v></v></c>', False),
        ('<c r="A2" t="b"><f>B1</f><v>0</v></c>', False),
        ('<c r="A2"><f t="shared" si="0"/><v>7</v></c>', False),
        ('<c r="A2"><f t="shared" si="0"/></c>', True),
        ('<c r="A2"><f>B1</f><v/></c>', True),
        ('<x:c r="A2"><x:f>B1</x:f></x:c>', True),
    ],
)
def test_a_value_that_a_spreadsheet_program_saved_is_one(
    cell: str, is_told: bool
) -> None:
    sheet = f'<c r="A1" t="s"><v>0</v></c>{cell}<c r="A3"><v>5</v></c>'
    found = uncomputed(sheet.encode(), is_to_be_calculated=False)
    assert found.count == is_told


EUROS = "#,##0.00\\ [$€-407];[Red]\\(#,##0.00\\ [$€-407]\\)"
ACCOUNTING = '_-* #,##0.00\\ "€"_-;\\-* #,##0.00\\ "€"_-;_-* "-"??\\ "€"_-;_-@_-'
MORNING = dt.datetime(2024, 3, 9, 10, 15, 42)  # noqa: DTZ001 - a cell has no zone


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (1234.5, '#,##0.00 "€"', "1,234.50 €"),
        (1234.5, "0.00", "1234.50"),
        (1234.5, "[$CHF-807] #,##0.00", "CHF 1,234.50"),
        (1234, "00000", "01234"),
        (123456, "0,000,000", "0,123,456"),
        (1 / 3, "0.00", "0.33"),
        (2.675, "0.00", "2.68"),
        (2.5, "0.##", "2.5"),
        (2, "0.##", "2"),
        (0.5, "#.0", "0.5"),
        (1.5, "0.000", "1.5"),
        (1234567, "#,##0,", "1,235"),
        (1234567, '0.0,,"M"', "1.2M"),
        (2, '0"%"', "2%"),
        (0.125, "0.0%", "12.5%"),
        (2.5, 'General" kg"', "2.5 kg"),
        (-1234.5, EUROS, "-1,234.50 €"),
        (-5, "0;[Red]0", "-5"),
        (-3, '"$"#,##0.00', "-$3.00"),
        (-0.001, "0.00", "0.00"),
        (-7.125, ACCOUNTING, "-7.13 €"),
        (0, ACCOUNTING, "0 €"),
        (1, '"Yes";"Yes";"No"', "Yes"),
        (dt.timedelta(hours=26.5), "[h]:mm", "26:30"),
        (dt.time(10, 15, 42), "hh:mm:ss", "10:15:42"),
        (dt.time(14, 5), "h:mm AM/PM", "2:05 PM"),
        (dt.time(0, 10, 15, 300_000), "mm:ss.0", "10:15.3"),
        (MORNING, "hh:mm:ss", "10:15:42"),
        (MORNING, "dd.mm.yyyy hh:mm:ss", "2024-03-09 10:15:42"),
        (MORNING, "m/d/yy h:mm", "2024-03-09 10:15"),
        (MORNING, "yyyy\\-mm\\-dd;@", "2024-03-09"),
        (MORNING, "[$-409]mmm\\-yy;@", "2024-03"),
        (MORNING, "d-mmm", "2024-03-09"),
    ],
)
def test_values_read_as_their_format_shows_them(
    value: Value, code: str, shown: str
) -> None:
    assert formatted(value, code) == shown


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (5, "General"),
        (5, "@"),
        (5, ";;;"),
        (0.5, "# ?/?"),
        (1234.5, "0.00E+00"),
        (5, "[>3]0;0"),
        (1234567, "000-0000"),
        (5, "0.00 stk"),
        (1e20, "#,##0"),
        (float("nan"), "0.00"),
        (5, "0" * 300),
        (5, '0"'),
        (dt.timedelta(days=-1), "[h]:mm"),
        (dt.time(1), "yyyy-mm-dd"),
    ],
)
def test_a_format_that_is_not_known_says_nothing(value: Value, code: str) -> None:
    assert formatted(value, code) is None


def test_cells_read_as_their_format_shows_them(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    cells = [("Item", "@"), ("Price", "@"), ("Code", "@"), ("Took", "@"), ("At", "@")]
    rows = [
        cells,
        [
            ("Desk", "General"),
            (1234.5, '#,##0.00 "€"'),
            (1234, "00000"),
            (dt.timedelta(hours=26.5), "[h]:mm"),
            (dt.time(10, 15, 42), "hh:mm:ss"),
        ],
        [
            ("Lamp", "General"),
            (1 / 4, "# ?/?"),
            (7, "General"),
            (True, "0.00"),
            ("x", "0.00"),
        ],
        [
            ("Refund", "General"),
            (-3, '"$"#,##0'),
            ("", "General"),
            (dt.timedelta(seconds=-90), "[h]:mm"),
        ],
    ]
    for i, row in enumerate(rows, start=1):
        for j, (value, code) in enumerate(row, start=1):
            sheet.cell(i, j, value).number_format = code
    out = io.BytesIO()
    book.save(out)

    assert _text(_parsed(tmp_path, out.getvalue())).splitlines() == [
        "Item | Price | Code | Took | At",
        "Desk | 1,234.50 € | 01234 | 26:30 | 10:15:42",
        "Lamp | 0.25 | 7 | TRUE | x",
        "Refund | -$3 |  | -0:01:30",
    ]


def test_formatted_numbers_are_amounts_of_a_table() -> None:
    numbers = (1234.5, -20, 0)
    euros = [str(formatted(n, EUROS)) for n in numbers]
    dollars = [str(formatted(n, '"$"#,##0.00')) for n in numbers]
    weights = [str(formatted(n, "0.000")) for n in (1.5, 2, 12.25)]

    assert amounts_of(euros) == [Amount(n, "€") for n in numbers]
    assert amounts_of(dollars) == [Amount(n, "$") for n in numbers]
    assert amounts_of(weights) == [Amount(n, "") for n in (1.5, 2, 12.25)]
