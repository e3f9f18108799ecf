"""`manage.py evaluate cells DIR` over a folder as the ICDAR 2013 set is laid out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests import samples
from tests.drawn_tables import table

ROWS = [("Town", "People", "Note"), ("Oslo", "717", "capital"), ("Kiel", "250", "port")]


def judged(rows: list[tuple[str, ...]], page: int = 1) -> str:
    cells = "".join(
        f'<cell start-row="{r}" start-col="{c}"><content>{text}</content></cell>'
        for r, row in enumerate(rows)
        for c, text in enumerate(row)
    )
    return f'<document><table><region page="{page}">{cells}</region></table></document>'


def report_of(folder: Path) -> dict[str, object]:
    out = io.StringIO()
    call_command("evaluate", "cells", str(folder), "--json", stdout=out)
    found: dict[str, object] = json.loads(out.getvalue())
    return found


def test_neighbours_that_are_found_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(samples.drawn_pdf_bytes([table(ROWS)]))
    (tmp_path / "a-str.xml").write_text(judged(ROWS))
    report = report_of(tmp_path)
    # Three rows of three: six beside one another, and six below.
    assert report["neighbours"] == 12
    assert (report["recall"], report["precision"]) == (1.0, 1.0)


def test_a_cell_in_another_column_costs_both(tmp_path: Path) -> None:
    drawn = [*ROWS[:2], ("Kiel", "", "250 port")]
    (tmp_path / "a.pdf").write_bytes(samples.drawn_pdf_bytes([table(drawn)]))
    (tmp_path / "a-str.xml").write_text(judged(ROWS))
    report = report_of(tmp_path)
    # Lost: Kiel and 250, 250 and port, 717 over 250, capital over port.
    assert report["recall"] == round(8 / 12, 4)
    assert report["precision"] == round(8 / 10, 4)


def test_a_cell_that_spans_is_one(tmp_path: Path) -> None:
    text = judged([("Town", "People", ""), ("Oslo", "717", "9")])
    spanning = text.replace('start-col="1"><content>People', 'start-col="1" end-col="2">'
                            "<content>People").replace(
        '<cell start-row="0" start-col="2"><content></content></cell>', ""
    )  # fmt: skip
    rows = [("Town", "People", "People"), ("Oslo", "717", "9")]
    (tmp_path / "a.pdf").write_bytes(samples.drawn_pdf_bytes([table(rows)]))
    (tmp_path / "a-str.xml").write_text(spanning)
    # Town, People; Oslo, 717; 717, 9; Town over Oslo; People over 717 and over 9.
    assert report_of(tmp_path)["neighbours"] == 6


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "a-str.xml").write_text(judged(ROWS))
    with pytest.raises(CommandError, match=r"no NAME-str\.xml with its NAME\.pdf"):
        report_of(tmp_path)
    (tmp_path / "b-str.xml").write_text(judged(ROWS))
    (tmp_path / "b.pdf").write_bytes(samples.drawn_pdf_bytes([table(ROWS)]))
    report = report_of(tmp_path)
    assert (report["documents"], report["without_pdf"]) == (1, 1)
