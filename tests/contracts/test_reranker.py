"""What every reranker promises, on the fake, in this process and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from retrieval import reranking
from retrieval.reranking import (
    CrossEncoderReranker,
    HttpReranker,
    Reranker,
    RerankerUnavailable,
)
from tests.contracts.second_models import serving, write_cross_encoder
from tests.fakes import OverlapReranker

QUESTION = "How many litres does the pump hold?"
PASSAGES = ["The pump holds 40 litres.", "Cats sleep.", "", "litres " * 400]


def ranked(body: Mapping[str, Any], _headers: Mapping[str, str]) -> object:
    """Return what the rerank protocol does: rows best first, each with its old index."""
    scores = OverlapReranker().score(body["query"], body["documents"])
    rows = [
        {"index": index, "relevance_score": score} for index, score in enumerate(scores)
    ]
    rows.sort(key=lambda row: -row["relevance_score"])
    return {"results": rows}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving("/v1/rerank", ranked) as address:
        yield address


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-reranker"
    return write_cross_encoder(folder, num_labels=1)


@pytest.fixture(params=["fake", "http", pytest.param("real", marks=pytest.mark.models)])
def reranker(request: pytest.FixtureRequest) -> Iterator[Reranker]:
    if request.param == "real":
        folder = request.getfixturevalue("tiny_model")
        yield CrossEncoderReranker(folder, name=folder.name)
    elif request.param == "http":
        client = HttpReranker(request.getfixturevalue("address"), "key", name="x")
        yield client
        client.close()
    else:
        yield OverlapReranker()


def test_one_score_a_passage_from_0_to_1(reranker: Reranker) -> None:
    scores = reranker.score(QUESTION, PASSAGES)
    assert len(scores) == len(PASSAGES)
    assert all(0 <= score <= 1 for score in scores)
    assert reranker.name


def test_nothing_gives_no_scores(reranker: Reranker) -> None:
    assert reranker.score(QUESTION, []) == []


def test_a_score_does_not_depend_on_the_other_passages(reranker: Reranker) -> None:
    together = reranker.score(QUESTION, PASSAGES)
    alone = [reranker.score(QUESTION, [passage])[0] for passage in PASSAGES]
    assert together == pytest.approx(alone, abs=1e-5)


@pytest.mark.models
def test_a_folder_is_loaded_by_its_path(tiny_model: Path) -> None:
    reranking._load.cache_clear()
    with override_settings(RERANKER=str(tiny_model), MODEL_SERVER_URL=""):
        loaded = reranking.get_reranker()
    assert isinstance(loaded, CrossEncoderReranker)
    assert loaded.name == "tiny-reranker"
    reranking._load.cache_clear()


def test_a_folder_without_a_model_is_refused_in_words(tmp_path: Path) -> None:
    with (
        override_settings(RERANKER=str(tmp_path), MODEL_SERVER_URL=""),
        pytest.raises(RerankerUnavailable, match=r"model\.safetensors"),
    ):
        reranking.get_reranker()


def test_without_a_name_there_is_none() -> None:
    with override_settings(RERANKER=""):
        assert reranking.get_reranker() is None


def test_the_web_process_asks_the_model_server(address: str) -> None:
    with override_settings(RERANKER="/models/mine", MODEL_SERVER_URL=address):
        found = reranking.get_reranker()
    assert isinstance(found, HttpReranker)
    assert found.name == "mine"


@pytest.mark.parametrize("path", ["/v2", ""])
def test_a_server_that_is_not_there_is_told_in_words(path: str, address: str) -> None:
    url = address.replace("/v1", path) if path else "http://127.0.0.1:9"
    with pytest.raises(RerankerUnavailable):
        HttpReranker(url, "", name="x").score(QUESTION, PASSAGES)


async def test_the_model_server_answers_by_that_protocol(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import httpx
    from starlette.applications import Starlette

    from generation.server import reranking as route
    from generation.server.app import BadRequest, _bad_request, _read

    monkeypatch.setattr(route, "load_reranker", OverlapReranker)
    app = Starlette(
        routes=[route.rerank_route(_read)],
        exception_handlers={BadRequest: _bad_request},
    )
    transport = httpx.ASGITransport(app=app)
    body = {"query": QUESTION, "documents": PASSAGES}
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        off = await client.post("/v1/rerank", json=body)
        with override_settings(RERANKER="/models/mine"):
            ranked = await client.post("/v1/rerank", json=body)
            refused = await client.post("/v1/rerank", json={"query": QUESTION})
    assert (off.status_code, refused.status_code) == (404, 422)
    rows = ranked.json()["results"]
    assert [row["index"] for row in rows] == [0, 3, 1, 2]
    assert rows[0]["relevance_score"] > rows[1]["relevance_score"] > 0
