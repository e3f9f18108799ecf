"""Sentences held to their sources by an entailment model, inside what words allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from django.test import override_settings

from generation.drafts import Asked, Means
from generation.evaluating.given import hit_of
from generation.everything.library import Embedded
from generation.gathering import Gathered, gather
from generation.grounding.citations import Cited, check
from generation.grounding.entailing import MOST_PAIRS, hold_to
from generation.grounding.entailment import EntailmentUnavailable, Odds, get_entailment
from generation.types import GenerationConfig
from retrieval.tables import StoredTable
from retrieval.types import Hit, SearchResult
from tests.fakes_llm import ScriptedLLM

SOURCES = {
    1: "Prior to lifting the cover, cut the mains and pause for ten minutes. Oil is 40.",
    2: "The garden is open in May. Children do not pay.",
}
QUESTION = "What must I do first?"
OPENING = "When is the garden open?"
RESTATED = "Switch off electricity before the housing gets opened [1]."
BORNE = "The garden is open in May [2]."


class Told:
    """A model that finds one text to say, or to deny, whatever it is asked about."""

    name = "told"
    digest = "d" * 64

    def __init__(self, beginning: str, odds: Odds) -> None:
        self.beginning, self.odds = beginning, odds
        self.asked: list[tuple[str, str]] = []

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Odds]:
        self.asked += pairs
        nothing = Odds(entailed=0.05, contradicted=0.05)
        return [
            self.odds if text.startswith(self.beginning) else nothing
            for text, _ in pairs
        ]


def says(beginning: str, sure: float = 0.95) -> Told:
    return Told(beginning, Odds(entailed=sure, contradicted=0.01))


def denies(beginning: str, sure: float = 0.95) -> Told:
    return Told(beginning, Odds(entailed=0.01, contradicted=sure))


async def held(answer: str, told: Told, question: str = QUESTION) -> Cited:
    before = check(answer, SOURCES, question=question)
    after = await hold_to(before, SOURCES, {}, question, told)
    assert after.text == before.text
    return after.cited[0]


async def test_what_its_source_entails_is_supported_by_those_words() -> None:
    found = await held(RESTATED, says("Prior to lifting"))
    assert found.verdict == "supported"
    (words,) = found.words
    assert words.n == 1
    assert SOURCES[1][words.start : words.end].startswith("Prior to lifting")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (RESTATED, says("Prior to lifting", sure=0.8)),
        # Of another source than the one that is named.
        (RESTATED, says("The garden")),
        # A number, a name or a denial that the source does not have.
        ("Switch off electricity for 20 seconds [1].", says("")),
        ("Then call Ada about the electricity [1].", says("")),
        ("Electricity should never be touched [1].", says("")),
    ],
)
async def test_no_model_makes_true_what_words_and_numbers_deny(
    answer: str, told: Told
) -> None:
    assert (await held(answer, told)).verdict == "unsupported"


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (denies("The garden"), "partly"),
        (denies("The garden", sure=0.8), "supported"),
        (says("The garden"), "supported"),
    ],
)
async def test_what_bore_it_and_contradicts_it_makes_it_partly(
    told: Told, verdict: str
) -> None:
    before = check(BORNE, SOURCES, question=OPENING).cited[0]
    assert before.verdict == "supported"
    after = await held(BORNE, told, OPENING)
    assert after.verdict == verdict
    assert after.words == before.words, "the words that are boxed stay"


async def test_a_sentence_that_did_not_bear_it_lowers_nothing() -> None:
    sources = {1: "The pump holds oil. The pump is red."}
    before = check("The pump holds oil [1].", sources, question="What is in the pump?")
    for told, verdict in (
        (denies("The pump is"), "supported"),
        (denies("The pump holds"), "partly"),
    ):
        after = await hold_to(before, sources, {}, "What is in the pump?", told)
        assert after.cited[0].verdict == verdict
        assert len(told.asked) == 2


async def test_an_answer_of_a_few_words_is_read_with_its_question() -> None:
    told = says("The garden")
    await held("May [2].", told, question=OPENING)
    assert ("The garden is open in May.", "When is the garden open? May.") in (
        told.asked
    )


async def test_a_sentence_that_names_no_source_is_not_read() -> None:
    told = says("")
    assert (await held("Whales sing beautifully.", told)).verdict == "unsupported"
    assert not told.asked


async def test_a_long_source_is_read_to_a_limit_from_where_the_words_are() -> None:
    text = " ".join(f"The hall is open in month {n}." for n in range(100))
    answer = "The hall is open in month 90 [1]."
    told = says("nothing")
    before = check(answer, {1: text}, question=QUESTION)
    await hold_to(before, {1: text}, {}, QUESTION, told)
    assert 0 < len(told.asked) <= MOST_PAIRS
    assert told.asked[0][0] == "The hall is open in month 90."


class Away(Told):
    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Odds]:
        raise EntailmentUnavailable


async def test_one_that_is_away_is_told() -> None:
    with pytest.raises(EntailmentUnavailable):
        await held(BORNE, Away("", Odds(0, 0)), OPENING)


class Near:
    """A library whose embedder finds everything alike."""

    async def embed(self, texts: Sequence[str]) -> Embedded:
        vectors = np.ones((len(texts), 1), np.float32)
        return Embedded(model="all-minilm-l6-v2", vectors=vectors)

    async def tables(self, hits: Sequence[Hit]) -> list[StoredTable]:
        return []


async def answered(told: Told | None, library: Any = None) -> Gathered:
    async def find(_question: str) -> SearchResult:
        hits = (hit_of(1, SOURCES[1]),)
        return SearchResult(hits=hits, collections=1, documents=1)

    model = ScriptedLLM()
    model.enqueue([RESTATED])
    means = Means(
        model=model,
        find=find,
        config=GenerationConfig(refusal_threshold=0.0),
        library=library,
        entailment=get_entailment if told is None else lambda: told,
    )
    asked = Asked(question="What must I do before I open the housing?", user="anna")
    return await gather(asked, means)


async def test_an_answer_is_held_to_its_sources_and_its_receipt_names_the_model() -> (
    None
):
    made = await answered(says("Prior to lifting"))
    assert [item.verdict for item in made.citations] == ["supported"]
    assert made.end.receipt["entailment"] == {"name": "told", "digest": "d" * 64}


async def test_without_it_words_decide_and_the_answer_is_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = await answered(Away("", Odds(0, 0)))
    assert [item.verdict for item in made.citations] == ["unsupported"]
    assert made.end.text == RESTATED
    assert "judged without it" in caplog.text
    assert "entailment" not in made.end.receipt


async def test_where_it_is_away_the_embedder_looks_again() -> None:
    made = await answered(Away("", Odds(0, 0)), library=Near())
    assert [item.verdict for item in made.citations] == ["partly"]


async def test_one_that_cannot_be_loaded_fails_no_answer() -> None:
    with override_settings(ENTAILMENT="/nowhere", MODEL_SERVER_URL=""):
        made = await answered(None)
    assert made.end.text == RESTATED
