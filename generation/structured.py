"""Answers in a form that the caller gives: JSON by a schema. Pure.

The schema is of a closed part of JSON Schema (``server.schemas``), so that decoding
can be held to it; what comes back is validated all the same, because another
model server may not keep to it, and an answer may be cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry

from generation.errors import SchemaInvalid
from generation.grounding.citations import check
from generation.server.schemas import SchemaUnsupported, compile_schema
from generation.types import CitationFound
from ingestion.masking import Kind, find, mask

MAX_SCHEMA_BYTES = 16_384
# NUL as JSON escapes it, not a backslash before "u0000"; Postgres can hold it in no text.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
# What a caller may use, by type of value; all else is refused by its path.
KEYWORDS = (
    "type, enum, const, anyOf, properties, required, additionalProperties, items, "
    "minItems, maxItems, minLength, maxLength, minimum, maximum"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A text or number of a form, and its span in the form, without quotation marks."""

    value: str
    start: int
    end: int


def checked_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``schema`` if answers can be held to it. Raises SchemaInvalid."""
    try:
        text = json.dumps(schema, allow_nan=False, ensure_ascii=False)
        if _NUL.search(text):
            raise SchemaInvalid("The schema holds the character NUL. Leave it out.")
        size = len(text.encode())
        if size > MAX_SCHEMA_BYTES:
            raise SchemaInvalid(
                f"The schema has {size:,} bytes; the limit is {MAX_SCHEMA_BYTES:,}. "
                "Leave out what is not needed.",
                detail={"limit": MAX_SCHEMA_BYTES, "length": size},
            )
        compile_schema(schema)
        Draft202012Validator.check_schema(schema)
    except SchemaUnsupported as exc:
        raise _invalid(exc.path, exc.reason) from exc
    except SchemaError as exc:
        raise _invalid(exc.json_path, "not as JSON Schema wants it") from exc
    except (ValueError, RecursionError) as exc:
        raise SchemaInvalid from exc
    return dict(schema)


def _invalid(path: str, reason: str) -> SchemaInvalid:
    return SchemaInvalid(
        f"The schema cannot be used at {path[:200]}: {reason[:200]}. "
        f"These keywords can: {KEYWORDS}.",
        detail={"path": path[:200], "reason": reason[:200]},
    )


def read_form(text: str, schema: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the value in ``text``, and "" or what is wrong with it."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None, "it is not JSON"
    return value, problem_of(value, schema)


def problem_of(value: Any, schema: Mapping[str, Any]) -> str:
    """Return "" if ``value`` is of the schema, else where it is not."""
    # A registry of its own, so that nothing is fetched, whatever a schema names.
    validator = Draft202012Validator(schema, registry=Registry())
    problem = next(validator.iter_errors(value), None)
    return "" if problem is None else f"{problem.json_path} breaks {problem.validator}"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def write_form(value: Any) -> tuple[str, list[Leaf]]:
    """Return ``value`` as JSON, and the texts and numbers in it with their spans."""
    parts: list[str] = []
    leaves: list[Leaf] = []
    at = 0
    for part, leaf in _written(value):
        if leaf is not None and leaf.strip():
            inside = part.startswith('"')
            leaves.append(
                Leaf(value=leaf, start=at + inside, end=at + len(part) - inside)
            )
        parts.append(part)
        at += len(part)
    return "".join(parts), leaves


def _written(value: Any) -> Iterator[tuple[str, str | None]]:
    """Yield pieces of JSON; with a text or a number comes what it says."""
    if isinstance(value, Mapping):
        yield "{", None
        for index, (name, inner) in enumerate(value.items()):
            gap = ", " if index else ""
            yield f"{gap}{json.dumps(name, ensure_ascii=False)}: ", None
            yield from _written(inner)
        yield "}", None
    elif isinstance(value, list):
        yield "[", None
        for index, inner in enumerate(value):
            yield ", " if index else "", None
            yield from _written(inner)
        yield "]", None
    else:
        is_said = isinstance(value, str | int | float) and not isinstance(value, bool)
        text = json.dumps(value, ensure_ascii=False)
        yield text, str(value) if is_said else None


def evidence(
    leaves: list[Leaf],
    sources: Mapping[int, str],
    *,
    question: str,
    schema: Mapping[str, Any],
) -> list[CitationFound]:
    """Return which source bears each text and number of a form.

    Values that the schema lists are the caller's words and have no source.
    """
    listed = set(_listed(schema))
    return [
        _judged(leaf, sources, question) for leaf in leaves if leaf.value not in listed
    ]


def _judged(leaf: Leaf, sources: Mapping[int, str], question: str) -> CitationFound:
    cited = check(leaf.value, sources, question=question).cited
    order = ("unsupported", "partly", "supported")
    return CitationFound(
        start=leaf.start,
        end=leaf.end,
        sentence=leaf.value,
        sources=tuple(sorted({n for item in cited for n in item.sources})),
        verdict=min((c.verdict for c in cited), key=order.index, default="unsupported"),
    )


def _listed(schema: Any) -> Iterator[str]:
    """Yield the values that ``enum`` and ``const`` name anywhere in ``schema``."""
    if isinstance(schema, Mapping):
        values = [*schema.get("enum", ()), schema.get("const")]
        yield from (str(v) for v in values if isinstance(v, str | int | float))
        for inner in schema.values():
            yield from _listed(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _listed(inner)


def masked_form(value: Any, kinds: frozenset[Kind]) -> Any:
    """Mask the texts of a form; a number that is an item becomes null."""
    return _mapped(value, lambda leaf: _masked_leaf(leaf, kinds))


def _masked_leaf(leaf: Any, kinds: frozenset[Kind]) -> Any:
    if isinstance(leaf, str):
        return mask(leaf, kinds)
    is_number = isinstance(leaf, int | float) and not isinstance(leaf, bool)
    return None if is_number and find(str(leaf), kinds) else leaf


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping):
        return {name: _mapped(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [_mapped(inner, change) for inner in value]
    return change(value)
