"""Planted wrong citations are flagged, right ones are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generation.evaluating import planted
from generation.grounding.citations import check
from retrieval.corpora import CorpusInvalid
from tests.judged_sets import judged_set


def test_wrong_citations_are_flagged_and_right_ones_are_not() -> None:
    cases = planted.build(judged_set("squad2"), limit=120)
    found = planted.measure(cases)
    assert found["wrong"]["n"] > 300
    assert found["wrong"]["flagged"] >= 0.95
    assert found["right"]["flagged"] <= 0.10


def test_the_cases_are_the_same_each_time() -> None:
    directory = judged_set("squad2")
    assert planted.build(directory, limit=5) == planted.build(directory, limit=5)


def test_a_set_without_answers_is_refused(tmp_path: Path) -> None:
    row = {"_id": "d1", "title": "T", "text": "Nothing."}
    (tmp_path / "corpus.jsonl").write_text(json.dumps(row))
    (tmp_path / "qa.jsonl").write_text("")
    with pytest.raises(CorpusInvalid):
        planted.build(tmp_path)


def test_the_words_that_bear_a_sentence_are_named() -> None:
    source = "The pump is blue. It holds 40 litres of oil. It was made in Oslo."
    checked = check("The pump holds 40 litres [1].", {1: source}, question="")
    (words,) = checked.cited[0].words
    assert source[words.start : words.end] == "It holds 40 litres of oil."


def test_a_source_that_denies_it_does_not_bear_it() -> None:
    source = "The pump must not run dry. The tank may run dry."
    said = check("The pump must run dry [1].", {1: source}, question="")
    assert said.cited[0].verdict == "unsupported"


def test_a_name_of_another_sentence_is_seen() -> None:
    source = "Ada Holm drew the bridge. Later the town of Bergen sold Karl Berg a boat."
    said = check("Karl Berg drew the bridge [1].", {1: source}, question="")
    assert said.cited[0].verdict != "supported"
