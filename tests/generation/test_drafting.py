"""Drafts from the prompt, and how the parts of a step are shared out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from generation.server.drafting import LONGEST_PAUSE, Drafter
from generation.server.reading import STEP_S, TOGETHER_TOKENS, Pace, shares

TOKENS = st.lists(st.integers(0, 5), max_size=40)


@given(TOKENS, TOKENS, st.integers(0, 8))
def test_a_draft_is_what_follows_the_last_tokens_in_the_prompt(
    prompt: list[int], answer: list[int], most: int
) -> None:
    draft = Drafter(prompt).draft(prompt + answer, most)
    assert len(draft) <= most
    if draft:
        tail = (prompt + answer)[-2:]
        runs = [prompt[n : n + 2 + len(draft)] for n in range(len(prompt))]
        assert tail + draft in runs


def test_the_longest_run_is_followed() -> None:
    prompt = [9, 1, 2, 7, 8, 1, 2, 5]
    assert Drafter(prompt).draft([*prompt, 9, 1, 2], 1) == [7]
    assert Drafter(prompt).draft([*prompt, 8, 1, 2], 1) == [5]


def test_right_drafts_get_longer_and_wrong_ones_pause() -> None:
    prompt = list(range(100))
    drafter = Drafter(prompt)
    first = drafter.draft([*prompt, 10, 11], 50)
    drafter.learn(len(first), len(first), 102)
    assert len(drafter.draft([*prompt, 10, 11], 50)) > len(first)
    length = 102
    pauses = []
    for _ in range(8):
        drafter.learn(3, 0, length)
        start = length
        while not drafter.draft([0] * (length - 2) + [10, 11], 5):
            length += 1
        pauses.append(length - start)
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE


@given(st.lists(st.integers(1, 3000), max_size=12), st.integers(1, 256))
def test_a_step_reads_as_much_as_it_may(waiting: list[int], budget: int) -> None:
    parts = shares(waiting, budget=budget)
    assert sum(parts) == min(budget, sum(waiting))
    assert all(0 <= part <= left for part, left in zip(parts, waiting, strict=True))


def test_short_prompts_are_read_side_by_side_and_long_ones_in_turn() -> None:
    assert shares([100] * 8, budget=256) == [32] * 8
    assert shares([3000, 2000], budget=256) == [0, 256]
    assert shares([TOGETHER_TOKENS * 2, 40], budget=256) == [216, 40]


def test_slices_keep_a_step_short() -> None:
    pace = Pace(256)
    for _ in range(9):
        pace.learn(pace.tokens, STEP_S * 2)
    assert pace.tokens == 16
    for _ in range(9):
        pace.learn(pace.tokens, STEP_S / 10)
    assert pace.tokens == 256
