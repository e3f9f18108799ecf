"""What is in the cache, and for whom: against a plain list of texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from generation.server.prefixes import PrefixTree, common_prefix, labelled
from generation.server.sequences import Sequences

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
            within = {
                two
                for two in held
                if two != one and held[two] == text[: len(held[two])]
            }
            assert {x for x in tree.within(one) if held[x]} == {
                x for x in within if held[x]
            }


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


class NoCache:
    def share(self, source: int, target: int, *, start: int, end: int) -> None:
        assert start < end

    def cut(self, sequence: int, start: int) -> None:
        assert start >= 0

    def state(self, sequence: int) -> bytes:
        return b"%d" % sequence

    def restore(self, sequence: int, state: bytes) -> bool:
        return bool(state)


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), max_size=6))
def test_what_all_may_read_is_told_up_to_the_first_that_is_not(
    texts: list[list[int]],
) -> None:
    tree = PrefixTree()
    for holder, tokens in enumerate(texts):
        shared = len(tokens) // 2
        tree.hold(
            holder,
            labelled(tokens[:shared], "all") + labelled(tokens[shared:], "anna"),
        )
    beginnings = {tuple(one[: len(one) // 2]) for one in texts} - {()}
    longest_ones = {
        one
        for one in beginnings
        if not any(one == two[: len(one)] for two in beginnings - {one})
    }
    told = tree.leading("all")
    assert {tokens for tokens, _ in told} == longest_ones
    assert len(told) == len(longest_ones)
    for tokens, holder in told:
        assert tuple(texts[holder][: len(tokens)]) == tokens


@given(
    st.lists(
        st.tuples(LABELS.filter(bool), st.integers(0, 10), st.booleans()), max_size=40
    )
)
def test_room_is_never_promised_twice(
    requests: list[tuple[list[int], int, bool]],
) -> None:
    pool = Sequences(NoCache(), sequences=6, cells=40)
    open_leases = []
    for labels, answer, ends in requests:
        lease = pool.lease(labels, limit=len(labels) + answer)
        if lease is not None:
            assert lease.shared < len(labels)
            open_leases.append((lease, labels))
        assert pool.used <= 40
        if (ends or lease is None) and open_leases:
            one, its = open_leases.pop(0)
            pool.end(one, its)
    for one, its in open_leases:
        pool.end(one, its)
    assert pool.leased == 0
    pool.forget()
    assert (pool.used, pool.kept) == (0, 0)
