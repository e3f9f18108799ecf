"""Asking of passages that are given, without a search: for evaluations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID, uuid5

from generation import config
from generation.answering import Asked, Means
from generation.gathering import Gathered, gather
from generation.llm import LanguageModel
from retrieval.types import Hit, SearchResult

# Questions asked at once: the model server decodes them together.
AT_ONCE = 4
_SPACE = UUID("6f7c4a3e-2f0b-4a39-9a51-0d4a6d5f5b1e")
T = TypeVar("T")
R = TypeVar("R")


def hit_of(number: int, text: str, heading: str = "") -> Hit:
    """Return a passage as if a search had found it."""
    pk = uuid5(_SPACE, text)
    return Hit(
        chunk_id=number,
        document_id=pk,
        version_id=pk,
        collection_id=_SPACE,
        document=f"Document {number}",
        heading=heading,
        text=text,
        start=0,
        end=len(text),
        page=1,
        page_last=1,
        token_count=len(text) // 4,
        score=1.0 / number,
        similarity=1.0,
    )


async def ask_given(
    asked: Asked, passages: Sequence[str], model: LanguageModel
) -> Gathered:
    """Answer from exactly these passages; whether they hold the answer is not judged.

    Raises:
        RagError: of the model, or SchemaUnmet.
    """
    hits = [hit_of(number, text) for number, text in enumerate(passages, 1)]
    return await gather_given(asked, hits, model)


async def gather_given(
    asked: Asked, hits: Sequence[Hit], model: LanguageModel, *, threshold: float = 0.0
) -> Gathered:
    """Answer from exactly these passages.

    Args:
        threshold: of refusal; 0 does not judge whether they hold the answer.

    Raises:
        RagError: of the model, or SchemaUnmet.
    """

    async def find(_question: str) -> SearchResult:
        return SearchResult(hits=tuple(hits), collections=1, documents=len(hits))

    settings = replace(
        config.generation_config(), refusal_threshold=threshold, min_score_share=0.0
    )
    return await gather(asked, Means(model=model, find=find, config=settings))


async def each(
    items: Sequence[T],
    work: Callable[[T], Awaitable[R]],
    progress: Callable[[int, int], Any] | None,
) -> list[R]:
    """Return ``work`` of each item in their order, ``AT_ONCE`` of them at a time."""
    free = asyncio.Semaphore(AT_ONCE)
    done = 0

    async def one(item: T) -> R:
        nonlocal done
        async with free:
            result = await work(item)
        done += 1
        if progress:
            progress(done, len(items))
        return result

    return list(await asyncio.gather(*(one(item) for item in items)))
