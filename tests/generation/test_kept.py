"""What is kept outside the cache, and comes back whole: against a plain list of texts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.server.kept import KeptPrefixes
from generation.server.native import Row
from generation.server.prefixes import common_prefix, labelled, without_scope
from generation.server.sequences import Lease, Sequences
from tests.fakes_weights import ScriptedWeights, expected
from tests.generation.engine_parts import ask, asked, running, tokens_of
from tests.generation.test_engine import wait_until

TOKENS = st.lists(st.integers(0, 2), max_size=12)
# Tokens that all may read, then some of one person.
TEXTS = st.tuples(TOKENS, TOKENS, st.sampled_from("ab"))
BYTES_A_TOKEN = 10


def labels_of(text: tuple[list[int], list[int], str]) -> tuple[int, ...]:
    return labelled(text[0], "all") + labelled(text[1], text[2])


def copies(labels: tuple[int, ...]) -> bytes:
    return b"".join(b"%9d," % (label % 1_000_003) for label in labels)


def put(kept: KeptPrefixes, labels: tuple[int, ...]) -> None:
    kept.keep(labels, lambda start, end: copies(labels[start:end]))


def got(kept: KeptPrefixes, labels: tuple[int, ...]) -> int:
    """Return how many of ``labels`` are kept, after looking into every copy."""
    start = 0
    for run, end in kept.match(labels):
        assert run.start == start < end
        assert run.labels[: end - start] == labels[start:end]
        assert run.state == copies(run.labels)
        start = end
    return start


@given(st.lists(TEXTS, max_size=12))
def test_what_was_kept_is_found_as_far_as_it_agrees(
    texts: list[tuple[list[int], list[int], str]],
) -> None:
    kept, before = KeptPrefixes(1_000_000), list[tuple[int, ...]]()
    for text in texts:
        labels = labels_of(text)
        assert got(kept, labels) == max(
            (common_prefix(labels, one) for one in before), default=0
        )
        put(kept, labels)
        before.append(labels)
        assert got(kept, labels) == len(labels)
    cells = {one[:n] for one in before for n in range(1, len(one) + 1)}
    assert kept.used_bytes == BYTES_A_TOKEN * len(cells), "nothing is kept twice"


@given(st.lists(TEXTS, max_size=20), st.integers(0, 300))
def test_it_never_takes_more_than_it_may(
    texts: list[tuple[list[int], list[int], str]], limit: int
) -> None:
    kept = KeptPrefixes(limit)
    longest = max((len(labels_of(text)) for text in texts), default=0)
    for text in texts:
        labels = labels_of(text)
        others = len(kept)
        put(kept, labels)
        assert kept.used_bytes <= limit
        found = got(kept, labels)
        # It goes on from within a run that may be as long as the longest text.
        if BYTES_A_TOKEN * (longest + len(labels)) <= limit:
            assert found == len(labels), "what came last stays"
        elif BYTES_A_TOKEN * len(labels) > limit and not found:
            assert len(kept) == others, "what cannot stay drives nothing out"
    assert (len(kept) > 0) == (kept.used_bytes > 0)


def test_what_was_used_longest_ago_goes_first() -> None:
    kept = KeptPrefixes(3 * 4 * BYTES_A_TOKEN)
    first, second, third = (labelled([n] * 4, "all") for n in range(3))
    for labels in (first, second, third):
        put(kept, labels)
    assert got(kept, first) == 4
    put(kept, labelled([7] * 4, "all"))
    assert [got(kept, one) for one in (first, second, third)] == [4, 0, 4]


def test_what_a_run_goes_on_from_outlives_it() -> None:
    kept = KeptPrefixes(8 * BYTES_A_TOKEN)
    rules = labelled([1, 2, 3, 4], "all")
    for person in "abcdef":
        put(kept, rules + labelled([5, 6, 7, 8], person))
        assert got(kept, rules) == 4
    mine = rules + labelled([5, 6, 7, 8], "f")
    put(kept, mine)
    put(kept, labelled([9] * 2, "all"))
    assert got(kept, mine) == 4, "its own part went, the rules did not"


@given(st.lists(TEXTS, max_size=8))
def test_what_all_may_read_is_told_and_taken_back_without_the_rest(
    texts: list[tuple[list[int], list[int], str]],
) -> None:
    kept, again = KeptPrefixes(1_000_000), KeptPrefixes(1_000_000)
    for text in texts:
        put(kept, labels_of(text))
    for tokens, start, state in kept.of_scope("all"):
        assert state == copies(labelled(tokens, "all")[start:])
        assert again.adopt(tokens, "all", start, state)
        assert again.adopt(tokens, "all", start, state), "once more does nothing"
    for text in texts:
        labels = labels_of(text)
        assert got(again, labels) == min(len(text[0]), got(kept, labels))


def test_a_run_without_what_comes_before_it_is_not_taken() -> None:
    kept = KeptPrefixes(1_000_000)
    assert not kept.adopt((1, 2, 3, 4), "all", 2, b"state")
    assert (len(kept), kept.used_bytes) == (0, 0)


@given(
    st.lists(st.tuples(TEXTS, st.integers(0, 10), st.booleans()), max_size=40),
    st.sampled_from([0, 200, 100_000]),
)
def test_room_is_never_promised_twice_and_every_copy_is_right(
    requests: list[tuple[tuple[list[int], list[int], str], int, bool]], limit: int
) -> None:
    # The script's cache counts its cells and refuses positions out of turn.
    weights, kept = ScriptedWeights(slots=5, cells=40), KeptPrefixes(limit)
    pool = Sequences(weights, sequences=6, cells=40, kept=kept)
    open_leases: list[tuple[Lease, tuple[int, ...]]] = []
    for text, answer, ends in requests:
        labels = labels_of(text)
        lease = pool.lease(labels, limit=len(labels) + answer) if labels else None
        if lease is not None:
            pool.reuse(lease, labels)
            assert lease.shared < len(labels)
            state = json.loads(weights.state(lease.sequence))
            assert tuple(token for _, token, _ in state) == without_scope(
                labels[: lease.shared]
            )
            read(weights, lease, labels)
            pool.offer(lease, labels)
            open_leases.append((lease, labels))
        assert weights.cells_full <= pool.used <= 40
        if (ends or lease is None) and open_leases:
            pool.end(*open_leases.pop(0))
    for one in open_leases:
        pool.end(*one)
    assert (pool.leased, pool.used, weights.cells_full) == (0, 0, 0)
    assert kept.used_bytes <= limit


def read(weights: ScriptedWeights, lease: Lease, labels: tuple[int, ...]) -> None:
    for position, token in enumerate(without_scope(labels)):
        if position >= lease.shared:
            row = Row(token, position, lease.sequence, wants_result=False)
            weights.evaluate([row], lambda: False)


def test_the_cache_is_empty_when_nobody_asks() -> None:
    weights = ScriptedWeights()
    with running(weights) as engine:
        assert ask(engine, asked("everything" * 5)).end
        assert ask(engine, asked("everything" * 5)).end.reused_tokens == 49
    assert weights.cells_full == 0
    assert engine.kept.used_bytes > 0


def test_of_a_request_by_nobody_only_what_all_may_read_is_kept() -> None:
    text = "everything" * 5
    with running(ScriptedWeights()) as engine:
        for is_named, length in ((False, 10), (True, 54)):
            one = asked(text, person="x", shared=10, max_tokens=5, is_named=is_named)
            assert ask(engine, one).end.answer_tokens == 5
            wait_until(lambda: engine.sequences_leased == 0)
            answer = labelled(tokens_of(expected(tokens_of(text), 5)), "x")
            *_, (_, end) = engine.kept.match(one.labels + answer)
            assert end == length


def test_with_no_memory_for_it_nothing_is_kept() -> None:
    weights = ScriptedWeights()
    with running(weights, kept_bytes=0) as engine:
        for _ in range(2):
            assert ask(engine, asked("everything" * 5)).end.reused_tokens == 0
        assert len(engine.kept) == 0


@pytest.mark.parametrize(("cells", "reused"), [(95, 0), (150, 10)])
def test_a_copy_that_finds_no_room_is_read_again(cells: int, reused: int) -> None:
    # The last one shares 10 letters of a run of 50: all of it needs room for a moment.
    weights = ScriptedWeights(cells=cells, slots=2, step_s=0.01)
    with running(weights, drafts=False) as engine:
        assert ask(engine, asked("beginnings" + "a" * 40, max_tokens=2)).end
        other = ask(engine, asked("c" * 40, person="bert", max_tokens=20))
        wait_until(lambda: weights.cells_full >= 47)
        weights.gate.clear()
        text = "beginnings" + "b" * 20
        last = ask(engine, asked(text, max_tokens=5))
        weights.gate.set()
        assert last.end.reused_tokens == reused
        assert last.text == expected(tokens_of(text), 5)
        assert other.end
        assert other.text == expected(tokens_of("c" * 40), 20)
    assert weights.cells_full == 0


def test_a_copy_that_does_not_fit_is_dropped_and_made_again() -> None:
    weights, text = ScriptedWeights(), "everything" * 5
    with running(weights) as engine:
        assert ask(engine, asked(text)).end
        wait_until(lambda: len(engine.kept) == 1)
        ((run, _),) = engine.kept.match(asked(text).labels)
        restore = weights.restore
        weights.restore = lambda sequence, state: (  # type: ignore[method-assign]
            state is not run.state and restore(sequence, state)
        )
        again = ask(engine, asked(text))
        assert again.end.reused_tokens == 0
        assert again.text == expected(tokens_of(text), 20)
        assert ask(engine, asked(text)).end.reused_tokens == 49


def test_one_that_is_too_large_drives_nothing_out() -> None:
    kept = KeptPrefixes(10 * BYTES_A_TOKEN)
    small = labelled([1, 2, 3], "anna")
    put(kept, small)
    put(kept, labelled(range(20), "bert"))
    assert got(kept, small) == 3
    assert not kept.adopt(
        tuple(range(20)), "all", 0, copies(labelled(range(20), "all"))
    )


def test_the_weights_start_over_with_what_was_kept() -> None:
    weights = ScriptedWeights()
    with running(weights) as engine:
        assert ask(engine, asked("everything" * 5)).end
        weights.is_failing = True
        assert ask(engine, asked("another")).end.reason == "error"
        weights.is_failing = False
        assert ask(engine, asked("everything" * 5)).end.reused_tokens == 49
