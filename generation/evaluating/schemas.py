"""Whether answers keep to schemas: `manage.py evaluate schemas DIR`."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from generation.answering import Asked
from generation.errors import SchemaUnmet
from generation.evaluating.given import ask_given, each
from generation.llm import LanguageModel
from generation.serving import model_server
from generation.structured import checked_schema, problem_of, read_form
from retrieval.corpora import CorpusInvalid, read_corpus, read_lines

# Longest part of a context that is read: the form is judged, not the answer.
PASSAGE_CHARS = 500
_NAMES = ("answer", "place", "year", "people", "reason", "is_known", "topic", "count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    question: str
    passage: str
    schema: dict[str, Any]


def run(
    directory: Path,
    *,
    limit: int | None = None,
    model: str | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> dict[str, Any]:
    """Ask questions of the set, each by a schema of its own, drawn by a fixed seed.

    Raises:
        CorpusInvalid, WeightsMissing, ModelUnavailable
    """
    cases = read_cases(directory, limit or 100)
    started = time.perf_counter()
    with model_server(model) as served:
        asking = each(cases, lambda case: outcome(case, served), progress)
        outcomes = asyncio.run(asking)
    counts = Counter(outcomes)
    return {
        "dataset": directory.resolve().name,
        "model": served.name,
        "answers": len(outcomes),
        "valid": counts["valid"],
        "refused_with_an_error": counts["unmet"],
        "invalid": counts["invalid"],
        "seconds": round(time.perf_counter() - started, 1),
    }


def read_cases(directory: Path, count: int) -> list[Case]:
    """Return ``count`` cases; questions come again, with other schemas, when they end."""
    texts = {row.id: row.text for row in read_corpus(directory)}
    rows = [r for r in read_lines(directory / "qa.jsonl") if r.get("context_ids")]
    if not rows:
        raise CorpusInvalid(f"{directory}/qa.jsonl holds no question.")
    draw = random.Random(1)  # noqa: S311 - a fair draw, no secret
    return [
        Case(
            question=row["question"],
            passage=texts[row["context_ids"][0]][:PASSAGE_CHARS],
            schema=checked_schema(some_schema(draw)),
        )
        for row in islice(cycle(rows), count)
    ]


def some_schema(draw: random.Random) -> dict[str, Any]:
    """Return a schema of an object as callers write them, all keywords among them."""
    names = draw.sample(_NAMES, draw.randint(1, 5))
    return {
        "type": "object",
        "properties": {name: _some_value(draw, depth=0) for name in names},
        "required": [name for name in names if draw.random() < 0.8],
        "additionalProperties": False,
    }


def _some_value(draw: random.Random, *, depth: int) -> dict[str, Any]:
    makers: list[Callable[[], dict[str, Any]]] = [
        lambda: {"type": "string", "maxLength": draw.choice([8, 40, 120])},
        lambda: {"type": "string", "minLength": 1, "maxLength": 60},
        lambda: {"type": ["string", "null"], "maxLength": 30},
        lambda: {"type": "integer", "minimum": 0, "maximum": draw.choice([9, 150])},
        lambda: {"type": ["integer", "null"]},
        lambda: {"type": "number"},
        lambda: {"type": "boolean"},
        lambda: {"enum": draw.choice([["yes", "no"], [1, 2, 3], ['a "b"', None, "ü"]])},
        lambda: {"const": "v1"},
    ]
    if depth < 2:
        makers += [
            lambda: {
                "type": "array",
                "items": _some_value(draw, depth=depth + 1),
                "minItems": draw.choice([0, 1]),
                "maxItems": 3,
            },
            lambda: {
                "type": "object",
                "properties": {"name": _some_value(draw, depth=depth + 1)},
                "required": draw.choice([[], ["name"]]),
            },
            lambda: {"anyOf": [_some_value(draw, depth=depth + 1), {"type": "null"}]},
        ]
    return draw.choice(makers)()


async def outcome(case: Case, model: LanguageModel) -> str:
    """Return "valid", "unmet" for a clear error, or "invalid" for what must not be."""
    asked = Asked(question=case.question, user="evaluation", schema=case.schema)
    try:
        made = await ask_given(asked, [case.passage], model)
    except SchemaUnmet:
        return "unmet"
    value, problem = read_form(made.end.text, case.schema)
    return "invalid" if problem or problem_of(value, case.schema) else "valid"
