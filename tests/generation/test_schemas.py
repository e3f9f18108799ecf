"""JSON Schema to a grammar: the closed part compiles, everything else is refused by path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.server.schemas import (
    MAX_CHARS,
    SchemaUnsupported,
    any_object,
    compile_schema,
)

NAMES = st.text('abcdefghij_"\\é', min_size=1, max_size=8)
SCALARS = st.one_of(
    st.builds(lambda n: {"type": "string", "maxLength": n}, st.integers(0, 40)),
    st.just({"type": "integer", "minimum": 0, "maximum": 9}),
    st.sampled_from(
        [{"type": name} for name in ("integer", "number", "boolean", "null")]
    ),
    st.builds(
        lambda values: {"enum": values},
        st.lists(st.one_of(NAMES, st.integers(), st.none()), min_size=1, max_size=4),
    ),
    st.just({"type": ["string", "null"], "maxLength": 10}),
)


def _object(properties: dict[str, Any], optional: set[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(_object, st.dictionaries(NAMES, inner, max_size=4), st.sets(NAMES)),
        st.builds(
            lambda items, fewest, more: {
                "type": "array",
                "items": items,
                "minItems": fewest,
                "maxItems": fewest + more,
            },
            inner,
            st.integers(0, 2),
            st.integers(0, 3),
        ),
        st.builds(lambda one, two: {"anyOf": [one, two]}, inner, inner),
    ),
    max_leaves=6,
)


@given(SCHEMAS)
def test_every_rule_that_is_named_is_written(schema: dict[str, Any]) -> None:
    grammar = compile_schema(schema)
    rules = {line.split(" ::= ")[0] for line in grammar.splitlines()}
    assert "root" in rules
    assert len(rules) == len(grammar.splitlines())


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "string", "pattern": "^a+$"}, "$"),
        ({"$ref": "http://example.test/schema"}, "$"),
        ({"type": "string", "maxLength": -1}, "$"),
        ({"type": "string", "minLength": MAX_CHARS + 1}, "$"),
        ({"type": "array"}, "$"),
        ({"type": "array", "items": {"type": "wild"}}, "$.items"),
        ({"type": "array", "items": {}, "maxItems": 10**9}, "$"),
        ({"type": "object", "properties": {"a": {"format": "date"}}}, "$.a"),
        ({"type": "object", "required": ["a"]}, "$"),
        ({"type": "integer", "minimum": 0, "maximum": 10**9}, "$"),
        ({"enum": []}, "$"),
        ({"type": "string", "enum": [1]}, "$"),
        ({"enum": [float("nan")]}, "$"),
        ({"anyOf": [3]}, "$.anyOf[0]"),
    ],
)
def test_what_is_not_in_the_closed_part_is_refused(
    schema: dict[str, Any], path: str
) -> None:
    with pytest.raises(SchemaUnsupported) as refused:
        compile_schema(schema)
    assert refused.value.path == path


def test_a_schema_too_deep_is_refused() -> None:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(40):
        schema = {"type": "array", "items": schema}
    with pytest.raises(SchemaUnsupported, match="too deep"):
        compile_schema(schema)


def test_a_grammar_of_any_object_ends() -> None:
    rules = {line.split(" ::= ")[0] for line in any_object().splitlines()}
    assert {"root", "object0", "text"} <= rules
