from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.chunking import page_starts, split
from ingestion.types import PAGE_BREAK, Block, ChunkingConfig, PageText
from tests.fakes import word_tokenizer

CONFIG = ChunkingConfig(max_tokens=40, max_heading_tokens=10)
SENTENCE = "The pump holds forty litres of oil and must be drained once a year. "


def page(text: str, *blocks: tuple[str, str, int], number: int = 1) -> PageText:
    """A page whose blocks are given as (kind, text, level), found in order."""
    at, spans = 0, []
    for kind, held, level in blocks:
        start = text.index(held, at)
        at = start + len(held)
        spans.append(Block(kind=kind, start=start, end=at, level=level))
    return PageText(number=number, text=text, blocks=tuple(spans))


def cut(*pages: PageText, title: str = "Manual", config: ChunkingConfig = CONFIG):
    return split(pages, title, config, word_tokenizer())


def tokens(text: str) -> int:
    return len(word_tokenizer().encode(text).ids)


texts = st.text(
    alphabet=st.sampled_from("ab Z.\n\t|é漢😀\u0301\u200b\r,-#")
    | st.characters(exclude_characters="\f\x00", exclude_categories=["Cs"]),
    max_size=600,
)


@st.composite
def some_pages(draw: st.DrawFn) -> list[PageText]:
    pages = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        text = draw(texts | st.just(SENTENCE * 12) | st.just("x" * 3000))
        spans = st.tuples(st.integers(0, len(text)), st.integers(0, len(text) + 5))
        kinds = st.sampled_from(["heading", "paragraph", "table", "list", "header"])
        blocks = tuple(
            Block(kind=draw(kinds), start=start, end=end, level=draw(st.integers(0, 6)))
            for start, end in draw(st.lists(spans, max_size=6))
        )
        pages.append(PageText(number=number, text=text, blocks=blocks))
    return pages


@settings(max_examples=100)
@given(some_pages(), st.text(max_size=80), st.sampled_from([16, 40, 200]))
def test_what_always_holds(pages, title, max_tokens):
    config = ChunkingConfig(max_tokens=max_tokens, max_heading_tokens=max_tokens // 4)
    text = PAGE_BREAK.join(page.text for page in pages)
    passages = split(pages, title, config, word_tokenizer())
    at, lost = 0, ""
    for ordinal, passage in enumerate(passages):
        assert passage.ordinal == ordinal
        assert at <= passage.start < passage.end <= len(text)
        assert passage.text == text[passage.start : passage.end]
        assert passage.token_count == tokens(passage.embedded_text) <= max_tokens
        assert 1 <= passage.page_first <= passage.page_last <= len(pages)
        lost += text[at : passage.start]
        at = passage.end
    assert not (lost + text[at:]).strip()
    assert split(pages, title, config, word_tokenizer()) == passages


@settings(max_examples=50)
@given(some_pages())
def test_page_numbers_are_those_of_the_span(pages):
    starts = page_starts(pages)
    for passage in split(pages, "", CONFIG, word_tokenizer()):
        first = max(i for i, start in enumerate(starts) if start <= passage.start)
        last = max(i for i, start in enumerate(starts) if start < passage.end)
        assert (passage.page_first, passage.page_last) == (first + 1, last + 1)


def test_nothing_comes_of_nothing():
    assert cut(page("")) == []
    assert cut(page(" \n\t ")) == []
    assert cut() == []


def test_a_passage_stands_under_its_headings():
    text = f"Setup\n\nLinux\n\n{SENTENCE * 3}"
    passages = cut(page(text, ("heading", "Setup", 1), ("heading", "Linux", 2)))
    assert passages[0].heading == "Manual"
    assert passages[0].text.startswith("Setup\n\nLinux")
    assert {p.heading for p in passages[1:]} == {"Manual › Setup › Linux"}


def test_a_heading_of_the_same_level_replaces_the_one_before():
    body = SENTENCE * 2
    text = f"One\n\n{body}\n\nTwo\n\n{body}\n\nTwo b\n\n{body}"
    passages = cut(
        page(
            text, ("heading", "One", 1), ("heading", "Two", 1), ("heading", "Two b", 2)
        )
    )
    assert [p.heading for p in passages if p.text.startswith("Two b")] == [
        "Manual › Two"
    ]


def test_a_title_said_again_by_the_first_heading_is_not_repeated():
    text = f"MANUAL\n\n{SENTENCE * 4}"
    assert cut(page(text, ("heading", "MANUAL", 1)))[-1].heading == "Manual"


def test_a_heading_stays_with_what_follows_it():
    text = f"{SENTENCE * 2}\n\nSafety\n\n{SENTENCE * 2}"
    passages = cut(page(text, ("heading", "Safety", 1)))
    assert passages[-1].text.startswith("Safety")
    assert not any(p.text.endswith("Safety") for p in passages)


def test_a_long_heading_path_is_bounded():
    text = "\n\n".join(["A very long heading " * 30, SENTENCE * 5])
    config = ChunkingConfig(max_tokens=60, max_heading_tokens=12)
    passages = cut(
        page(text, ("heading", "A very long heading " * 30, 1)), config=config
    )
    assert all(tokens(p.heading) <= 12 + 2 for p in passages)
    assert passages[-1].heading.startswith("A very long")


def test_prose_is_cut_between_sentences():
    passages = cut(page(SENTENCE * 8))
    assert len(passages) > 2
    assert all(p.text.endswith("year.") for p in passages)


def test_small_sections_are_joined_to_more_than_one_line_each():
    names = [f"Item {n}" for n in range(12)]
    text = "\n\n".join(f"{name}\n\nIt is blue." for name in names)
    passages = cut(page(text, *(("heading", name, 2) for name in names)))
    assert len(passages) <= 6
    assert all(p.heading == "Manual" for p in passages)


def test_a_table_that_fits_is_kept_whole():
    table = "Part | Litres\nPump | 40\nTank | 90"
    text = f"{SENTENCE * 2}\n\n{table}\n\n{SENTENCE * 2}"
    passages = cut(page(text, ("table", table, 0)))
    assert sum(table in p.text for p in passages) == 1


def test_a_long_table_is_cut_between_rows_under_its_first_row():
    rows = [f"Part {n} | {n} litres" for n in range(40)]
    table = "\n".join(["Name | Volume", *rows])
    passages = cut(page(table, ("table", table, 0)))
    assert len(passages) > 2
    assert [r for p in passages for r in p.text.splitlines()] == table.splitlines()
    assert passages[0].heading == "Manual"
    assert all(p.heading == "Manual\nName | Volume" for p in passages[1:])


def test_rows_that_name_their_columns_need_no_header():
    table = "\n".join(f"Name: Part {n} | Volume: {n} litres" for n in range(40))
    # The later part of a table, on the next page, has no header.
    for text in (f"Name | Volume\n{table}", table):
        passages = cut(page(text, ("table", text, 0)))
        assert {p.heading for p in passages} == {"Manual"}


def test_a_passage_ends_with_its_page():
    passages = cut(page(SENTENCE), page(SENTENCE, number=2))
    assert [(p.page_first, p.page_last) for p in passages] == [(1, 1), (2, 2)]


def test_a_paragraph_that_runs_on_crosses_the_page():
    passages = cut(page("The pump holds forty"), page("litres of oil.", number=2))
    assert [(p.page_first, p.page_last) for p in passages] == [(1, 2)]


def test_even_a_tiny_page_keeps_its_passage():
    """A citation has to open at the page that says it."""
    passages = cut(page("Thanks."), page(SENTENCE, number=2))
    assert [(p.page_first, p.page_last) for p in passages] == [(1, 1), (2, 2)]


def test_a_heading_at_the_foot_of_a_page_stays_with_what_it_heads():
    passages = cut(page("Pumps", ("heading", "Pumps", 1)), page(SENTENCE, number=2))
    assert [(p.page_first, p.page_last) for p in passages] == [(1, 2)]


@pytest.mark.parametrize("word", ["x" * 200_000, "漢" * 5_000, "e" + "\u0301" * 9_000])
def test_a_text_without_spaces_is_cut_all_the_same(word):
    passages = cut(page(word))
    assert "".join(p.text for p in passages) == word
    assert max(len(p.text) for p in passages) <= 10 * CONFIG.max_tokens
