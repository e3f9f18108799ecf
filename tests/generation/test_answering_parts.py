"""Parts of the answer's pipeline that need neither model nor database."""

from __future__ import annotations

from uuid import uuid4

from generation.answering import worth_reading
from generation.types import GenerationConfig
from retrieval.types import Hit


def _hit(number: int, score: float) -> Hit:
    pk = uuid4()
    return Hit(
        chunk_id=number,
        document_id=pk,
        version_id=pk,
        collection_id=pk,
        document="Manual",
        heading="",
        text=f"passage {number}",
        start=0,
        end=9,
        page=1,
        page_last=1,
        token_count=4,
        score=score,
    )


def test_passages_far_behind_the_best_are_not_read() -> None:
    hits = [_hit(1, 0.9), _hit(2, 0.55), _hit(3, 0.5)]
    config = GenerationConfig(min_score_share=0.6)
    assert [h.chunk_id for h in worth_reading(hits, config)] == [1, 2]


def test_the_best_passage_is_always_read_and_the_count_is_bounded() -> None:
    hits = [_hit(n, 0.1) for n in range(1, 9)]
    assert len(worth_reading(hits, GenerationConfig(max_sources=4))) == 4
    assert worth_reading([], GenerationConfig()) == []
    assert len(worth_reading(hits[:1], GenerationConfig(min_score_share=1.0))) == 1
