"""A change in one place of a long document leaves the passages elsewhere alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from statistics import mean

import numpy as np
import pytest
from numpy.typing import NDArray

from ingestion import pipeline, services
from ingestion.chunking import split
from ingestion.models import Chunk, Document
from ingestion.types import Block, ChunkingConfig, PageText
from tests import samples
from tests.factories import alice, asker, make_collection
from tests.fakes import HashEmbedder, word_tokenizer

Change = Callable[[list[str], int], list[str]]
_WORDS = [
    "pump",
    "valve",
    "oil",
    "hall",
    "crew",
    "week",
    "book",
    "degree",
    "tank",
    "pipe",
    "motor",
    "gauge",
    "filter",
    "boiler",
    "water",
    "spring",
    "check",
    "write",
    "call",
    "hold",
    "stand",
    "find",
    "number",
    "above",
    "below",
]
# What one change may touch in a flowing text, however long: with 1,500 passages in
# 500 pages that is far below one in a hundred.
MOST_TOUCHED = 10


class Counting(HashEmbedder):
    """Counts the texts that it is asked to embed."""

    def __init__(self) -> None:
        self.count = 0

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.count += len(texts)
        return super().embed_passages(texts)


def paragraph(n: int) -> str:
    """One to six sentences, always the same for ``n``."""
    dice = random.Random(n)
    return " ".join(
        " ".join(dice.choices(_WORDS, k=dice.randint(4, 16))).capitalize() + "."
        for _ in range(dice.randint(1, 6))
    )


def row(n: int) -> str:
    return f"{n} | " + " | ".join(random.Random(n).choices(_WORDS, k=7))


def changed(texts: list[str], at: int) -> list[str]:
    return [*texts[:at], f"This was written anew. {texts[at]}", *texts[at + 1 :]]


def inserted(texts: list[str], at: int) -> list[str]:
    return [*texts[:at], "What was not there before.", *texts[at:]]


def removed(texts: list[str], at: int) -> list[str]:
    return [*texts[:at], *texts[at + 1 :]]


@pytest.mark.parametrize("change", [changed, inserted, removed])
@pytest.mark.parametrize("form", ["paragraphs", "one paragraph", "table"])
def test_boundaries_far_from_a_change_stay(form: str, change: Change):
    texts = [(row if form == "table" else paragraph)(n) for n in range(500)]
    before = passages(form, texts)
    touched = [len(passages(form, change(texts, at)) - before) for at in (3, 170, 450)]
    assert min(touched) >= 1
    assert mean(touched) <= MOST_TOUCHED, touched


def passages(form: str, texts: list[str]) -> set[str]:
    join = {"paragraphs": "\n\n", "one paragraph": " ", "table": "\n"}[form]
    text = join.join(texts)
    table = Block(kind="table", start=0, end=len(text))
    page = PageText(number=1, text=text, blocks=(table,) if form == "table" else ())
    found = split([page], "Manual", ChunkingConfig(), word_tokenizer())
    return {passage.embedded_text for passage in found}


@pytest.mark.django_db
def test_one_page_of_500_changed_embeds_at_most_a_hundredth_again(tmp_path):
    pages = [f"# Part {n}\n{paragraph(n)}" for n in range(500)]
    first, second = Counting(), Counting()
    made = add(tmp_path, "manual.pdf", samples.pdf_bytes(pages), first)
    chunks = Chunk.objects.filter(version__document=made).count()
    assert first.count == chunks >= 500
    add(tmp_path, "manual.pdf", samples.pdf_bytes(changed(pages, 250)), second)
    assert 1 <= second.count <= chunks // 100


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["manual.md", "manual.docx"])
def test_a_paragraph_more_embeds_only_what_is_near_it(name: str, tmp_path):
    write = samples.docx_bytes if name.endswith("docx") else md_bytes
    texts = [paragraph(n) for n in range(400)]
    first, second = Counting(), Counting()
    made = add(tmp_path, name, write(texts), first)
    assert first.count == Chunk.objects.filter(version__document=made).count() > 80
    again = add(tmp_path, name, write(inserted(texts, 200)), second)
    assert (again.pk, again.current_version.number) == (made.pk, 2)
    assert 1 <= second.count <= MOST_TOUCHED


def md_bytes(paragraphs: Sequence[str]) -> bytes:
    return samples.md_bytes("\n\n".join(paragraphs))


def add(tmp_path, name: str, content: bytes, embedder: Counting) -> Document:
    """Upload and read the next version of the only document."""
    path = tmp_path / name
    path.write_bytes(content)
    there = Document.objects.first()
    collection = there.collection if there else make_collection()
    found = services.accept_upload(
        asker(alice()),
        collection.pk,
        path=path,
        name=name,
        on_same_name="replace",
    ).document
    pipeline.ingest(found.pk, embedder=embedder, tokenizer=word_tokenizer())
    found.refresh_from_db()
    assert found.state == Document.State.READY, found.failure_message
    return found
