"""Filling in a form: decode by the schema, validate, once more if it does not hold."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from generation.errors import SchemaUnmet
from generation.llm import Finished, QueuePlace, SamplingParams, TextPiece
from generation.structured import (
    Leaf,
    masked_form,
    problem_of,
    read_form,
    write_form,
)
from ingestion.masking import Kind

logger = logging.getLogger(__name__)

# Greedy decoding would give the same text again.
RETRY_TEMPERATURE = 0.5
Item = QueuePlace | TextPiece | Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form that keeps to its schema, as JSON, and what is said in it."""

    text: str
    leaves: list[Leaf]


async def fill_form(
    stream: Callable[[SamplingParams], AsyncIterator[Item]],
    params: SamplingParams,
    kinds: frozenset[Kind],
    is_stopped: Callable[[], bool],
) -> AsyncIterator[QueuePlace | Finished | Form]:
    """Yield what ``stream`` says besides text, and the form; none if it was stopped.

    Raises:
        SchemaUnmet: the second text does not keep to the schema either.
    """
    again = replace(params, seed=params.seed + 1, temperature=RETRY_TEMPERATURE)
    for attempt in (params, again):
        text = ""
        async for item in stream(attempt):
            if isinstance(item, TextPiece):
                text += item.text
            else:
                yield item
        if is_stopped():
            return
        form, problem = _form(text, params, kinds)
        if form is not None:
            yield form
            return
        # The path names keys that the caller wrote.
        logger.debug("a form does not keep to its schema: %s", problem)
    raise SchemaUnmet


def _form(
    text: str, params: SamplingParams, kinds: frozenset[Kind]
) -> tuple[Form | None, str]:
    schema = params.schema or {}
    value, problem = read_form(text, schema)
    if not problem and kinds:
        value = masked_form(value, kinds)
        problem = problem_of(value, schema)
    if problem:
        return None, problem
    written, leaves = write_form(value)
    return Form(text=written, leaves=leaves), ""
