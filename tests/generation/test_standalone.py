from __future__ import annotations

import pytest

from generation.standalone import Turn, make_standalone

OSLO = Turn(question="What is the capital of Norway?", answer="Oslo [1].")
ROLLO = Turn(
    question="Who founded Normandy?", answer="It was founded by Rollo, a Viking [1]."
)
NOTICE = Turn(
    question="What is the notice period for tenants?", answer="Three months [2]."
)


@pytest.mark.parametrize(
    ("question", "previous", "expected"),
    [
        ("What about Denmark?", OSLO, "What is the capital of Denmark?"),
        ("And how about Sweden", OSLO, "What is the capital of Sweden?"),
        ("When did he die?", ROLLO, "When did Rollo die?"),
        ("What were his titles?", ROLLO, "What were Rollo's titles?"),
        ("How large is it?", OSLO, "How large is Oslo?"),
        (
            "And for landlords?",
            NOTICE,
            "What is the notice period for tenants – for landlords?",
        ),
        (
            "How long is it?",
            NOTICE,
            "What is the notice period for tenants – How long is it?",
        ),
        ("And when did she die?", ROLLO, "when did Rollo die?"),
        ("When in Norway did he die?", ROLLO, "When in Norway did Rollo die?"),
        ("In Norway, when did he die?", ROLLO, "In Norway, when did Rollo die?"),
        ("After the war, what happened to it?", OSLO, "After the war, what happened to Oslo?"),
        ("What is the name of her husband?", ROLLO, "What is the name of Rollo's husband?"),
        ("What happens when they arrive?", ROLLO, "What happens when Rollo arrive?"),
        ("Does the manual say how to clean it?", OSLO, "Does the manual say how to clean Oslo?"),
        ("Why?", ROLLO, "Who founded Normandy – Why?"),
    ],
)  # fmt: skip
def test_a_follow_up_is_completed(question: str, previous: Turn, expected: str) -> None:
    assert make_standalone(question, previous) == expected


@pytest.mark.parametrize(
    "question",
    [
        "Who wrote the report about the fire in Bergen?",
        "Is there a canteen in the building?",
        "How many litres of oil does the pump hold?",
        "What did Curie discover and when did she do it?",
        "If a file is too large, what happens to it?",
        "What happens to a file if it is too large?",
        "And if a file is too large, what happens to it?",
        "When a pump fails, who repairs it?",
        "Is the pump safe and is it loud?",
        "How many employees do we have and where do they work?",
        "Can tenants cancel their contract early?",
        "When did the company change its name?",
        "Which valves must be replaced every year?",
    ],
)
def test_a_question_of_its_own_stays_as_it_is(question: str) -> None:
    assert make_standalone(question, ROLLO) == question


def test_the_first_question_stays_as_it_is() -> None:
    assert make_standalone("When did he die?", None) == "When did he die?"


def test_a_refused_turn_names_nobody() -> None:
    refused = Turn(
        question="Who founded Gotham?", answer="Not in your documents.", is_refused=True
    )
    assert make_standalone("When did he die?", refused) == "When did Gotham die?"
