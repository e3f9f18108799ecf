from __future__ import annotations

import math
from dataclasses import replace
from uuid import UUID

import pytest

from generation.deciding import (
    FITTED,
    READ,
    confidence,
    log_odds,
    missing_from,
    outcome_of,
)
from generation.readouts import FOLDER, TOKEN_IDS, readout_of
from generation.types import CitationFound, SourceRef

NOWHERE = UUID(int=0)


def logs(**chances: float) -> dict[str, float]:
    return {token.replace("_", " "): math.log(p) for token, p in chances.items()}


def test_the_log_odds_are_those_of_all_tokens_that_spell_a_word() -> None:
    sure = log_odds(logs(yes=0.7, Yes=0.2, no=0.1), "yes", "no")
    unsure = log_odds(logs(_Yes=0.1, no=0.9), "yes", "no")
    assert sure == pytest.approx(math.log(9))
    assert unsure == pytest.approx(-math.log(9))


@pytest.mark.parametrize("model", FITTED)
def test_each_word_makes_surer_and_the_most_comes_before_writing(model: str) -> None:
    rule = FITTED[model]
    doubtful, middling, sure = (confidence(rule, odds, odds) for odds in (-2, 0, 2))
    assert 0 < doubtful < 0.1 < middling < 0.5 < 0.9 < sure < 1
    assert confidence(rule, 0.0, rule.surest) == confidence(rule, 0.0) > middling


@pytest.mark.parametrize("model", READ)
def test_each_reading_makes_surer_and_the_most_comes_before_writing(model: str) -> None:
    rule = READ[model]
    doubtful, middling, sure = (confidence(rule, 0.0, read) for read in (-1, 0, 1))
    assert 0 < doubtful < middling < sure < 1
    assert confidence(rule, 2.0, 0.0) > middling > confidence(rule, -2.0, 0.0)
    assert confidence(rule, 0.0, rule.surest) == confidence(rule, 0.0) > middling


def test_a_reading_and_its_rule_come_together() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(READ) <= set(FITTED)
    for model in READ:
        readout = readout_of(model)
        assert readout is not None
        assert len(readout.weights) == len(TOKEN_IDS)
        assert readout.read((0.0,) * len(TOKEN_IDS)) == readout.intercept
        assert readout.read((0.0,)) is None
    assert readout_of("another") is None


def test_one_word_alone_is_bounded_and_none_tells_nothing() -> None:
    assert log_odds(logs(yes=1.0), "yes", "no") == 6.0
    assert log_odds({}, "yes", "no") is None


def test_names_and_numbers_that_no_passage_holds_are_missing() -> None:
    quote = "Rollo came to France in 911."
    source = SourceRef(
        n=1,
        document_id=NOWHERE,
        version_id=NOWHERE,
        document="normans.txt",
        heading="",
        page=1,
        start=0,
        end=len(quote),
        quote=quote,
        score=1.0,
    )
    assert missing_from("When did Rollo come to France?", [source]) == ()
    asked = "Did Rollo meet Karl Berg in 1066?"
    assert missing_from(asked, [source]) == ("Karl Berg", "1066")
    asked = "Had Rollo 5 million crowns in 911?"
    assert missing_from(asked, [source]) == ("5 million",)
    rich = replace(source, quote="In 911 Rollo had 5,000,000 crowns.")
    assert missing_from(asked, [rich]) == ()


def test_an_answer_is_partial_if_a_sentence_or_a_name_is_not_borne() -> None:
    def cited(verdict: str) -> CitationFound:
        return CitationFound(
            start=0, end=1, sentence="A", sources=(1,), verdict=verdict
        )  # type: ignore[arg-type]

    assert outcome_of([cited("supported")], ()) == "answered"
    assert outcome_of([cited("supported"), cited("unsupported")], ()) == "partly"
    assert outcome_of([cited("supported")], ("Karl Berg",)) == "partly"
