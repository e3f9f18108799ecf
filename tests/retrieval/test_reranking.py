"""Reranking inside a search: what moves, what does not, and when it is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import override_settings

from ingestion.visibility import visible_to
from retrieval.reranking import RerankerUnavailable, rerank
from retrieval.search import search
from retrieval.types import RetrievalConfig, SearchResult
from tests.factories import alice, asker, make_collection, make_ready_document
from tests.fakes import HashEmbedder, OverlapReranker
from tests.retrieval.test_fusion import make_hit

TEXTS = ["pump", "the pump holds litres", "pump pump pump", "pump of litres"]


def test_the_first_are_reordered_and_the_rest_comes_after() -> None:
    hits = [
        replace(make_hit(n), text=text, score=1 - n / 10)
        for n, text in enumerate([*TEXTS, "the pump holds litres too"])
    ]
    ranked = rerank("pump holds litres", hits, OverlapReranker(), count=3)
    assert [hit.chunk_id for hit in ranked] == [1, 0, 2, 3, 4]
    scores = [hit.score for hit in ranked]
    assert scores == sorted(scores, reverse=True)
    assert [hit.fused for hit in ranked] == [0.9, 1.0, 0.8, 0.7, 0.6]


def test_fewer_hits_than_asked_for_are_no_matter() -> None:
    assert rerank("x", [], OverlapReranker(), count=3) == []
    (hit,) = rerank("x", [replace(make_hit(1), score=0.5)], OverlapReranker(), count=3)
    assert (hit.score, hit.fused) == (0.0, 0.5)


@pytest.fixture
def library(db: None) -> None:
    pages = [f"{text}, number {n}" for n, text in enumerate(TEXTS)]
    make_ready_document(make_collection(), "pump.txt", pages)


def ask(reranker: object, *, count: int = 10) -> SearchResult:
    return search(
        "pump holds litres",
        visible_to(asker(alice())),
        RetrievalConfig(rerank=count),
        embedder=HashEmbedder(),
        reranker=reranker,  # type: ignore[arg-type]
    )


def test_a_search_is_reranked_where_it_is_configured(library: None) -> None:
    found = ask(OverlapReranker())
    assert found.hits[0].text == "the pump holds litres, number 1"
    assert found.hits[0].fused is not None
    assert "rerank" in found.timings
    assert "rerank" not in ask(OverlapReranker(), count=0).timings


class _Away:
    name = "away"

    def score(self, question: str, passages: object) -> list[float]:
        raise RerankerUnavailable


def test_a_reranker_that_is_away_costs_no_search(library: None) -> None:
    assert [hit.chunk_id for hit in ask(_Away()).hits] == [
        hit.chunk_id for hit in ask(OverlapReranker(), count=0).hits
    ]


def test_the_settings_switch_it_on() -> None:
    assert RetrievalConfig.from_settings().rerank == 0
    with override_settings(RERANKER="/models/mine", RERANK=7):
        assert RetrievalConfig.from_settings().rerank == 7
