"""A masked stream is the masked text, wherever it is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.masking import ALL, StreamMasker, find, mask, masked

ITEMS = (
    "jane.doe@example.org", "4111 1111 1111 1111", "5500005555555559",
    "3782 822463 10005", "GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432",
    "710-31-0236", "+46 (0)8 928 571 38", "(541) 714-1388", "0494 92 82 32",
    "416 60 039 office", "10.20.30.40", "2001:db8::8a2e:370:7334",
    "AKIAIOSFODNN7EXAMPLE", "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "password: hunter2hunter2", "www.example.com", "RSSMRA85T10A562S",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nAb==\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nMIIEow",
)  # fmt: skip
WORDS = (
    "call",
    "card",
    "my",
    "SSN",
    "is",
    "A",
    "in",
    "2024",
    "12",
    "12.03.2024",
    "2024-05-03",
    "1,000",
    "[1].",
    "§",
)
GAPS = (" ", "  ", "\n", "\t", ", ", "", "-", "\u00a0", ". ", ": ", "(", ")")

texts = st.lists(
    st.one_of(
        st.sampled_from(ITEMS),
        st.sampled_from(WORDS),
        st.sampled_from(GAPS),
        st.text("0123456789 -+().ABab@:\n", max_size=24),
        st.text(max_size=4),
    ),
    max_size=14,
).map("".join)


def streamed(pieces: list[str]) -> str:
    masker = StreamMasker(ALL)
    return "".join([*(masker.feed(piece) for piece in pieces), masker.finish()])


@settings(max_examples=150)
@given(text=texts, data=st.data())
def test_any_cuts_give_the_masked_text(text: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12).map(sorted))
    edges = [0, *cuts, len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
    assert streamed(pieces) == mask(text, ALL)


@settings(max_examples=60)
@given(text=texts)
@example(text="".join(f"{item} and " for item in ITEMS))
def test_every_single_cut_gives_the_masked_text(text: str) -> None:
    whole = mask(text, ALL)
    assert streamed(list(text)) == whole
    for cut in range(0, len(text), max(1, len(text) // 40)):
        assert streamed([text[:cut], text[cut:]]) == whole


@settings(max_examples=20)
@given(
    parts=st.lists(
        st.sampled_from(
            ["4111 1111 1111 1111 ", "12 ", "99 17 ", "x" * 40, "A1b2" * 200]
        ),
        min_size=20,
        max_size=60,
    ),
    size=st.integers(1, 97),
)
def test_groups_longer_than_a_window_are_cut_at_the_same_places(
    parts: list[str], size: int
) -> None:
    text = "".join(parts)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert streamed(pieces) == mask(text, ALL)


@pytest.mark.parametrize("item", ITEMS)
def test_no_part_of_an_item_is_ever_shown(item: str) -> None:
    masker = StreamMasker(ALL)
    shown = ""
    for char in f"Please note {item} and so on.":
        shown += masker.feed(char)
        kept = shown.removeprefix("Please note ").removeprefix("password: ")
        assert not kept or not item.startswith(kept[:3])
    rest = shown + masker.finish()
    assert item not in rest
    assert sum(masker.counts.values()) >= 1


def test_words_are_held_back_by_one() -> None:
    masker = StreamMasker()
    shown = [masker.feed(piece) for piece in ("The cat", " sat", " on", " the mat.")]
    assert shown == ["The ", "cat ", "sat ", "on the "]
    assert masker.finish() == "mat."


@settings(max_examples=80)
@given(text=texts)
def test_offsets_move_with_the_text(text: str) -> None:
    result = masked(text, ALL)
    inside = [False] * (len(text) + 1)
    for item in find(text, ALL):
        inside[item.start : item.end] = [True] * (item.end - item.start)
    for at, char in enumerate(text):
        if not inside[at]:
            assert result.text[result.moved(at)] == char
    assert result.moved(len(text)) == len(result.text)
