"""The benchmark of retrieval, on a library small enough for a test."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import call_command

from ingestion.models import Chunk, Document
from retrieval.dense import is_exact_cheaper
from retrieval.search import search
from retrieval.synthetic import make_library
from retrieval.types import RetrievalConfig


@pytest.mark.django_db
def test_readers_see_the_shares_that_they_are_named_for() -> None:
    library = make_library(400, questions=3, shares=(1.0, 0.5, 0.05))
    assert Chunk.objects.count() == 400
    assert Document.objects.count() == 20
    documents = {
        share: search(
            library.questions[0],
            visible,
            RetrievalConfig(method="lexical"),
            embedder=library.embedder,
        ).documents
        for share, visible in library.readers.items()
    }
    assert documents == {1.0: 20, 0.5: 10, 0.05: 1}


@pytest.mark.django_db(transaction=True)
def test_the_command_reports_figures_beside_their_baselines() -> None:
    out = StringIO()
    args = ("retrieval", "--json", "--chunks", "400", "--questions", "4")
    call_command("benchmark", *args, stdout=out)
    report = json.loads(out.getvalue())
    assert report["benchmark"] == "retrieval"
    by_name = {result["name"]: result for result in report["results"]}
    shares = ("1", "0.1", "0.01", "0.001")
    for share in shares:
        of_share = {n: r for n, r in by_name.items() if f" {share} visible" in n}
        assert len(of_share) == 11, sorted(of_share)
        for name, result in of_share.items():
            assert result["value"] > 0
            if name.startswith(("recall@10 as configured", "rows")):
                assert result["value"] == 1.0
            if "search p50" in name:
                assert result["ratio"] == pytest.approx(
                    result["value"] / result["baseline"], abs=0.01
                )
            if name.endswith("p95"):
                assert result["value"] >= by_name[name[:-3] + "p50"]["value"]
    assert by_name["index of vectors on disk"]["value"] > 0


def test_the_cheaper_way_is_chosen_by_measured_costs() -> None:
    config = RetrievalConfig(candidates=100, exact_scan_chunks=20_000, walk_cost=4)
    million = 1_000_000
    # Few: compared, whatever the rest. All: walked. Between: at the square root of
    # walk_cost * candidates * total, which grows with the library.
    assert is_exact_cheaper(20_000, 20_000, config)
    assert not is_exact_cheaper(million, million, config)
    assert is_exact_cheaper(20_000, million, config)
    assert not is_exact_cheaper(20_001, million, config)
    assert is_exact_cheaper(199_000, 100 * million, config)
    assert not is_exact_cheaper(201_000, 100 * million, config)
    # A walk that may not be long enough is not begun.
    only_walk = replace(config, exact_scan_chunks=0, walk_cost=0)
    assert is_exact_cheaper(400, million, only_walk)
    assert not is_exact_cheaper(600, million, only_walk)
