"""Answers in a form that the caller gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.errors import SchemaInvalid
from generation.structured import (
    checked_schema,
    evidence,
    masked_form,
    problem_of,
    read_form,
    write_form,
)
from ingestion.masking import USUAL

PUMP = {
    "type": "object",
    "properties": {
        "litres": {"type": ["integer", "null"]},
        "fluid": {"type": "string"},
        "risk": {"enum": ["low", "high"]},
    },
    "required": ["litres", "fluid", "risk"],
    "additionalProperties": False,
}
values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()
    ).filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(value=values)
def test_a_form_is_written_as_json_with_true_spans(value: Any) -> None:
    text, leaves = write_form(value)
    assert json.loads(text) == value
    for leaf in leaves:
        is_text = text[leaf.start - 1 : leaf.start] == '"'
        said = text[leaf.start - is_text : leaf.end + is_text]
        assert str(json.loads(said)) == leaf.value


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "string", "pattern": "a+"}, "$"),
        ({"$ref": "#/x"}, "$"),
        ({"type": "object", "properties": {"a": {"format": "date"}}}, "$.a"),
        ({"type": "object", "patternProperties": {}}, "$"),
        ({"type": "array"}, "$"),
        ({}, "$"),
        ({"type": "string", "maxLength": -1}, "$"),
        ({"type": "integer", "minimum": 1}, "$"),
    ],
)
def test_other_keywords_are_refused_by_their_place(
    schema: dict[str, Any], path: str
) -> None:
    with pytest.raises(SchemaInvalid) as refused:
        checked_schema(schema)
    assert path in refused.value.message
    assert "anyOf" in refused.value.message


def test_size_and_depth_have_limits() -> None:
    with pytest.raises(SchemaInvalid, match=r"16,384"):
        checked_schema({"enum": ["x" * 400] * 50})
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(20):
        deep = {"type": "object", "properties": {"a": deep}}
    with pytest.raises(SchemaInvalid, match="deep"):
        checked_schema(deep)


@pytest.mark.parametrize(
    "text", ["", "no", "NaN", "[1", '{"litres": NaN}', "[" * 100_000]
)
def test_what_is_not_json_is_no_form(text: str) -> None:
    assert read_form(text, PUMP)[1] == "it is not JSON"


@pytest.mark.parametrize(
    "odd",
    [
        {"required": [["litres"]]},
        {"description": "a\x00b"},
        {"description": "\ud800"},
    ],
)
def test_what_cannot_be_stored_or_read_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(SchemaInvalid):
        checked_schema({**PUMP, **odd})


def test_words_about_nul_are_no_nul() -> None:
    told = {**PUMP, "description": r"written as \u0000"}
    assert checked_schema(told) == told


def test_a_form_is_validated_against_the_whole_schema() -> None:
    good = '{"litres": 40, "fluid": "oil", "risk": "low"}'
    assert read_form(good, PUMP) == (json.loads(good), "")
    for bad in (good.replace("40", '"40"'), good.replace("low", "mid"), "{}"):
        assert read_form(bad, PUMP)[1]


def test_each_value_is_held_to_the_passages() -> None:
    _, leaves = write_form({"litres": 40, "fluid": "pumpkin soup", "risk": "low"})
    found = evidence(
        leaves,
        {1: "The pump holds 40 litres of oil.", 2: "The fan is quiet."},
        question="How many litres of oil does the pump hold?",
        schema=PUMP,
    )
    assert [(c.sentence, c.sources, c.verdict) for c in found] == [
        ("40", (1,), "supported"),
        ("pumpkin soup", (), "unsupported"),
    ]


def test_items_of_people_are_masked_in_forms() -> None:
    value = {"mail": "ask a@b.org", "card": 4111111111111111, "n": [7, True]}
    kept = masked_form(value, USUAL)
    assert kept == {"mail": "ask [e-mail]", "card": None, "n": [7, True]}
    assert problem_of(kept, {"type": "object"}) == ""
