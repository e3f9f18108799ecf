"""Drafts from the text so far, and how the parts of a step are shared out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.server.costs import StepCosts
from generation.server.drafting import NOTHING, Drafter, Guess, widths
from generation.server.reading import STEP_S, TOGETHER_TOKENS, Pace, shares
from generation.server.watching import STUCK_FACTOR, STUCK_S, StepWatch

TOKENS = st.lists(st.integers(0, 5), max_size=40)


@given(TOKENS, st.integers(0, 8))
def test_a_guess_is_what_followed_the_last_tokens_before(
    tokens: list[int], most: int
) -> None:
    guess = Drafter().guess(tokens, most)
    assert len(guess.tokens) <= most
    if guess.tokens:
        runs = [tokens[n : n + 2 + len(guess.tokens)] for n in range(len(tokens) - 2)]
        assert tokens[-2:] + list(guess.tokens) in runs
        assert len(guess.chances) == len(guess.tokens)
        assert guess.chances[0] < 1
        assert all(a > b > 0 for a, b in pairwise(guess.chances))


def test_the_longest_run_is_followed() -> None:
    tokens = [9, 1, 2, 7, 8, 1, 2, 5]
    assert Drafter().guess([*tokens, 9, 1, 2], 1).tokens == [7]
    assert Drafter().guess([*tokens, 8, 1, 2], 1).tokens == [5]


def test_what_was_written_is_looked_up_too() -> None:
    drafter = Drafter()
    assert drafter.guess([1, 2, 3], 4) == NOTHING
    assert drafter.guess([1, 2, 3, 4, 9, 2, 3], 2).tokens == [4, 9]


def test_guesses_are_trusted_by_how_often_they_were_right() -> None:
    drafter, tokens = Drafter(), [1, 2, 3, 4, 9, 2, 3]
    first = drafter.guess(tokens, 2).chances[0]
    for _ in range(20):
        drafter.learn(2, 0)
    low = drafter.guess(tokens, 2).chances[0]
    for _ in range(40):
        drafter.learn(2, 2)
    assert low < first / 2 < first < drafter.guess(tokens, 2).chances[0]


def test_what_stands_in_the_prompt_is_trusted_more_and_longer_runs_too() -> None:
    tokens = [5, 6, 7, 8, 9, 5, 6]
    own = Drafter().guess(tokens, 3).chances
    read = Drafter(prompt_tokens=5).guess(tokens, 3).chances
    assert read[0] > own[0]
    # The second of them, if the first is right, has a run of three behind it.
    assert read[1] / read[0] > read[0]


def a_guess(count: int, chance: float) -> Guess:
    """A guess of which each token is right as often, if those before it are."""
    return Guess(range(count), [chance**n for n in range(1, count + 1)])


# Two rows cost more than twice one, sixteen little more than eight: a real machine.
UNEVEN = StepCosts({1: 17.0, 2: 43.0, 4: 57.0, 8: 70.0, 16: 94.0, 24: 147.0})


def test_a_draft_is_as_long_as_it_pays() -> None:
    def width(chance: float, tokens: int = 23) -> int:
        guess = a_guess(tokens, chance)
        return widths([guess], beside=0, costs=UNEVEN)[0]

    assert width(0.3) == width(0.7) == 0
    assert width(0.97) == 15
    # Beside nobody, three tokens never pay here, however sure they are.
    assert width(0.97, tokens=2) == 0


@given(st.lists(st.tuples(st.integers(0, 23), st.floats(0, 0.97)), max_size=8))
def test_drafts_never_promise_less_than_none(rows: list[tuple[int, float]]) -> None:
    guesses = [a_guess(count, chance) for count, chance in rows]
    found = widths(guesses, beside=0, costs=UNEVEN)
    assert all(0 <= one <= len(g.tokens) for one, g in zip(found, guesses, strict=True))
    if any(found):
        gain = sum(sum(g.chances[:one]) for one, g in zip(found, guesses, strict=True))
        plain = len(guesses) / UNEVEN.seconds(len(guesses))
        assert (len(guesses) + gain) / UNEVEN.seconds(len(guesses) + sum(found)) > plain


def test_a_quote_is_expected_to_end_with_its_sentence() -> None:
    tokens = [*range(1, 20), 99, 1, 2, 3]
    plain = Drafter(20).guess(tokens, 12).chances
    broken = Drafter(20, is_break=lambda token: token == 9).guess(tokens, 12).chances
    # The fourth to ninth token stand before the end, the tenth after it.
    assert broken[:6] == plain[:6]
    assert broken[6] < 0.5 * plain[6] < plain[6]
    learned = Drafter(20, is_break=lambda token: token == 9)
    for _ in range(12):
        learned.guess(tokens, 12)
        learned.learn(12, 12)
    assert learned.guess(tokens, 12).chances[6] > broken[6] * 1.5


def test_the_surest_guesses_fill_a_step_of_several() -> None:
    sure, vague = a_guess(10, 0.95), a_guess(10, 0.3)
    first, second = widths([sure, vague], beside=0, costs=UNEVEN)
    assert first > 5
    assert second <= 1


def test_costs_lie_on_lines_between_what_was_measured_and_are_learned() -> None:
    costs = StepCosts({1: 1.0, 3: 2.0})
    assert costs.seconds(2) == 1.5
    assert costs.seconds(5) == 3.0
    costs.learn(3, 4.0)
    assert costs.seconds(3) == pytest.approx(2.4), (
        "the first counts for a fifth, not for a tenth"
    )
    for _ in range(60):
        costs.learn(3, 4.0)
    assert 3.9 < costs.seconds(3) <= 4.0
    costs.learn(1, 1000.0)
    assert costs.seconds(1) < 1.21


def test_one_step_that_goes_on_is_told_from_many_and_from_a_pause() -> None:
    watch = StepWatch()
    watch.learn(10, 1.0)
    for _ in range(100):
        watch.begin(10)
        assert not watch.is_stuck(0.5)
        watch.end()
    assert not watch.is_stuck(0.5)
    watch.begin(10)
    beats = 0
    while not watch.is_stuck(0.5):
        beats += 1
    assert beats * 0.5 >= STUCK_S + STUCK_FACTOR * 1.0


def test_tokens_that_are_chosen_slowly_are_told_from_one_that_never_is() -> None:
    watch = StepWatch()
    watch.learn(10, 0.01)
    watch.begin(10)
    for _ in range(48):
        watch.go_on()
        assert not watch.is_stuck(1.0)
    assert any(watch.is_stuck(1.0) for _ in range(10))


@given(st.lists(st.integers(1, 3000), max_size=12), st.integers(1, 256))
def test_a_step_reads_as_much_as_it_may(waiting: list[int], budget: int) -> None:
    parts = shares(waiting, budget=budget)
    assert sum(parts) == min(budget, sum(waiting))
    assert all(0 <= part <= left for part, left in zip(parts, waiting, strict=True))


def test_short_prompts_are_read_side_by_side_and_long_ones_in_turn() -> None:
    assert shares([100] * 8, budget=256) == [32] * 8
    assert shares([600, 3000, 2000], budget=255) == [255, 0, 0]
    assert shares([TOGETHER_TOKENS * 2, 40], budget=256) == [216, 40]


def test_who_has_waited_longest_reads_on_while_shorter_ones_keep_coming() -> None:
    left = 3500
    for _ in range(110):
        left -= shares([left, *[300] * 7], budget=256)[0]
    assert left == 0
    assert shares([3000, 2000, 2000], budget=2) == [1, 1, 0]
    assert shares([], budget=256) == []


def test_slices_keep_a_step_short() -> None:
    pace = Pace(256)
    for _ in range(9):
        pace.learn(pace.tokens, STEP_S * 2)
    assert pace.tokens == 16
    for _ in range(9):
        pace.learn(pace.tokens, STEP_S / 10)
    assert pace.tokens == 256
