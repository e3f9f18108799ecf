"""Workbooks give what people see who open them, and no number that nobody computed."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from ingestion.parsing import parse
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
