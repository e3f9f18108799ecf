from __future__ import annotations

import pytest

from generation.shortening import shorten


@pytest.mark.parametrize(
    ("question", "answer", "short"),
    [
        (
            "Who designed the bridge?",
            "The bridge was designed by Ada Holm [2].",
            "Ada Holm [2]",
        ),
        (
            "What is one of the first responses of the pump?",
            "Leaking is one of the first responses of the pump [3].",
            "Leaking [3]",
        ),
        ("What is the pump?", "The pump is a blue device [1].", "a blue device [1]"),
        (
            "How is packet mode implemented?",
            "Packet mode may be implemented with or without nodes [1].",
            "with or without nodes [1]",
        ),
        (
            "Who approves leave?",
            "Leave is approved by the line manager [1].",
            "the line manager [1]",
        ),
        ("What is not covered?", "Wear parts are not covered [1].", "Wear parts [1]"),
        ("Who made the valve?", "Ada Berg [1]", ""),
        ("What is oil?", "It is black. It is heavy [1].", ""),
        ("What is oil?", "", ""),
    ],
)
def test_the_question_said_again_goes(question: str, answer: str, short: str) -> None:
    assert shorten(answer, question) == (short or answer)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which items are refundable?", "Sale items are not refundable [1]."),
        ("Which items are refundable in May?", "Sale items are non-refundable in May."),
        ("What is covered by the warranty?", "Wear parts aren't covered by the warranty."),
        ("Who was present?", "Tom Keller was not present [1]."),
        ("How many parking spaces are there?", "There are no parking spaces [1]."),
        ("Where is the parking space?", "The parking space is there [1]."),
        (
            "Who is the data protection officer?",
            "No data protection officer was named [1].",
        ),
        ("Which items are not refundable?", "Sale items are refundable [1]."),
        ("Wie is verantwoordelijk?", "Tom Keller is niet verantwoordelijk [1]."),
    ],
)  # fmt: skip
def test_a_denial_stays_whole(question: str, answer: str) -> None:
    assert shorten(answer, question) == answer
