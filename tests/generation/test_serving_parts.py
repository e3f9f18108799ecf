"""The parts of the model server that need no weights."""

from __future__ import annotations

import itertools
import timeit
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from generation.server.detokenizing import TextStream
from generation.server.parameters import ChatRequest, CompletionRequest
from generation.server.queueing import FairQueue, QueueFull, ShareTaken, WaitTimes
from generation.server.sampling import likeliest
from generation.server.templates import CHATML, UnknownFamily, render, template_for

MESSAGES = [{"role": "user", "content": "Hi"}]


def test_people_take_turns() -> None:
    line: FairQueue[str] = FairQueue(10)
    for name in ("a1", "a2", "a3", "b1", "c1"):
        line.put(name[0], name)
    assert line.order() == ["a1", "b1", "c1", "a2", "a3"]
    assert line.pop() == "a1"
    line.put("b", "b2")
    assert line.order() == ["b1", "c1", "a2", "b2", "a3"]


def test_people_at_a_screen_go_first_and_programs_are_not_starved() -> None:
    line: FairQueue[str] = FairQueue(20)
    for n in range(2):
        line.put("api", f"program{n}", is_urgent=False)
    for n in range(6):
        line.put("anna", f"person{n}")
    told = line.order()
    assert told[:5] == ["person0", "person1", "person2", "person3", "program0"]
    assert [line.pop() for _ in told] == told


def test_a_full_line_refuses() -> None:
    line: FairQueue[str] = FairQueue(1)
    line.put("a", "a1")
    with pytest.raises(QueueFull):
        line.put("b", "b1")


def test_one_person_fills_half_of_the_line_at_most() -> None:
    line: FairQueue[str] = FairQueue(6)
    line.put("anna", "a1")
    line.put("anna", "a2", is_urgent=False)
    line.put("anna", "a3")
    for is_urgent in (True, False):
        with pytest.raises(ShareTaken):
            line.put("anna", "a4", is_urgent=is_urgent)
    line.put("bert", "b1")
    assert line.pop() == "a1"
    line.put("anna", "a4")
    assert len(line) == 4


def test_a_wait_is_the_time_in_a_slot_by_place_and_slots() -> None:
    waits = WaitTimes(slots=4)
    assert waits.estimate_s(1) is None
    waits.learn(20.0)
    assert [waits.estimate_s(place) for place in (1, 2, 8)] == [5, 10, 40]
    waits.learn(10.0)
    assert waits.estimate_s(4) == 17


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers()), unique=True))
def test_the_order_told_is_the_order_kept(items: list[tuple[str, int]]) -> None:
    line: FairQueue[tuple[str, int]] = FairQueue(1000)
    for item in items:
        line.put(item[0], item)
    if items:
        assert line.remove(items[0])
        assert not line.remove(items[0])
    told = line.order()
    assert [line.pop() for _ in told] == told
    assert len(line) == 0


@given(st.text(max_size=80), st.lists(st.integers(0, 200), max_size=10))
def test_text_survives_any_cut_of_its_bytes(text: str, cuts: list[int]) -> None:
    raw = text.encode("utf-8", errors="replace")
    stream = TextStream(["\u0000never\u0000"])
    places = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    pairs = itertools.pairwise(places)
    shown = "".join(stream.push(raw[start:end]) for start, end in pairs)
    assert shown + stream.flush() == raw.decode()


@given(st.text("abE", max_size=30), st.integers(1, 5))
def test_a_stop_string_is_never_shown(text: str, size: int) -> None:
    stream = TextStream(["EE", "abE"])
    shown = "".join(
        stream.push(text[at : at + size].encode()) for at in range(0, len(text), size)
    )
    shown += stream.flush()
    ends = [at for at in (text.find("EE"), text.find("abE")) if at >= 0]
    assert shown == (text[: min(ends)] if ends else text)
    assert stream.is_stopped == bool(ends)


@given(
    st.lists(st.sampled_from([-3.5, -1.0, 0.0, 0.25, 9.0]), min_size=20, max_size=60),
    st.integers(0, 20),
)
def test_the_likeliest_are_those_of_a_stable_sort(row: list[float], count: int) -> None:
    logits = np.array(row)
    whole = np.argsort(-logits, kind="stable")[:count]
    assert likeliest(logits, count).tolist() == whole.tolist()


def test_the_likeliest_are_found_without_sorting_the_vocabulary() -> None:
    logits = np.random.default_rng(1).normal(size=151_936)

    def seconds(find: Callable[[], object]) -> float:
        return min(timeit.repeat(find, number=1, repeat=5))

    sorting = seconds(lambda: np.argsort(-logits, kind="stable"))
    assert seconds(lambda: likeliest(logits, 5)) < sorting / 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": float("nan")},
        {"temperature": -0.1},
        {"temperature": 3},
        {"top_p": 0},
        {"top_k": -1},
        {"min_p": 2},
        {"seed": -1},
        {"seed": 2**33},
        {"max_tokens": 0},
        {"stop": ["x"] * 9},
        {"stop": [""]},
        {"n": 2},
        {"grammar": "root ::= x"},
        {"n_discard": -1},
        {"messages": []},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
        {"messages": [{"role": "user", "content": None}]},
        {"max_tokens": 5, "max_completion_tokens": 6},
        {"max_completion_tokens": 0},
        {"messages": None},
    ],
)
def test_the_schema_is_closed(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ChatRequest.model_validate({"messages": MESSAGES, **wrong})


def test_a_single_stop_string_is_taken() -> None:
    request = ChatRequest.model_validate({"messages": MESSAGES, "stop": "END"})
    assert request.stop == ["END"]


def test_nulls_are_names_that_were_not_given() -> None:
    names = ("temperature", "max_tokens", "max_completion_tokens", "seed", "n", "stop")
    more = ("stream", "stream_options", "response_format", "logprobs", "user", "tools")
    nulls = dict.fromkeys([*names, *more])
    given = ChatRequest.model_validate({"messages": MESSAGES, **nulls})
    assert given == ChatRequest.model_validate({"messages": MESSAGES})
    bare = CompletionRequest.model_validate({"prompt": "Hi", **nulls})
    assert bare == CompletionRequest.model_validate({"prompt": "Hi"})


def test_the_younger_name_of_most_tokens_is_taken() -> None:
    wanted = {"messages": MESSAGES, "max_tokens": None, "max_completion_tokens": 5}
    assert ChatRequest.model_validate(wanted).max_tokens == 5


def test_parts_of_text_are_joined_by_lines() -> None:
    parts = [{"type": "text", "text": text} for text in ("One.", "Two.")]
    wanted = {"messages": [{"role": "user", "content": parts}]}
    assert ChatRequest.model_validate(wanted).messages[0].content == "One.\nTwo."
    image = {"type": "image_url", "image_url": {"url": "data:"}}
    message = {"role": "user", "content": [*parts, image]}
    with pytest.raises(ValidationError, match="only parts of the type text"):
        ChatRequest.model_validate({"messages": [message]})


def test_only_our_own_pieces_may_hold_special_tokens() -> None:
    pieces = render(CHATML, [("user", "<|im_end|>")])
    assert [(p.text, p.is_special) for p in pieces] == [
        ("<|im_start|>user\n", True),
        ("<|im_end|>", False),
        ("<|im_end|>\n", True),
        ("<|im_start|>assistant\n", True),
    ]


def test_a_family_without_a_template_is_refused() -> None:
    with pytest.raises(UnknownFamily):
        template_for("gpt-2")
