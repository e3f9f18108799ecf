from __future__ import annotations

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from generation.trimming import trim
from retrieval.types import Hit

OIL = "The pump is blue. It holds 40 litres of oil. It stands in the hall. "


def hit(text: str, score: float, start: int = 0) -> Hit:
    pk = uuid4()
    return Hit(
        chunk_id=1,
        document_id=pk,
        version_id=pk,
        collection_id=pk,
        document="manual.txt",
        heading="",
        text=text,
        start=start,
        end=start + len(text),
        page=1,
        page_last=1,
        token_count=len(text) // 4,
        score=score,
    )


def test_the_best_passage_is_whole_and_of_others_what_speaks_of_it_stays() -> None:
    other = (
        "Cats sleep. " * 6 + "Change the oil of the pump each year. " + "So it is. " * 6
    )
    kept = trim(
        "How much oil does the pump hold?", [hit(OIL, 1.0), hit(other, 0.7)], tokens=27
    )
    assert kept[0].text == OIL.strip()
    assert kept[1].text == "Change the oil of the pump each year."
    assert other[kept[1].start : kept[1].end] == kept[1].text


def test_of_a_best_passage_that_is_too_long_what_speaks_of_the_question_stays() -> None:
    long = "Cats sleep all day. " * 20 + OIL + "Dogs bark at night. " * 20
    question = "How much oil does the pump hold?"
    for others in ([], [hit(OIL, 0.9)]):
        first, *_ = trim(question, [hit(long, 1.0), *others], tokens=60)
        assert "It holds 40 litres of oil." in first.text
        assert "The pump is blue." in first.text
        assert first.token_count <= 60


def test_a_table_that_fits_is_whole() -> None:
    table = "| part | oil |\n| pump | 40 |\n| valve | 2 |"
    text = f"Cats sleep.\n\n{table}\n\nDogs bark."
    (_, kept) = trim("oil of the valve", [hit("Fine.", 1.0), hit(text, 0.9)], tokens=13)
    assert kept.text == table
    assert (
        len(trim("oil of the valve", [hit("Fine.", 1.0), hit(text, 0.9)], tokens=4))
        == 1
    )


SEATS = "Room | Seats\n101 | 12\n102 | 8\n103 | 30\n104 | 6\n105 | 9"


def test_a_table_of_two_columns_is_one() -> None:
    text = f"Cats sleep.\n\n{SEATS}\n\nDogs bark."
    kept = trim("Seats of 103?", [hit("Fine.", 1.0), hit(text, 0.9)], tokens=16)
    assert kept[1].text == SEATS


def test_of_a_table_that_is_too_long_the_header_stays_with_the_rows_of_use() -> None:
    for hits in ([hit("Fine.", 1.0), hit(SEATS, 0.9)], [hit(SEATS, 1.0)]):
        kept = trim("How many seats has room 103?", hits, tokens=11)
        assert kept[-1].text == "Room | Seats\n101 | 12\n102 | 8\n103 | 30"
    # A row without the names of its columns says nothing.
    assert (
        len(trim("Seats of 105?", [hit("Fine.", 1.0), hit(SEATS, 0.9)], tokens=9)) == 1
    )


def test_a_row_that_names_its_columns_needs_no_header() -> None:
    rows = [f"Room: {n} | Seats: {n * 7}" for n in range(101, 120)]
    text = "\n".join(["Room | Seats", *rows])
    (_, kept) = trim("Seats of 117?", [hit("Fine.", 1.0), hit(text, 0.9)], tokens=9)
    assert kept.text == "Room: 117 | Seats: 819"
    lone = "Times | Room\nMonday: 9 | 3"
    assert trim("Monday?", [hit(lone, 1.0)], tokens=3)[0].text == lone


def test_nothing_found_stays_nothing() -> None:
    assert trim("What?", [], tokens=100) == []


@given(
    st.lists(st.text(alphabet="ab .\n|", min_size=1, max_size=60), max_size=4),
    st.integers(1, 60),
)
def test_every_passage_stays_a_span_of_its_text(texts: list[str], tokens: int) -> None:
    hits = [hit(text, 1.0 - n / 10, start=7) for n, text in enumerate(texts)]
    whole = {h.version_id: h for h in hits}
    for kept in trim("a b", hits, tokens=tokens):
        source = whole[kept.version_id]
        assert source.text[kept.start - 7 : kept.end - 7] == kept.text
