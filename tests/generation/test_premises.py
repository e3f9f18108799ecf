"""Words of a question that its source does not bear out: what is seen, and what is let be."""

from __future__ import annotations

from uuid import UUID

import pytest

from generation.deciding import missing_from
from generation.grounding import premises
from generation.types import SourceRef

NOWHERE = UUID(int=0)
DAM = "The dam was begun in 1949 and finished in 1954 by the firm of Ada Berg."
TRADE = "After the war trade with Halvia increased, and the harbour grew."
LEAVE = "Employees of the port receive 25 days of leave."


def unborne(question: str, text: str, around: str = "") -> tuple[str, ...]:
    """Ask as ``generation.judging`` does, of one passage that says ``around`` and ``text``."""
    passage = f"{around} {text}"
    source = SourceRef(
        n=1,
        document_id=NOWHERE,
        version_id=NOWHERE,
        document="",
        heading="",
        page=1,
        start=0,
        end=len(passage),
        quote=passage,
        score=1.0,
    )
    missing = missing_from(question, [source])
    return premises.unborne(question, text, missing, passage)


@pytest.mark.parametrize(
    ("question", "text", "words"),
    [
        pytest.param("Who did not build the dam?", DAM, ("not",), id="a denial"),
        pytest.param("Who didn't build the dam?", DAM, ("didn't",), id="a short one"),
        pytest.param("Who didnt build the dam?", DAM, ("didnt",), id="a misspelt one"),
        pytest.param("Who failed to build the dam?", DAM, ("failed",), id="a failure"),
        pytest.param("Which dam was begun in 1950?", DAM, ("1950",), id="a year"),
        pytest.param("Who gets 30 days of leave?", LEAVE, ("30",), id="a number"),
        pytest.param(
            "Why did trade with Halvia decrease?",
            TRADE,
            ("decrease",),
            id="an opposite",
        ),
        pytest.param(
            "What made the trade unstable?",
            "Stable prices made trade easy.",
            ("unstable",),
            id="a prefix",
        ),
        pytest.param(
            "Which understandings did she correct?",
            "She corrected most misunderstandings.",
            ("understandings",),
            id="no prefix where the text has one",
        ),
        pytest.param(
            "Did the firm of Karl Holm finish the dam?",
            DAM,
            ("Karl Holm",),
            id="a name",
        ),
    ],
)
def test_what_is_not_borne_out_is_seen(
    question: str, text: str, words: tuple[str, ...]
) -> None:
    assert unborne(question, text) == words


@pytest.mark.parametrize(
    ("question", "text"),
    [
        pytest.param("Who finished the dam in 1954?", DAM, id="all is there"),
        pytest.param(
            "Which employees get no leave?", "Interns have no leave.", id="both deny"
        ),
        pytest.param(
            "What is not covered?",
            "The warranty excludes wear parts.",
            id="the text shuts out",
        ),
        pytest.param(
            "Welche Teile sind nicht versichert?",
            "Verschleißteile sind nicht versichert.",
            id="another language",
        ),
        pytest.param("What is No. 7?", "Number 7 is the dam.", id="no denial: No. 7"),
        pytest.param(
            "What has to be paid at least?", "The fee is 40 crowns.", id="at least"
        ),
        pytest.param(
            "What happened to trade before it began to increase?",
            "Trade fell, and then it increased.",
            id="the word is there beside its opposite",
        ),
        pytest.param(
            "What information was given?", "A formation was given.", id="no prefix"
        ),
        pytest.param("Which dam did the EU begin?", DAM, id="too short a name"),
        pytest.param("Who led the firm of Ada Bergh?", DAM, id="a name misspelt"),
        pytest.param("Did Adas firm begin it?", DAM, id="a name in another form"),
        pytest.param(
            "Halvian trade: what of it?", TRADE, id="the question's beginning"
        ),
        pytest.param("", DAM, id="no question"),
        pytest.param("?!", "", id="no words"),
    ],
)
def test_what_is_borne_out_is_let_be(question: str, text: str) -> None:
    assert unborne(question, text) == ()


def test_names_and_numbers_may_stand_around_the_sentence() -> None:
    question = "Who finished the Halvia dam in 1954?"
    assert unborne(question, "Ada Berg finished it.") == ("Halvia", "1954")
    assert unborne(question, "Ada Berg finished it.", "Dams of Halvia, 1954") == ()
    # A denial elsewhere does not make the sentence one.
    denied = unborne("Who did not finish it?", "Ada Berg finished it.", "He did not.")
    assert denied == ("not",)
