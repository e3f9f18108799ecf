"""What is in the cache, and for whom: against a plain list of texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from generation.server.prefixes import (
    PrefixTree,
    common_prefix,
    is_of_scope,
    labelled,
    scope_borders,
    without_scope,
)

LABELS = st.lists(st.integers(0, 2), max_size=12)


def longest(labels: list[int], held: dict[int, list[int]]) -> int:
    return max((common_prefix(labels, one) for one in held.values()), default=0)


def prefixes(held: dict[int, list[int]]) -> int:
    """Count the distinct beginnings: each is one cell."""
    return len(
        {tuple(one[:n]) for one in held.values() for n in range(1, len(one) + 1)}
    )


@given(st.lists(st.tuples(st.integers(0, 5), LABELS, st.booleans()), max_size=30))
def test_the_tree_holds_what_a_list_of_texts_would(
    steps: list[tuple[int, list[int], bool]],
) -> None:
    tree, held = PrefixTree(), dict[int, list[int]]()
    for holder, labels, releases in steps:
        if releases or holder in held:
            tree.release(holder)
            held.pop(holder, None)
        else:
            tree.hold(holder, labels)
            held[holder] = labels
        assert tree.cells == prefixes(held)
        length, found = tree.match(labels)
        assert length == longest(labels, held)
        if length:
            assert found is not None
            assert held[found][:length] == labels[:length]
        for one, text in held.items():
            assert tree.held(one) == len(text)


@given(LABELS, LABELS, LABELS)
def test_a_text_that_grows_stays_one_text(
    first: list[int], more: list[int], other: list[int]
) -> None:
    tree = PrefixTree()
    tree.hold(1, first)
    tree.hold(2, other)
    tree.hold(1, first + more)
    assert tree.held(1) == len(first + more)
    tree.release(2)
    assert tree.cells == len(first + more)
    tree.release(1)
    assert tree.cells == 0
    assert tree.match(first) == (0, None)


def test_equal_tokens_of_two_people_have_nothing_in_common() -> None:
    anna, bert = labelled((1, 2, 3), "anna"), labelled((1, 2, 3), "bert")
    assert common_prefix(anna, bert) == 0
    assert labelled((1, 2), "anna") + labelled((3,), "anna") == anna


@given(LABELS, LABELS, st.integers(0, 12))
def test_runs_of_one_scope_end_where_the_scope_does(
    first: list[int], second: list[int], start: int
) -> None:
    labels = labelled(first, "all") + labelled(second, "anna")
    start = min(start, len(labels))
    ends = list(scope_borders(labels, start))
    wanted = [end for end in (len(first), len(labels)) if end > start]
    assert ends == sorted(set(wanted))
    assert without_scope(labels) == (*first, *second)
    assert [is_of_scope(label, "all") for label in labels] == (
        [True] * len(first) + [False] * len(second)
    )
