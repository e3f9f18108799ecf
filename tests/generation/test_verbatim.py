"""Code stays as it was written and tables stay tables, whatever is mended or shown."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.grounding.citations import check, mend_marks
from generation.grounding.sentences import without_marks
from generation.grounding.verbatim import outside_code, pieces, shielded
from tests.generation.test_rendering import render, unsupported

SOURCES = {
    1: "The pump holds 40 litres of oil.",
    2: "The tank weighs 12 kg. The command pump --fill fills the pump with oil.",
}
FENCED = (
    "```sh\npump --fill # fills the pump\nrow[3] = 1 .\n# The tank weighs 12 kg.\n```"
)
TABLE = "| Part | Oil |\n|---|---|\n"


@pytest.mark.parametrize(
    "text",
    [
        "Use `items[0]` or `row[3] .` here [1].",
        FENCED,
        FENCED.replace("```", "~~~"),
        f"- {FENCED}",
        "```\nx = items[",
        "``a`[7]`` is code",
        "[`a`](https://a.example) leads on",
    ],
)
def test_code_is_not_mended(text: str) -> None:
    assert mend_marks(text, frozenset({1})) == text
    if "[1]" not in text:
        assert without_marks(text) == text


def test_a_mark_beside_code_is_still_mended() -> None:
    mended = mend_marks(
        "See `a[9]` [1, 9] and [9].\n```\nb[9]\n```\n[1][1]", frozenset({1})
    )
    assert mended == "See `a[9]` [1] and.\n```\nb[9]\n```\n[1]"
    assert mend_marks("```\nb[9]\n``` [1]. So.", frozenset({1})) == (
        "```\nb[9]\n```\n[1]. So."
    )


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("Use `pump --fill fills the pump. With oil` now.",
         "Use `pump --fill fills the pump. With oil` now [2]."),
        ("~~~\npump --fill\n~~~\nThe tank weighs 12 kg.",
         "~~~\npump --fill\n~~~\n[2]\nThe tank weighs 12 kg [2]."),
        ("~~~\npump --fill", "~~~\npump --fill"),
        (f"{TABLE}| tank | The tank weighs 12 kg. |",
         f"{TABLE}| tank | The tank weighs 12 kg [2]. |"),
        (f"{TABLE}| The pump holds oil. | 40 litres |",
         f"{TABLE}| The pump holds oil. | 40 litres [1] |"),
    ],
)  # fmt: skip
def test_marks_are_put_beside_code_and_into_cells(written: str, mended: str) -> None:
    checked = check(written, SOURCES, question="")
    assert checked.text == mended
    assert check(mended, SOURCES, question="") == checked


def test_a_block_of_code_is_judged_as_one_and_the_head_of_a_table_not() -> None:
    checked = check(f"{TABLE}| tank | 7 kg [2] |\n\n{FENCED}", SOURCES, question="")
    spans = [checked.text[item.start : item.end] for item in checked.cited]
    assert spans == ["| tank | 7 kg [2] |", FENCED]


def test_unsupported_rows_and_code_keep_their_form() -> None:
    table = f"{TABLE}| tank | 12 kg |"
    html = render(table, unsupported(0, 14), unsupported(25, len(table)))
    assert html.count("<td>") == html.count("<th>") == 2
    assert '<td><span class="unsupported">12 kg</span></td>' in html
    text = f"Use `a. b` so:\n\n{FENCED}\n\nbad"
    html = render(text, unsupported(0, 7), unsupported(8, len(text)))
    assert "<code>a. b</code>" in html
    assert "12 kg.\n</code></pre>" in html
    assert html.endswith('<p><span class="unsupported">bad</span></p>\n')


TEXTS = st.lists(
    st.sampled_from(["`", "```", "~~~", "\n", "| a ", "|", "---", "[1]", ". ", "x", "\\"])
).map("".join)  # fmt: skip


@given(TEXTS, st.integers(0, 40), st.integers(0, 40))
def test_nothing_is_lost_or_moved(text: str, start: int, length: int) -> None:
    assert outside_code(text, lambda part: part) == text
    assert len(shielded(text)) == len(text)
    at = 0
    for first, last in pieces(text, start, min(start + length, len(text))):
        assert at <= first < last <= len(text)
        at = last


@pytest.mark.parametrize(
    "part", ["```\n", "` ", "|", "| a |\n", "~~~", "- ", "`a`[1] "]
)
def test_a_hostile_text_takes_linear_time(part: str) -> None:
    text = part * (100_000 // len(part))
    started = time.perf_counter()
    shielded(text)
    list(pieces(text, 0, len(text)))
    assert time.perf_counter() - started < 5
