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
        ("Who made the valve?", "Ada Berg [1]", ""),
        ("What is oil?", "It is black. It is heavy [1].", ""),
        ("What is oil?", "", ""),
    ],
)
def test_the_question_said_again_goes(question: str, answer: str, short: str) -> None:
    assert shorten(answer, question) == (short or answer)
