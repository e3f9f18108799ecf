"""`manage.py search` and `evaluate`: the contract that scripts rely on."""

from __future__ import annotations

import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ingestion.models import EmbeddingSpace
from tests.factories import bob, make_collection, make_ready_document, make_user
from tests.fakes import HashEmbedder

QUESTION = "How many litres does the pump hold?"


def run_search(*args: str) -> str:
    out = StringIO()
    call_command("search", *args, stdout=out)
    return out.getvalue()


@pytest.fixture
def by_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command embeds with the site's model; here with the fake one."""
    monkeypatch.setattr("retrieval.search.get_embedder", HashEmbedder)


@pytest.fixture
def library(db: None) -> None:
    make_ready_document(make_collection(bob(), "Manuals"), "pump.txt")
    make_ready_document(make_collection(bob(), "Other"), "other.txt", ["A pump."])


def test_search_prints_the_contract(library: None, by_words: None) -> None:
    found = json.loads(run_search(QUESTION, "--user", "bob", "--json"))
    assert list(found) == ["hits"]
    assert found["hits"][0] == {
        "document": "pump.txt",
        "page": 1,
        "quote": "The pump holds 40 litres.",
        "score": 1.0,
        "dense_rank": 1,
        "lexical_rank": 1,
    }


def test_search_can_be_narrowed_and_cut(library: None, by_words: None) -> None:
    args = ("--user", "bob", "--json")
    found = json.loads(run_search(QUESTION, *args, "--collection", "Other"))
    assert [hit["document"] for hit in found["hits"]] == ["other.txt"]
    assert len(json.loads(run_search(QUESTION, *args, "-k", "1"))["hits"]) == 1


def test_search_has_only_the_rights_of_the_user(library: None, by_words: None) -> None:
    make_user("root", is_superuser=True)
    assert json.loads(run_search(QUESTION, "--json")) == {"hits": []}
    assert "Nothing found in 0 documents" in run_search(QUESTION)


def test_search_without_json_is_for_reading(library: None, by_words: None) -> None:
    text = run_search(QUESTION, "--user", "bob")
    assert "1. pump.txt, page 1 (1.00)\n   The pump holds 40 litres." in text


@pytest.mark.parametrize(
    "args",
    [
        ("",),
        (QUESTION, "-k", "0"),
        (QUESTION, "--user", "nobody"),
        (QUESTION, "--user", "bob", "--collection", "Secret"),
    ],
)
def test_search_refuses_bad_arguments_with_status_2(
    library: None, args: tuple[str, ...]
) -> None:
    with pytest.raises(CommandError) as caught:
        run_search(*args)
    assert caught.value.returncode == 2


# --- evaluate ----------------------------------------------------------------------

CORPUS = {
    "a": ("Pumps", "The pump holds 40 litres of water."),
    "b": ("Cats", "A cat sleeps sixteen hours a day."),
    "c": ("Dogs", "A dog sleeps twelve hours a day."),
    "empty": ("", ""),
}
QUERIES = {"q1": "How many litres does the pump hold?", "q2": "cat sleeps", "q3": "?"}
QRELS = [("q1", "a", 1), ("q2", "b", 2), ("q2", "c", 1)]


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    lines = [
        json.dumps({"_id": key, "title": title, "text": text})
        for key, (title, text) in CORPUS.items()
    ]
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    queries = [json.dumps({"_id": key, "text": text}) for key, text in QUERIES.items()]
    (folder / "queries.jsonl").write_text("\n".join(queries))
    rows = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in QRELS)]
    (folder / "qrels.tsv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def fake_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    from ingestion.types import ChunkingConfig
    from retrieval import loading
    from tests.fakes import word_tokenizer

    reader = loading.Reader(
        embedder=HashEmbedder(), tokenizer=word_tokenizer(), chunking=ChunkingConfig()
    )
    monkeypatch.setattr(loading.Reader, "from_settings", lambda: reader)


def run_evaluate(*args: str) -> dict[str, Any]:
    out = StringIO()
    call_command("evaluate", *args, stdout=out)
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("fake_reader")
def test_evaluate_retrieval_prints_the_contract_and_leaves_the_site_alone(
    beir: Path,
) -> None:
    report = run_evaluate("retrieval", str(beir), "--json")
    assert list(report) == ["dataset", "queries", "methods", "paired", "seconds"]
    assert (report["dataset"], report["queries"]) == ("tiny", 2)
    assert list(report["methods"]) == ["dense", "lexical", "hybrid"]
    for measures in report["methods"].values():
        intervals = measures.pop("ci95")
        assert list(measures) == [
            "ndcg@10",
            "recall@5",
            "recall@10",
            "recall@100",
            "mrr@10",
        ]
        assert set(measures.values()) == {1.0}
        assert intervals == {name: [1.0, 1.0] for name in measures}
    assert list(report["paired"]) == ["hybrid - dense", "hybrid - lexical"]
    for compared in report["paired"].values():
        assert compared["ndcg@10"] == {"difference": 0.0, "ci95": [0.0, 0.0], "p": 1.0}
    assert EmbeddingSpace.objects.count() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("fake_reader")
def test_evaluate_retrieval_can_be_limited(beir: Path) -> None:
    assert run_evaluate("retrieval", str(beir), "--limit", "1")["queries"] == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("fake_reader")
@pytest.mark.parametrize("missing", ["corpus.jsonl.gz", "queries.jsonl", "qrels.tsv"])
def test_evaluate_says_which_file_is_missing(beir: Path, missing: str) -> None:
    (beir / missing).unlink()
    with pytest.raises(CommandError) as caught:
        run_evaluate("retrieval", str(beir))
    assert missing.removesuffix(".gz") in str(caught.value)
    assert caught.value.returncode == 1


@pytest.mark.parametrize(
    "args",
    [("retrieval", "/nowhere"), ("retrieval", ".", "--limit", "0"), ("cats", ".")],
)
def test_evaluate_refuses_bad_arguments(args: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run_evaluate(*args)


@pytest.mark.models
@pytest.mark.django_db(transaction=True)
def test_evaluate_with_the_real_embedder_knows_a_cat_from_a_pump(beir: Path) -> None:
    queries = {"q1": "reservoir capacity", "q2": "feline rest"}
    lines = [json.dumps({"_id": key, "text": text}) for key, text in queries.items()]
    (beir / "queries.jsonl").write_text("\n".join(lines))
    methods = run_evaluate("retrieval", str(beir))["methods"]
    # No word in common: only meaning can find them.
    assert methods["lexical"]["mrr@10"] == 0.0
    assert methods["dense"]["mrr@10"] == methods["hybrid"]["mrr@10"] == 1.0
