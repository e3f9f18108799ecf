"""`manage.py evaluate tables DIR` over a folder as WikiTableQuestions has them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from generation.tables.evaluation import evaluate
from tests.generation.tables.questions import SUPPLIERS

QUESTIONS = (
    ("how many suppliers are in italy?", "2"),
    ("how many suppliers are in germany?", "3"),  # it is wrong, so the rows are not
    ("who is the contact at sealtech?", "Daan de Vries"),
    ("which suppliers are in germany?", "Metallbau Krug|Hansen Guss"),
    ("why are there so few?", "2"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "0.csv").write_text(SUPPLIERS)
    (tmp_path / "csv" / "1.csv").write_text("a line\n")
    (tmp_path / "data").mkdir()
    lines = ["id\tutterance\tcontext\ttargetValue"]
    lines += [f"q{n}\t{q}\tcsv/0.csv\t{a}" for n, (q, a) in enumerate(QUESTIONS)]
    lines.append("q9\thow many rows are there?\tcsv/1.csv\t1")
    (tmp_path / "data" / "pristine-unseen-tables.tsv").write_text("\n".join(lines))
    return tmp_path


def test_what_rows_tell_is_counted_and_compared(folder: Path) -> None:
    out = io.StringIO()
    call_command("evaluate", "tables", str(folder), "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["questions"] == 6
    assert report["of_tables_read"] == 5
    assert report["told"] == 4
    assert report["right"]["share"] == 0.75
    counts = {name: one["n"] for name, one in report["operations"].items()}
    assert counts == {"cell read": 1, "rows counted": 2, "rows listed": 1}


def test_a_limit_is_of_the_first_questions(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = evaluate(folder, limit=2, progress=lambda *step: seen.append(step))
    assert report["questions"] == 2
    assert seen == [(1, 2), (2, 2)]


def test_what_is_laid_out_otherwise_is_named(folder: Path) -> None:
    with pytest.raises(CommandError, match=r"other\.tsv does not exist"):
        call_command("evaluate", "tables", str(folder), "--split", "other", "--json")
    (folder / "csv" / "0.csv").unlink()
    with pytest.raises(CommandError, match=r"0\.csv does not exist"):
        call_command("evaluate", "tables", str(folder), "--json")
    (folder / "data" / "bad.tsv").write_text("id\nq1\tone field\n")
    with pytest.raises(CommandError, match=r"line 2: four fields"):
        call_command("evaluate", "tables", str(folder), "--split", "bad", "--json")
