"""Tables of PDF pages: each value in its row and column, whatever parts them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.parsing.pdf_bands import row_of
from ingestion.parsing.pdf_columns import Part, strips
from ingestion.parsing.pdf_lines import Line, Word, _unjoined
from ingestion.sandbox import parse_in_child
from ingestion.types import PageText, ParseJob
from tests import samples
from tests.drawn_tables import Rules, sideways, table, text

HEAD = ("Supplier", "Country", "Contract end", "Value")
ROWS = [
    HEAD,
    ("Hydra Freight", "Germany", "31 Dec 2026", "18,400"),
    ("Nordlicht", "", "30 June 2026", "7,250"),
    ("Seal Ltd", "Japan", "", "990"),
    ("Oyama Tools", "Japan", "31 Dec 2027", ""),
    ("Blue Harbour", "France", "31 Jan 2026", "4,100"),
]
PLAIN = [" | ".join(row).strip(" |") for row in ROWS]
ALL_RULES: list[Rules] = ["grid", "across", "boxes", "bands", "head", "book", "none"]


def read(
    folder: Path, *streams: str, rotate: int = 0, first: int = 1
) -> list[PageText]:
    path = folder / "stored.pdf"
    path.write_bytes(samples.drawn_pdf_bytes(streams, rotate=rotate))
    job = ParseJob(path=str(path), media_type="application/pdf", name="a.pdf")
    pages: list[PageText] = []
    parse_in_child(replace(job, first_page=first), on_page=pages.append)
    return pages


def tables(page: PageText) -> list[list[str]]:
    return [
        page.text[block.start : block.end].split("\n")
        for block in page.blocks
        if block.kind == "table"
    ]


@pytest.mark.parametrize("rules", ALL_RULES)
def test_an_empty_cell_moves_no_other(tmp_path: Path, rules: Rules) -> None:
    (page,) = read(tmp_path, table(ROWS, rules=rules))
    assert tables(page) == [PLAIN]


@pytest.mark.parametrize("rules", ["grid", "across", "boxes"])
def test_lines_of_a_cell_stay_in_their_cell(tmp_path: Path, rules: Rules) -> None:
    rows = [
        ("Supplier", "Country", "Contract\nend", "Value in\neuros"),
        ("Hydra Freight und\nLogistik Hamburg", "Germany", "31 Dec 2026", "18,400"),
        ("Nordlicht", "Norway and\nDenmark", "30 June 2026", "7,250"),
        ("Oyama Tools", "Japan", "31 Dec 2027\nwith an option", "3,000"),
    ]
    (page,) = read(tmp_path, table(rows, rules=rules))
    assert tables(page) == [[" | ".join(row).replace("\n", " ") for row in rows]]


@pytest.mark.parametrize("rules", ["grid", "none"])
def test_a_page_shown_turned_reads_as_any_other(tmp_path: Path, rules: Rules) -> None:
    head = text("Contracts of the yard", 60, 60, font="F2")
    stream = sideways(f"{head}\n{table(ROWS, rules=rules)}")
    (page,) = read(tmp_path, stream, rotate=90)
    assert tables(page) == [PLAIN]
    assert page.text.startswith("Contracts of the yard")


def test_text_around_a_table_stays_text(tmp_path: Path) -> None:
    above = text("This list names the contracts in force and who holds them.", 60, 60)
    below = text("Questions about contracts go to the purchasing office.", 60, 330)
    for rules in ALL_RULES:
        (page,) = read(tmp_path, f"{above}\n{table(ROWS, rules=rules)}\n{below}")
        kinds = [block.kind for block in page.blocks]
        assert kinds == ["paragraph", "table", "paragraph"], rules


def test_rows_without_lines_between_are_told_by_their_numbers(tmp_path: Path) -> None:
    """A book's table: of two lines of a name, one stands beside no number."""
    rows = [
        ("Gas", "Air", "Water"),
        ("Chlorine and inorganic\nCarbon dioxide", "10,000\n100", "50\n70"),
    ]
    stream = table(rows, edges=(60, 250, 350, 450), rules="book")
    (page,) = read(tmp_path, stream)
    assert tables(page)[0] == [
        "Gas | Air | Water",
        "Chlorine and inorganic | 10,000 | 50",
        "Carbon dioxide | 100 | 70",
    ]


def test_a_box_around_text_is_no_table(tmp_path: Path) -> None:
    prose = "\n".join(["Whoever opens the sluice tells the keeper of the lock"] * 9)
    rows = [(prose, prose), (prose, prose)]
    (page,) = read(tmp_path, table(rows, edges=(30, 320, 600), top=30))
    assert tables(page) == []


def test_a_form_is_read_line_by_line(tmp_path: Path) -> None:
    """Several rows in one box: lines do not part them."""
    names = ("Name", "Policy", "Phone", "Mail", "Order")
    values = ("Gabriel Diaz", "POL-2022", "425 111", "g@example.org", "RO-2")
    block = ["\n".join(names), "\n".join(values), "\n".join(names), "\n".join(values)]
    (page,) = read(tmp_path, table([HEAD, block, ("Note", "", "", "")]))
    for name, value in zip(names, values, strict=True):
        assert any(f"{name} | {value}" in line for t in tables(page) for line in t)


def test_a_label_of_two_lines_stays_beside_its_numbers(tmp_path: Path) -> None:
    stream = "\n".join(
        [
            table(
                [("Town", "Days", "Rain"), ("\n\n\n", "", "")],
                edges=(60, 250, 350, 450),
                rules="book",
            ),
            *(
                text(*at)
                for at in (("Bonn", 64, 130), ("18.4", 254, 130), ("70", 354, 130))
            ),
            *(text(*at) for at in (("Sankt Andreas-", 64, 145), ("berg", 64, 157))),
            *(text(*at) for at in (("14.1", 254, 151), ("128", 354, 151))),
        ]
    )
    (page,) = read(tmp_path, stream)
    assert tables(page)[0][1:] == ["Bonn | 18.4 | 70", "Sankt Andreasberg | 14.1 | 128"]


def test_a_cell_of_several_rows_is_said_in_each(tmp_path: Path) -> None:
    rows = [("Country", "City", "People"), ("", "Berlin", "3,7"), ("", "Kiel", "0,2")]
    edges = (60, 190, 280, 380)
    stream = table(rows, edges=edges).replace(
        # The line between the two rows begins behind the first column.
        "0.5 w 60 658.0 m",
        "0.5 w 190 658.0 m",
    )
    (page,) = read(tmp_path, f"{stream}\n{text('Germany', 64, 138)}")
    assert tables(page)[0][1:] == ["Germany | Berlin | 3,7", "Germany | Kiel | 0,2"]


def test_a_line_that_stops_at_a_cell_of_two_rows_parts_the_others(
    tmp_path: Path,
) -> None:
    rows = [("Time", "Monday", "Tuesday", "Friday")]
    rows += [("early", "Maths", "Art", "Sport"), ("late", "French", "Art", "Physics")]
    rows += [("night", "none", "none", "none")]
    stream = table(rows, rules="across").replace("60 636.0 m 500", "60 636.0 m 380")
    (page,) = read(tmp_path, stream)
    assert tables(page) == [[" | ".join(row) for row in rows]]


def test_numbers_below_one_another_in_a_cell_are_no_rows(tmp_path: Path) -> None:
    rows = [("Part", "Sizes", "Stock"), ("\nBolt", "10\n12\n16", "99\n80\n60")]
    rows += [("Nut", "10", "44"), ("Washer", "12", "40")]
    for rules in ("grid", "across"):
        (page,) = read(tmp_path, table(rows, edges=(60, 190, 280, 380), rules=rules))
        assert tables(page)[0][1:] == [
            "Bolt | 10 12 16 | 99 80 60",
            "Nut | 10 | 44",
            "Washer | 12 | 40",
        ]


def test_a_number_of_several_rows_is_said_once(tmp_path: Path) -> None:
    """It would be added up twice where a line is only missing."""
    rows = [("City", "Land", "Cost"), ("Berlin", "Spree", "370"), ("Kiel", "Sea", "")]
    stream = table(rows, edges=(60, 190, 280, 380))
    stream = stream.replace("658.0 m 380", "658.0 m 280")
    (page,) = read(tmp_path, stream)
    assert tables(page)[0][1:] == ["Berlin | Spree | 370", "Kiel | Sea"]


def test_a_long_cell_moves_no_border(tmp_path: Path) -> None:
    rows = [("Town", "Days", "Rain"), *[(f"Town {n}", "390", "532") for n in range(6)]]
    rows[3] = ("Sankt Peter-Ording, the old lighthouse", "390", "532")
    (page,) = read(tmp_path, table(rows, edges=(60, 250, 330, 420), rules="across"))
    assert tables(page)[0] == [" | ".join(row) for row in rows]


def test_words_on_both_sides_of_a_line_are_two_cells(tmp_path: Path) -> None:
    rows = [("Item", "Now"), ("Rent 1,200", "1,198"), ("Water", "40")]
    (page,) = read(tmp_path, table(rows, edges=(60, 113, 200)))
    assert tables(page)[0] == [" | ".join(row) for row in rows]


def line(*words: tuple[str, float, float], size: float = 10) -> Line:
    """Return words with where they begin and their base, 5 points a letter."""
    made = [
        Word(text, left, base - 8, left + 5 * len(text), base + 2)
        for text, left, base in words
    ]
    return Line(tuple(made), size, words[0][2], is_bold=False)


def test_a_border_stands_where_no_row_runs_over_it() -> None:
    rows = [[line(("Kiel", 0, 10 * n)), line(("39", 200, 10 * n))] for n in range(8)]
    rows[3][0] = line(("x" * 30, 0, 30))
    (border,) = strips(rows)
    assert 150 < border < 200


def test_numbers_stand_nearer_to_one_another_than_columns_of_text(
    tmp_path: Path,
) -> None:
    rows = [("1,200", "1,198", "3,310"), ("1,300", "1,250", "4,020")] * 2
    stream = table(rows, edges=(60, 92, 124, 156), rules="none", bold_head=False)
    (page,) = read(tmp_path, stream)
    assert tables(page) == [[" | ".join(row) for row in rows]]


def test_rows_that_the_reader_joins_are_parted() -> None:
    joined = line(("Paris", 100, 50), ("1998", 200, 50), ("Lyon", 100, 66))
    assert [(one.text, one.base) for one in _unjoined(joined)] == [
        ("Paris 1998", 50),
        ("Lyon", 66),
    ]


def test_a_raised_sign_stays_behind_its_word() -> None:
    parts = [Part(line(("2-", 15, 96), size=6), 0), Part(line(("SO4", 0, 100)), 0)]
    ((word, sign),) = row_of(parts, 1)
    assert (word.text, sign.text) == ("SO4", "2-")


def test_an_empty_cell_unlike_the_row_above_ends_no_table(tmp_path: Path) -> None:
    rows = [("Room", "Seats", "Note"), ("Aula", "200", "new"), ("Blue room", "", "old")]
    rows += [("Red room", "24", "")]
    (page,) = read(tmp_path, table(rows, edges=(60, 190, 280, 380), rules="none"))
    assert tables(page)[0] == [" | ".join(row).strip(" |") for row in rows]


def test_a_title_is_no_part_of_the_head(tmp_path: Path) -> None:
    title = text("Contracts", 60, 84, font="F2")
    (page,) = read(tmp_path, f"{title}\n{table(ROWS, rules='across')}")
    assert tables(page) == [PLAIN]


def test_two_tables_of_one_width_are_two(tmp_path: Path) -> None:
    second = [("Person", "Office", "Since", "Room"), ("Ada", "Kiel", "2019", "4")]
    stream = [
        table(ROWS, rules="across"),
        text("People", 60, 250),
        table([*second, ("Ben", "Bonn", "2021", "7")], rules="across", top=258),
    ]
    (page,) = read(tmp_path, "\n".join(stream))
    assert [found[0] for found in tables(page)] == [
        PLAIN[0],
        "Person | Office | Since | Room",
    ]


def test_scaled_text_has_the_size_that_is_seen(tmp_path: Path) -> None:
    """Browsers write large text and scale it down: gaps are as wide as they look."""
    rows = [("Staff", "1,200", "1,198"), ("Rent", "300", "310"), ("Water", "40", "52")]
    stream = table(rows, edges=(60, 110, 150, 200), rules="none", bold_head=False)
    scaled = re.sub(
        r"/F1 10 Tf (\S+) (\S+) Td", r"/F1 40 Tf 0.25 0 0 0.25 \1 \2 Tm", stream
    )
    for drawn in (stream, scaled):
        (page,) = read(tmp_path, drawn)
        assert tables(page) == [[" | ".join(row) for row in rows]]


# --- Over pages --------------------------------------------------------------


def over_pages(
    first: Sequence[Sequence[str]],
    *more: Sequence[Sequence[str]],
    rules: Rules = "grid",
) -> list[str]:
    streams = [table(first, rules=rules, bold_head=True)]
    streams += [table(rows, rules=rules, bold_head=False) for rows in more]
    return streams


@pytest.mark.parametrize("rules", ["grid", "across", "none"])
def test_a_table_that_goes_on_keeps_its_names(tmp_path: Path, rules: Rules) -> None:
    streams = over_pages(ROWS, ROWS[1:], [*ROWS[3:], ROWS[1]], rules=rules)
    pages = read(tmp_path, *streams)
    (first,), (second,), (third,) = map(tables, pages)
    assert first == PLAIN
    assert (
        second[1] == "Supplier: Nordlicht | Contract end: 30 June 2026 | Value: 7,250"
    )
    assert (
        third[1] == "Supplier: Oyama Tools | Country: Japan | Contract end: 31 Dec 2027"
    )
    continuing = [[b.continues for b in page.blocks] for page in pages]
    assert continuing == [[False], [True], [True]]


def test_one_row_on_the_next_page_belongs_to_the_table(tmp_path: Path) -> None:
    pages = read(tmp_path, *over_pages(ROWS, ROWS[1:2]))
    ((row,),) = tables(pages[1])
    assert row.startswith("Supplier: Hydra Freight | Country: Germany | Contract end:")
    assert pages[1].blocks[0].continues


def test_a_head_said_again_is_no_row(tmp_path: Path) -> None:
    pages = read(tmp_path, *[table(ROWS)] * 2)
    assert [tables(page) for page in pages] == [[PLAIN], [PLAIN]]
    assert pages[1].blocks[0].continues


def test_another_table_does_not_go_on(tmp_path: Path) -> None:
    other = [("Person", "Office", "Since", "Room"), *ROWS[1:]]
    narrow = [row[:3] for row in ROWS]
    title = text("Contracts that have ended", 60, 60)
    for second in (
        table(other),
        table(narrow, edges=(60, 190, 280, 500)),
        f"{title}\n{table(ROWS)}",
    ):
        pages = read(tmp_path, table(ROWS), second)
        assert not any(block.continues for block in pages[1].blocks)


@pytest.mark.parametrize("bold", [True, False])
def test_a_head_without_bold_begins_another_table(tmp_path: Path, bold: bool) -> None:
    other = [("Boat", "Berth", "Since", "Sold"), *ROWS[1:]]
    pages = read(tmp_path, table(ROWS, bold_head=bold), table(other, bold_head=False))
    assert not any(block.continues for block in pages[1].blocks)


def test_page_numbers_and_running_heads_part_no_table(tmp_path: Path) -> None:
    def page(number: int, rows: Sequence[Sequence[str]]) -> str:
        head = text("Contracts of the yard", 60, 40)
        foot = text(f"Page {number} of 2", 300, 760)
        return f"{head}\n{table(rows, bold_head=number == 1)}\n{foot}"

    pages = read(tmp_path, page(1, ROWS), page(2, ROWS[1:]))
    assert [b.continues for b in pages[1].blocks if b.kind == "table"] == [True]


def test_a_caption_begins_another_table(tmp_path: Path) -> None:
    caption = text("Table 2: Bonn", 60, 60)
    pages = read(
        tmp_path, table(ROWS), f"{caption}\n{table(ROWS[1:], bold_head=False)}"
    )
    assert not any(block.continues for block in pages[1].blocks)


def test_a_page_reads_the_same_when_reading_begins_there(tmp_path: Path) -> None:
    streams = over_pages(ROWS, ROWS[1:], ROWS[1:], ROWS[1:])
    whole = read(tmp_path, *streams)
    for first in (2, 4):
        assert read(tmp_path, *streams, first=first) == whole[first - 1 :]


def test_a_drawing_of_many_lines_is_left(tmp_path: Path) -> None:
    lines = "\n".join(
        f"{i % 500} {i // 25} m {i % 500 + 9} {i // 25} l S" for i in range(15_000)
    )
    (page,) = read(tmp_path, f"{lines}\n{text('The yard from above', 60, 60)}")
    assert page.text == "The yard from above"
