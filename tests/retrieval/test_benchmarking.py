"""The benchmark of retrieval, on a library small enough for a test."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from ingestion.models import Chunk, Document
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
    assert len(by_name) == 9
    for name, result in by_name.items():
        assert result["baseline"] > 0
        if "recall@10 as configured" in name:
            assert result["value"] == 1.0
        if "search p50" in name:
            assert result["ratio"] == pytest.approx(
                result["value"] / result["baseline"], abs=0.01
            )
