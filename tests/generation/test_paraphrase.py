"""Sentences in other words than their source: told by meaning, never called supported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from generation.everything.library import Embedded
from generation.grounding.citations import Checked, check
from generation.paraphrase import SAME_MEANING, look_again

SOURCES = {
    1: "Prior to lifting the cover, cut the mains and pause for ten minutes. Oil is 40.",
    2: "The garden is open in May. Children do not pay.",
}
QUESTION = "What must I do first?"
RESTATED = "Switch off electricity before the housing gets opened [1]."


class Meanings:
    """An embedder to which texts are as near as a test says."""

    def __init__(self, cosine: float, *, model: str = "all-minilm-l6-v2") -> None:
        self.cosine, self.model = cosine, model
        self.asked: list[str] = []

    async def __call__(self, texts: Sequence[str]) -> Embedded:
        self.asked += texts
        rest = np.sqrt(1 - self.cosine**2)
        rows = [[1.0, 0.0], *([[self.cosine, rest]] * (len(texts) - 1))]
        return Embedded(model=self.model, vectors=np.array(rows, np.float32))


def checked(answer: str) -> Checked:
    return check(answer, SOURCES, question=QUESTION)


async def verdict(answer: str, meanings: Meanings) -> str:
    before = checked(answer)
    after = await look_again(before, SOURCES, {}, QUESTION, meanings)
    assert after.text == before.text
    return after.cited[0].verdict


async def test_what_its_source_says_in_other_words_is_partly_borne() -> None:
    assert checked(RESTATED).cited[0].verdict == "unsupported"
    found = await look_again(checked(RESTATED), SOURCES, {}, QUESTION, Meanings(0.7))
    item = found.cited[0]
    assert (item.verdict, item.sources) == ("partly", (1,))
    (words,) = item.words
    assert SOURCES[1][words.start : words.end].startswith("Prior to lifting")


@pytest.mark.parametrize(
    ("answer", "meanings"),
    [
        (RESTATED, Meanings(0.5)),
        (RESTATED, Meanings(0.99, model="unmeasured")),
        # A number, a name or a denial that the source does not have.
        ("Switch off electricity for 20 seconds [1].", Meanings(0.99)),
        ("Then call Ada about the electricity [1].", Meanings(0.99)),
        ("Electricity should never be touched [1].", Meanings(0.99)),
    ],
)
async def test_what_is_far_or_says_another_thing_stays_unsupported(
    answer: str, meanings: Meanings
) -> None:
    assert await verdict(answer, meanings) == "unsupported"


async def test_nothing_is_embedded_where_words_decide() -> None:
    meanings = Meanings(0.99)
    assert (
        await verdict(f"{SOURCES[1].partition('.')[0]} [1].", meanings) == "supported"
    )
    # Nor for a sentence that names no source.
    assert await verdict("Whales sing beautifully.", meanings) == "unsupported"
    assert not meanings.asked


@pytest.mark.models
async def test_the_real_embedder_tells_other_words_from_another_matter() -> None:
    from ingestion.embedding import load_embedder

    embedder = load_embedder("all-minilm-l6-v2")

    async def embed(texts: Sequence[str]) -> Embedded:
        return Embedded(model=embedder.name, vectors=embedder.embed_passages(texts))

    assert embedder.name in SAME_MEANING
    near = "Automobiles must be parked behind the building [1]."
    far = "Feed your cats twice daily [1]."
    sources = {1: "Cars have to stand at the rear of the house."}
    for answer, expected in ((near, "partly"), (far, "unsupported")):
        before = check(answer, sources, question="How?")
        assert before.cited[0].verdict == "unsupported"
        after = await look_again(before, sources, {}, "How?", embed)
        assert after.cited[0].verdict == expected
