"""Questions for the rows of a table: understood, run, and left alone where unclear."""

from __future__ import annotations

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.tables.asking import understand, wants_rows
from generation.tables.grid import read_table
from generation.tables.known import Known
from generation.tables.openings import Op
from generation.tables.reading import Unclear
from generation.tables.running import run
from generation.tables.values import amounts_of, days_in, days_in_cells
from ingestion.parsing.tables import further_text, table_text
from tests.generation.tables.questions import ASKED, INVOICES, NOT_TOLD
from tests.generation.tables.traps import TRAPS

TOLD = [(name, q, a) for name, (_, asked) in ASKED.items() for q, a in asked.items()]
LEFT = [(name, question) for name, asked in NOT_TOLD.items() for question in asked]
TRAPS_TOLD = [(n, t, q, a) for n, t, asked, _ in TRAPS for q, a in asked.items()]
TRAPS_LEFT = [(n, t, q) for n, t, _, left in TRAPS for q in left]


def known(text: str, title: str = "") -> Known:
    table = read_table([(0, table_text(csv.reader(io.StringIO(text))))])
    assert table is not None
    return Known(table, title)


def told(question: str, text: str, title: str = "") -> str:
    have = known(text, title)
    return "|".join(run(understand(question, have), have).values)


def test_the_set_has_a_hundred_questions() -> None:
    assert len(TOLD) >= 100


@pytest.mark.parametrize(("name", "question", "answer"), TOLD)
def test_rows_tell_what_is_asked(name: str, question: str, answer: str) -> None:
    assert told(question, ASKED[name][0], name) == answer


@pytest.mark.parametrize(("name", "question"), LEFT)
def test_what_rows_do_not_tell_for_sure_is_left(name: str, question: str) -> None:
    with pytest.raises(Unclear):
        told(question, ASKED[name][0], name)


@pytest.mark.parametrize(("name", "text", "question", "answer"), TRAPS_TOLD)
def test_beside_a_trap_is_told_what_is_clear(
    name: str, text: str, question: str, answer: str
) -> None:
    assert told(question, text, name) == answer


@pytest.mark.parametrize(("name", "text", "question"), TRAPS_LEFT)
def test_what_may_be_meant_otherwise_is_left(
    name: str, text: str, question: str
) -> None:
    with pytest.raises(Unclear):
        told(question, text, name)


# --- The text of a table -----------------------------------------------------

CELL = st.text("abcxyz ,.;-ÄÖü123", min_size=1, max_size=12).map(
    lambda text: " ".join(text.split())
)
WORD = st.text("ABCDEFGH", min_size=1, max_size=9)


@given(
    st.lists(WORD, min_size=2, max_size=6, unique=True),
    st.lists(
        st.lists(CELL.filter(bool), min_size=6, max_size=6), min_size=1, max_size=60
    ),
)
def test_rows_are_read_as_they_were_written(
    names: list[str], cells: list[list[str]]
) -> None:
    rows = [row[: len(names)] for row in cells]
    text = table_text([names, *rows], header=True)
    table = read_table([(7, text)])
    assert table is not None
    assert list(table.names) == names
    assert [list(row.cells) for row in table.rows] == rows
    for row in table.rows:
        line = text[row.start - 7 : row.end - 7]
        assert row.cells[0] in line
        assert "\n" not in line


def test_empty_cells_of_records_and_of_lines_stay_empty() -> None:
    short = [["City", "People", "Note"], ["Oslo", "", "capital"], ["Kiel", "250", ""]]
    long = [*short, *[[f"Town {n}", "", "small"] for n in range(200)]]
    for rows in (short, long):
        table = read_table([(0, table_text(rows, header=True))])
        assert table is not None
        assert table.rows[0].cells == ("Oslo", "", "capital")
        assert table.rows[1].cells == ("Kiel", "250", "")


def test_parts_of_a_long_table_are_one() -> None:
    table = read_table([(0, "City | People\nOslo | 7"), (90, "Kiel | 2\nLyon | 5")])
    assert table is not None
    assert [(row.cells[0], row.start) for row in table.rows] == [
        ("Oslo", 14),
        ("Kiel", 90),
        ("Lyon", 99),
    ]


def test_a_part_of_records_goes_on_from_lines() -> None:
    """The first page has little room, the second is long, the third has a head again."""
    names = ["City", "People", "Note"]
    records = further_text(names, [("Kiel", "", "port"), ("Lyon", "5", "")])
    again = "City | People | Note\nBern | 9 | capital"
    table = read_table(
        [(0, "City | People | Note\nOslo | 7"), (90, records), (200, again)]
    )
    assert table is not None
    assert [row.cells for row in table.rows] == [
        ("Oslo", "7", ""),
        ("Kiel", "", "port"),
        ("Lyon", "5", ""),
        ("Bern", "9", "capital"),
    ]


def test_a_header_that_is_said_again_is_no_row() -> None:
    table = read_table([(0, "City | People\nOslo | 7\nCity | People\nKiel | 2")])
    assert table is not None
    assert [row.cells for row in table.rows] == [("Oslo", "7"), ("Kiel", "2")]


@pytest.mark.parametrize(
    "text",
    [
        "City | People",
        "one line\nand another",
        "1 | 2 | 3\n4 | 5 | 6",
        "City | City\nOslo | Kiel",
        "City | People\nOslo | 7 | 8",
        "City | People\nCity: Oslo | Mayor: Berg",
    ],
)
def test_what_has_no_clear_columns_is_no_table(text: str) -> None:
    assert read_table([(0, text)]) is None


# --- Amounts and days --------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,200.50", "30"], [1200.5, 30]),
        (["1.200,50 €", "30,00 €"], [1200.5, 30]),
        (["€1,200", "€-3", "US$4"], [1200, -3, 4]),
        (["1 200 km", "12 km"], [1200, 12]),
        (["1'200 CHF", "CHF 30"], [1200, 30]),
        (["-5 °C", "−3 °C", "10 °C"], [-5, -3, 10]),
        (["12 (2025)", "14 [1]"], [12, 14]),
        (["12", "–", "14"], [12, None, 14]),
    ],
)
def test_amounts(cells: list[str], values: list[float | None]) -> None:
    found = amounts_of(cells)
    assert [one and one.value for one in found] == values


@pytest.mark.parametrize(
    "cells",
    [
        # A little more than one, or a thousand and more.
        ["1.200", "3.400"],
        # Both marks in one column.
        ["1,5", "1.5"],
        ["T-101", "T-102"],
        ["two", "12"],
    ],
)
def test_no_amounts_where_they_are_not_told_for_sure(cells: list[str]) -> None:
    assert amounts_of(cells) == []


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2026-05-03", ("2026-05-03", "2026-05-04")),
        ("3.5.2026", ("2026-05-03", "2026-05-04")),
        ("3 May 2026", ("2026-05-03", "2026-05-04")),
        ("May 3rd, 2026", ("2026-05-03", "2026-05-04")),
        ("Sep 2026", ("2026-09-01", "2026-10-01")),
        ("2026-12", ("2026-12-01", "2027-01-01")),
        ("2026", ("2026-01-01", "2027-01-01")),
    ],
)
def test_days(text: str, days: tuple[str, str]) -> None:
    found = days_in(text)
    assert found is not None
    assert (str(found.first), str(found.end)) == days


@pytest.mark.parametrize("text", ["31.2.2026", "03/04/2026", "May", "12", "3 May", ""])
def test_what_is_no_day_or_not_told_which(text: str) -> None:
    assert days_in(text) is None


VOCABULARY = [
    "how",
    "many",
    "what",
    "which",
    "who",
    "when",
    "is",
    "are",
    "the",
    "of",
    "in",
    "and",
    "or",
    "total",
    "highest",
    "most",
    "before",
    "at",
    "least",
    "more",
    "than",
    "over",
    "2026",
    "3",
    "%",
    "$",
    "first",
    "latest",
    "count",
    "list",
    "all",
    "Ada",
    "Oslo",
    "May",
    "people",
    "name",
    "date",
    "''",
    "a",
    "to",
    "from",
    "5",
    "May",
    "2026",
    "rows",
    "different",
    "average",
]
CELLS = st.sampled_from(
    ("Ada", "Oslo", "3", "4.5 €", "2026-05-03", "May 2026", "", "x | y", "yes", "Total")
)


@given(
    st.lists(
        st.sampled_from(("Name", "City", "Date", "Amount", "", "2026", "x%")),
        min_size=1,
        max_size=5,
    ),
    st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=8),
    st.lists(st.sampled_from(VOCABULARY), max_size=9),
)
def test_any_question_of_any_table_is_told_or_left(
    names: list[str], cells: list[list[str]], words: list[str]
) -> None:
    table = read_table([(0, table_text([names, *cells]))])
    if table is None:
        return
    have = Known(table, "Names.csv", "Cities of 2026")
    try:
        result = run(understand(" ".join(words), have), have)
    except Unclear:
        return
    assert all(result.values)
    assert all(0 <= at < len(have.table.rows) for at in result.rows)


# --- What must not be fooled -------------------------------------------------


def test_a_row_of_sums_is_not_counted_ranked_or_added() -> None:
    text = "City,People\nOslo,700\nKiel,250\nTotal,950\n"
    assert told("How many cities are there?", text) == "2"
    assert told("What is the total of the people?", text) == "950"
    assert told("Which city has the most people?", text) == "Oslo"


def test_cells_that_are_not_understood_end_what_needs_all_of_them() -> None:
    text = "City,People\n" + "".join(f"C{n}x,{n}\n" for n in range(1, 9))
    for question in (
        "Which city has the most people?",
        "What is the total of the people?",
        "How many cities have more than 3 people?",
    ):
        assert told(question, text)
        with pytest.raises(Unclear):
            told(question, f"{text}Oslo,about 3 or 4\n")


def test_units_are_not_mixed() -> None:
    text = "Item,Price\nBolt,3 €\nNut,4 $\nGear,9 €\n"
    with pytest.raises(Unclear):
        told("What is the total of the price?", text)


def test_ranks_are_best_where_they_are_smallest() -> None:
    text = "Team,Rank\nRed,1\nBlue,2\n"
    with pytest.raises(Unclear):
        told("Which team has the highest rank?", text)


def test_a_value_of_two_columns_counts_where_one_is_named() -> None:
    text = "Person,Home,Work\nAda,Kiel,Oslo\nBen,Oslo,Kiel\nCem,Oslo,Lyon\n"
    assert told("How many persons have home Oslo?", text) == "2"
    with pytest.raises(Unclear):
        told("How many persons are in Oslo?", text)


def test_two_values_are_either_where_no_row_has_both() -> None:
    text = 'Song,Writer\nOne,Ada\nTwo,"Ada, Ben"\nThree,Cem\n'
    assert told("Which songs are of Ben or Cem?", text) == "Two|Three"
    with pytest.raises(Unclear):
        told("Which songs are of Ada and Ben?", text)


def test_equal_ones_are_all_told() -> None:
    text = "City,People\nOslo,700\nKiel,700\nLyon,500\n"
    assert told("Which city has the most people?", text) == "Oslo|Kiel"


def test_a_unit_in_the_name_of_a_column_need_not_be_asked_for() -> None:
    text = "Yard,Value in euros,Sales in Norway\nOslo,700,3\nKiel,250,4\n"
    assert told("What is the value of Oslo?", text) == "700"
    with pytest.raises(Unclear):
        told("What are the sales of Oslo?", text)


def test_days_need_a_column_of_days_that_is_clear() -> None:
    two = "Order,Sent,Paid\nA,2026-01-02,2026-02-03\nB,2026-02-05,2026-03-01\n"
    assert told("How many orders were sent in 2026?", two, "") == "2"
    with pytest.raises(Unclear):
        told("How many orders are from February 2026?", two)


def test_a_mean_is_of_what_there_is() -> None:
    have = known(INVOICES, "Invoices 2026.csv")
    query = understand("What is the average amount?", have)
    assert query.op is Op.MEAN
    (value,) = run(query, have).values
    assert math.isclose(float(value.split()[0].replace(",", "")), 1339.5)


def test_dates_need_not_be_all_of_a_column() -> None:
    assert days_in_cells(["2026-01-02", "", "2026-01-04"])
    assert days_in_cells(["2026-01-02", "soon", "later"]) == []


@pytest.mark.parametrize(
    ("question", "op"),
    [
        ("How many suppliers deliver within a week?", Op.COUNT),
        ("How many suppliers are there?", Op.COUNT),
        ("Which suppliers deliver within a week?", Op.LIST),
        ("List the suppliers that deliver within a week", Op.LIST),
        # One of them, what one cell says, and something else.
        ("Which supplier delivers within a week?", None),
        ("How many employees does Sealtech have?", None),
        ("How many people live in Oslo?", None),
        ("Which towns are in Norway?", None),
    ],
)
def test_what_is_asked_of_rows_is_recognised(question: str, op: Op | None) -> None:
    have = known(ASKED["Suppliers.csv"][0], "Suppliers.csv")
    assert wants_rows(question, have) is op
