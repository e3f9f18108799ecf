"""Stored answers made again by real weights, word for word."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from generation import running, services
from generation.database import in_thread
from generation.llm import HttpLanguageModel
from generation.models import Answer
from generation.parts import using
from generation.replay import replay
from rag_site.asking import Asker
from tests import factories
from tests.fakes import HashEmbedder
from tests.generation.model_server import FOUR_AT_ONCE, SMALLEST, served

pytestmark = [pytest.mark.models, pytest.mark.django_db(transaction=True)]

PARTS = ("pump", "valve", "boiler", "gearbox", "crane")
ASKED = (
    "How many litres of oil does the {} hold?",
    "Who looks after the {} and its oil?",
    "Explain when the oil of the {} is changed.",
    "Describe where the {} stands and what oil it holds.",
)


@pytest.fixture(scope="module")
def model() -> Iterator[HttpLanguageModel]:
    with served(SMALLEST, embeds=False, **FOUR_AT_ONCE) as model:
        yield model


@pytest.fixture
def asker(settings: Settings) -> Asker:
    settings.MAX_ANSWER_TOKENS = 10
    settings.MAX_SOURCES = 1
    collection = factories.make_collection()
    for number, part in enumerate(PARTS, 3):
        text = (
            f"The {part} stands in hall {number} and holds {11 * number} litres of oil. "
            f"The oil of the {part} is changed every {number} months by Ada Berg."
        )
        factories.make_ready_document(collection, pages=(text,), name=f"{part}.txt")
    return factories.asker(factories.alice())


async def test_twenty_answers_of_several_askers_come_out_the_same_again(
    model: HttpLanguageModel, asker: Asker
) -> None:
    """First four at a time, over passages that are evaluated once; then each alone."""
    free = asyncio.Semaphore(4)

    async def answered(question: str) -> Answer:
        async with free:
            row = await in_thread(services.ask, asker, question=question, via="web")
            return await running.run_to_end(row.pk, asker)

    questions = [words.format(part) for words in ASKED for part in PARTS]
    with using(model, embedder=HashEmbedder()):
        rows = await asyncio.gather(*(answered(question) for question in questions))
    assert all(row.timings["answer_tokens"] for row in rows)
    assert len({row.receipt["written_digest"] for row in rows}) > len(PARTS)
    again = [await in_thread(replay, row.pk, model) for row in rows]
    assert all(one.is_same_prompt and one.is_same_model for one in again)
    assert sum(one.is_same for one in again) == 20
