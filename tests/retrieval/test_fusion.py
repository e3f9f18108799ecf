"""Algebra of fusion: order of input does not matter, better is never worse."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.fusion import fuse_ranks, fuse_scores
from retrieval.types import Hit

SOME_ID = UUID(int=1)


def make_hit(
    chunk_id: int,
    *,
    similarity: float | None = None,
    bm25: float | None = None,
    dense_rank: int | None = None,
    lexical_rank: int | None = None,
    text: str | None = None,
) -> Hit:
    return Hit(
        chunk_id=chunk_id,
        document_id=SOME_ID,
        version_id=SOME_ID,
        collection_id=SOME_ID,
        document="a.txt",
        heading="",
        text=f"text {chunk_id}" if text is None else text,
        start=0,
        end=6,
        page=1,
        page_last=1,
        token_count=4,
        score=0.0,
        similarity=similarity,
        bm25=bm25,
        dense_rank=dense_rank,
        lexical_rank=lexical_rank,
    )


@st.composite
def candidates(draw: st.DrawFn) -> list[Hit]:
    """Hits as the two rankings leave them: ranks follow the scores."""
    count = draw(st.integers(0, 12))
    similarities = draw(
        st.lists(st.floats(-1, 1), min_size=count, max_size=count, unique=True)
    )
    scores = draw(
        st.lists(st.floats(0, 40), min_size=count, max_size=count, unique=True)
    )
    return [
        make_hit(
            n,
            similarity=similarities[n],
            bm25=scores[n],
            dense_rank=1 + sum(other > similarities[n] for other in similarities),
            lexical_rank=1 + sum(other > scores[n] for other in scores),
        )
        for n in range(count)
    ]


both = pytest.mark.parametrize("fuse", [fuse_scores, fuse_ranks])


@both
@given(hits=candidates(), data=st.data())
def test_the_order_of_candidates_does_not_matter(
    fuse: object, hits: list[Hit], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(hits))
    assert fuse(shuffled) == fuse(hits)  # type: ignore[operator]


@both
@given(hits=candidates())
def test_scores_fall_from_at_most_one_to_at_least_zero(
    fuse: object, hits: list[Hit]
) -> None:
    scores = [hit.score for hit in fuse(hits)]  # type: ignore[operator]
    assert scores == sorted(scores, reverse=True)
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in scores)


@both
@given(hits=candidates())
def test_a_hit_at_least_as_good_in_both_rankings_is_never_below(
    fuse: object, hits: list[Hit]
) -> None:
    score = {hit.chunk_id: hit.score for hit in fuse(hits)}  # type: ignore[operator]
    for a in hits:
        for b in hits:
            if a.similarity >= b.similarity and a.bm25 >= b.bm25:  # type: ignore[operator]
                assert score[a.chunk_id] >= score[b.chunk_id] - 1e-9


@both
def test_nothing_fused_is_nothing(fuse: object) -> None:
    assert fuse([]) == []  # type: ignore[operator]


def test_the_weight_chooses_between_the_rankings() -> None:
    near = make_hit(1, similarity=0.9, bm25=1.0)
    wordy = make_hit(2, similarity=0.1, bm25=9.0)
    assert fuse_scores([wordy, near], 1.0)[0].chunk_id == 1
    assert fuse_scores([near, wordy], 0.0)[0].chunk_id == 2


def test_scores_of_one_ranking_alone_are_enough() -> None:
    assert [hit.score for hit in fuse_scores([make_hit(1, similarity=0.5)], 1.0)] == [1]
    assert [hit.score for hit in fuse_scores([make_hit(1, bm25=3.0)], 0.0)] == [1]


def test_rank_fusion_is_the_published_formula() -> None:
    """1 / (60 + rank), summed, up to the scale that makes the best possible 1."""
    hits = fuse_ranks(
        [make_hit(1, dense_rank=1), make_hit(2, dense_rank=2, lexical_rank=1)]
    )
    expected = {1: 1 / 61, 2: 1 / 62 + 1 / 61}
    assert [hit.chunk_id for hit in hits] == [2, 1]
    for hit in hits:
        assert hit.score == pytest.approx(expected[hit.chunk_id] * 61 / 2)
