"""Continuous batching over scripted weights: right texts, no leaks, whatever happens."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from generation.server.costs import StepCosts
from generation.server.engine import Engine
from generation.server.jobs import Piece, Place
from generation.server.queueing import QueueFull
from tests.fakes_weights import ScriptedSampler, ScriptedWeights, expected
from tests.generation.engine_parts import Heard, ask, asked, running, tokens_of


@pytest.fixture
def weights() -> ScriptedWeights:
    return ScriptedWeights()


@pytest.fixture
def engine(weights: ScriptedWeights) -> Iterator[Engine]:
    with running(weights) as engine:
        yield engine


def wait_until(condition: object, seconds: float = 10) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_many_at_once_each_get_the_text_they_would_get_alone(engine: Engine) -> None:
    texts = [f"prompt{chr(97 + n)}" * (1 + n % 5) for n in range(12)]
    heard = [ask(engine, asked(t, person=f"p{n}")) for n, t in enumerate(texts)]
    for text, one in zip(texts, heard, strict=True):
        assert one.end.reason in {"stop", "length"}
        assert one.text == expected(tokens_of(text), 20)


def test_only_the_engines_thread_computes() -> None:
    threads: set[str] = set()
    weights = ScriptedWeights()
    evaluate = weights.evaluate

    def noted(*args: Any) -> None:
        threads.add(threading.current_thread().name)
        evaluate(*args)

    def measured() -> StepCosts:
        threads.add(threading.current_thread().name)
        return StepCosts({1: 1.0, 2: 1.5})

    weights.evaluate = noted  # type: ignore[method-assign]
    engine = Engine(weights, depth=4, costs=measured)
    assert ask(engine, asked("abc")).end
    engine.close()

    assert threads == {"engine"}
    assert engine.costs.seconds(2) > StepCosts().seconds(2)


def test_who_is_let_in_while_it_closes_is_ended_too() -> None:
    weights = ScriptedWeights(step_s=0.02, cells=4000, context_tokens=2000)
    opened, goes_on, sampler = threading.Event(), threading.Event(), weights.sampler

    def slowly(sampling: Any) -> Any:
        opened.set()
        assert goes_on.wait(10)
        return sampler(sampling)

    weights.sampler = slowly  # type: ignore[method-assign]
    weights.is_end = lambda _token: False  # type: ignore[method-assign]
    engine = Engine(weights, depth=4)
    heard = ask(engine, asked("abc", max_tokens=1000))
    assert opened.wait(10)
    closing = threading.Thread(target=engine.close)
    closing.start()
    wait_until(lambda: engine._is_closing)
    goes_on.set()
    closing.join(10)
    assert not closing.is_alive(), "it would have written for 20 seconds"
    assert heard.end.reason == "cancelled"


def test_several_are_answered_in_one_step() -> None:
    weights = ScriptedWeights(slots=4)
    weights.gate.clear()
    with running(weights) as engine:
        heard = [ask(engine, asked("abc", person=f"p{n}", seed=n)) for n in range(4)]
        wait_until(lambda: engine.running >= 1)
        weights.gate.set()
        assert all(one.end for one in heard)
        assert engine.figures.occupied > engine.figures.steps


def test_a_conversation_is_not_evaluated_twice(weights: ScriptedWeights) -> None:
    text = "theconversationsofar" * 3
    with running(weights, drafts=False) as engine:
        first = ask(engine, asked(text))
        assert first.end.reused_tokens == 0
        before = weights.evaluated
        again = ask(engine, asked(text + first.text + "next"))
        # Its last token was not evaluated: nothing was chosen after it.
        assert again.end.reused_tokens >= len(text) + len(first.text) - 1
    assert weights.evaluated - before <= 5 + again.end.answer_tokens
    assert again.text == expected(tokens_of(text + first.text + "next"), 20)


def test_nothing_of_a_person_is_reused_for_another(engine: Engine) -> None:
    text = "nobodyelsemayreuse" * 3
    assert ask(engine, asked(text, person="anna")).end.reused_tokens == 0
    assert ask(engine, asked(text, person="bert")).end.reused_tokens == 0
    assert ask(engine, asked(text, person="anna")).end.reused_tokens == len(text) - 1


def test_what_both_may_read_is_shared_up_to_its_last_token(engine: Engine) -> None:
    passages = "fivepassagesthatallmayread" * 2
    shared = len(passages)
    first = ask(engine, asked(passages + "anna", person="anna", shared=shared))
    assert first.end.reused_tokens == 0
    other = ask(engine, asked(passages + "annaagain", person="bert", shared=shared))
    assert other.end.reused_tokens == shared
    assert other.text == expected(tokens_of(passages + "annaagain"), 20)


def test_who_comes_together_reads_a_shared_beginning_once(
    weights: ScriptedWeights,
) -> None:
    weights.gate.clear()
    passages = "apassage" * 15
    with running(weights) as engine:
        heard = [
            ask(
                engine,
                asked(passages + end, person=end, shared=len(passages), max_tokens=2),
            )
            for end in ("one", "two", "three", "four")
        ]
        weights.gate.set()
        ends = [one.end for one in heard]
    assert sorted(end.reused_tokens for end in ends)[1:] == [len(passages)] * 3
    assert weights.evaluated < 2 * len(passages)


def test_requests_of_two_adapters_take_turns_and_share_nothing(
    weights: ScriptedWeights,
) -> None:
    weights.gate.clear()
    texts = ["adapted" * 4, "adapted" * 4 + "too", "adapted" * 4]
    with running(weights) as engine:
        heard = [
            ask(engine, asked(text, person=f"{name}{n}", shared=0, adapter=name))
            for name in ("", "law", "tax")
            for n, text in enumerate(texts)
        ]
        weights.gate.set()
        for text, one in zip(texts * 3, heard, strict=True):
            assert one.end.reason in {"stop", "length"}
            assert one.text == expected(tokens_of(text), 20)
    assert weights.switches >= 3


def test_the_leader_may_go_away_while_others_wait_for_its_reading() -> None:
    weights = ScriptedWeights(step_s=0.01)
    weights.gate.clear()
    passages = "apassage" * 18
    with running(weights) as engine:
        heard = [
            ask(engine, asked(passages + end, person=end, shared=len(passages)))
            for end in ("one", "two", "three")
        ]
        assert heard[0].job
        engine.cancel(heard[0].job)
        weights.gate.set()
        assert heard[0].end.reason == "cancelled"
        for end, one in zip(("two", "three"), heard[1:], strict=True):
            assert one.end.reason in {"stop", "length"}
            assert one.text == expected(tokens_of(passages + end), 20)


def test_a_stop_frees_the_sequence_within_one_step(weights: ScriptedWeights) -> None:
    seen = threading.Event()
    with running(weights) as engine:
        heard = Heard()

        def emit(item: object) -> None:
            heard(item)  # type: ignore[arg-type]
            if isinstance(item, Piece):
                weights.gate.clear()
                seen.set()

        job = engine.submit(asked("aloud", max_tokens=150), emit)
        assert seen.wait(5)
        told = len(heard.items)
        engine.cancel(job)
        weights.gate.set()
        assert heard.end.reason == "cancelled"
        # The step that ran when it was told, and the end.
        assert len(heard.items) - told <= 2
        wait_until(lambda: engine.sequences_leased == 0)


def test_a_stop_ends_the_reading_of_a_prompt(weights: ScriptedWeights) -> None:
    weights.gate.clear()
    with running(weights) as engine:
        heard = ask(engine, asked("longprompt" * 15))
        wait_until(lambda: engine.running == 1)
        assert heard.job
        engine.cancel(heard.job)
        weights.gate.set()
        assert heard.end.reason == "cancelled"
        assert weights.evaluated == 0


def test_a_deadline_ends_an_answer(weights: ScriptedWeights) -> None:
    with running(ScriptedWeights(step_s=0.02)) as engine:
        heard = ask(engine, asked("slow", max_tokens=150, wall_s=0.1, seed=3))
        assert heard.end.reason == "length"
        assert heard.end.answer_tokens < 20


def test_a_deadline_counts_in_the_line_too() -> None:
    weights = ScriptedWeights(slots=1, step_s=0.02)
    weights.is_end = lambda _token: False  # type: ignore[method-assign]
    with running(weights, drafts=False) as engine:
        first = ask(engine, asked("abc", max_tokens=150))
        late = ask(engine, asked("abc", person="late", wall_s=0.1))
        last = ask(engine, asked("abc", person="last", max_tokens=1))
        assert late.end.reason == "late"
        assert not first.over.is_set()
        places = [item.position for item in last.items if isinstance(item, Place)]
        assert places[-2:] == [2, 1]
        assert last.end.reason == "length"


def test_who_got_no_token_before_the_deadline_got_no_answer() -> None:
    with running(ScriptedWeights(step_s=0.05, batch_tokens=64)) as engine:
        heard = ask(engine, asked("a" * 180, wall_s=0.01))
        assert heard.end.reason == "late"
        assert heard.text == ""


def test_a_stop_string_is_never_shown(engine: Engine) -> None:
    text = expected(tokens_of("words"), 20)
    stop = text[5:8]
    heard = ask(engine, asked("words", stops=(stop,)))
    assert heard.end.reason == "stop"
    assert heard.text == text[: text.index(stop)]


def test_a_failed_step_is_told_to_everybody_and_the_next_request_works(
    weights: ScriptedWeights,
) -> None:
    weights.is_failing = True
    with running(weights) as engine:
        heard = [ask(engine, asked("fail", person=str(n))) for n in range(3)]
        assert {one.end.reason for one in heard} == {"error"}
        weights.is_failing = False
        again = ask(engine, asked("fail"))
        assert again.end.reason != "error"
        assert again.text == expected(tokens_of("fail"), 20)


def test_a_step_that_does_not_end_is_noticed(weights: ScriptedWeights) -> None:
    weights.gate.clear()
    with running(weights) as engine:
        assert not engine.watch.is_stuck(0.0)
        heard = ask(engine, asked("stuck"))
        # A beat of an hour stands for very many.
        wait_until(lambda: engine.watch.is_stuck(3600))
        weights.gate.set()
        assert heard.end.reason != "error"
        assert not engine.watch.is_stuck(3600)


def test_a_token_whose_choosing_does_not_end_is_noticed(
    weights: ScriptedWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, goes_on, sample = (
        threading.Event(),
        threading.Event(),
        ScriptedSampler.sample,
    )

    def slowly(sampler: ScriptedSampler, row: int) -> int:
        inside.set()
        goes_on.wait(10)
        return sample(sampler, row)

    monkeypatch.setattr(ScriptedSampler, "sample", slowly)
    with running(weights) as engine:
        heard = ask(engine, asked("stuck"))
        assert inside.wait(10)
        assert any(engine.watch.is_stuck(3600) for _ in range(2))
        goes_on.set()
        assert heard.end.reason != "error"
        wait_until(lambda: not engine.watch.is_stuck(3600))


def test_a_full_line_refuses_and_those_in_it_know_their_place() -> None:
    weights = ScriptedWeights(slots=1)
    weights.gate.clear()
    with running(weights, depth=2) as engine:
        first = ask(engine, asked("first"))
        wait_until(lambda: engine.running == 1)
        waiting = [ask(engine, asked("next", person=f"p{n}")) for n in range(2)]
        with pytest.raises(QueueFull):
            ask(engine, asked("late", person="late"))
        assert engine.retry_after_s() >= 1
        weights.gate.set()
        assert first.end
        places = [
            [item.position for item in one.items if isinstance(item, Place)]
            for one in waiting
            if one.end
        ]
    assert places[0][0] == 1
    assert places[1][0] == 2
    assert [found[-1] for found in places] == [0, 0]


def test_the_estimate_is_of_the_time_in_a_slot_not_in_the_line() -> None:
    """Ten in a line of one slot, each 0.3 s of it."""
    weights = ScriptedWeights(slots=1, step_s=0.06)
    weights.is_end = lambda _token: False  # type: ignore[method-assign]
    with running(weights, drafts=False) as engine:
        line = [
            ask(engine, asked("abc", person=str(n), max_tokens=5)) for n in "0123456789"
        ]
        assert all(one.end.reason == "length" for one in line)
        # Their average from submission would be 1.6 s, and the last one's 3 s.
        assert engine._wait_times.estimate_s(10) in {3, 4, 5}
        cancelled = ask(engine, asked("abc", max_tokens=5))
        scored = ask(engine, asked("abc", max_tokens=0))
        assert cancelled.job
        engine.cancel(cancelled.job)
        assert scored.end
        assert engine._wait_times.estimate_s(10) in {3, 4, 5}


@pytest.mark.parametrize("seed", range(6))
def test_random_arrivals_and_cancels_leave_nothing_behind(seed: int) -> None:
    """Small cache, shared beginnings, cancels at any moment: right texts, no leaks."""
    chance = random.Random(seed)
    weights = ScriptedWeights(slots=3, cells=320, context_tokens=150)
    opened = ScriptedSampler.opened
    beginnings = ["alpha" * 12, "beta" * 10, "gamma" * 3]
    waiting: list[tuple[str, int, int, Heard]] = []
    with running(weights, depth=400) as engine:
        for number in range(120):
            start = chance.choice(beginnings)
            text = start[: chance.randrange(1, len(start))] + chance.choice("xyz")
            most = chance.randrange(1, 60)
            request = asked(
                text,
                person=chance.choice("ab"),
                shared=chance.choice([0, len(text) // 2]),
                max_tokens=most,
                seed=number % 3,
                is_urgent=chance.random() < 0.7,
            )
            heard = ask(engine, request)
            waiting.append((text, most, number % 3, heard))
            if chance.random() < 0.3:
                victim = chance.choice(waiting)[3]
                assert victim.job
                engine.cancel(victim.job)
            if chance.random() < 0.2:
                time.sleep(0.001)
        for text, most, salt, heard in waiting:
            whole = expected(tokens_of(text), most, salt)
            if heard.end.reason == "cancelled":
                assert whole.startswith(heard.text)
            else:
                assert heard.text == whole
        wait_until(lambda: engine.sequences_leased == 0)
        wait_until(lambda: engine.cells_used == weights.cells_full)
    assert ScriptedSampler.opened == opened
