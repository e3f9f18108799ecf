"""What every entailment model promises, on the fake, in this process and over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import override_settings
from starlette.applications import Starlette

from generation.grounding import entailment
from generation.grounding.entailment import (
    DIGEST_HEADER,
    CrossEncoderEntailment,
    Entailment,
    EntailmentUnavailable,
    HttpEntailment,
    Odds,
    odds_of,
)
from generation.server import entailing as route
from generation.server.app import BadRequest, _bad_request, _read
from tests.contracts.second_models import serving, write_cross_encoder
from tests.fakes import WordsEntailment

PAIRS = [
    ("The pump holds 40 litres.", "The pump holds litres."),
    ("Cats sleep.", "The pump holds litres."),
    ("", "The pump holds litres."),
    ("litres " * 400, "litres"),
]
LABELS = {0: "contradiction", 1: "entailment", 2: "neutral"}


def judged(body: Mapping[str, Any], headers: Mapping[str, str]) -> object:
    """Return what text-embeddings-inference does: the labels of each pair."""
    rows = [
        [
            {"label": "NEUTRAL", "score": 1 - sum(odds)},
            {"label": "ENTAILMENT", "score": odds.entailed},
            {"label": "CONTRADICTION", "score": odds.contradicted},
        ]
        for odds in WordsEntailment().judge([tuple(pair) for pair in body["inputs"]])
    ]
    return rows[1:] if headers.get("Authorization") == "Bearer short" else rows


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving("/predict", judged, **{DIGEST_HEADER: "0" * 64}) as address:
        yield address


def labelled_model(folder: Path, labels: dict[int, str]) -> Path:
    numbers = {label: index for index, label in labels.items()}
    return write_cross_encoder(folder, id2label=labels, label2id=numbers)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled_model(tmp_path_factory.mktemp("models") / "tiny", LABELS)


@pytest.fixture(params=["fake", "http", pytest.param("real", marks=pytest.mark.models)])
def judge(request: pytest.FixtureRequest) -> Iterator[Entailment]:
    if request.param == "real":
        folder = request.getfixturevalue("tiny_model")
        yield CrossEncoderEntailment(folder, name=folder.name)
    elif request.param == "http":
        client = HttpEntailment(request.getfixturevalue("address"), "key", name="x")
        yield client
        client.close()
    else:
        yield WordsEntailment()


def test_odds_of_each_pair_from_0_to_1(judge: Entailment) -> None:
    odds = judge.judge(PAIRS)
    assert len(odds) == len(PAIRS)
    for one in odds:
        assert 0 <= one.entailed <= 1
        assert 0 <= one.contradicted <= 1
        assert sum(one) <= 1 + 1e-5
    assert judge.name
    assert len(judge.digest) == 64


def test_nothing_gives_no_odds(judge: Entailment) -> None:
    assert judge.judge([]) == []


def test_odds_do_not_depend_on_the_other_pairs(judge: Entailment) -> None:
    together = judge.judge(PAIRS)
    alone = [judge.judge([pair])[0] for pair in PAIRS]
    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


@pytest.mark.models
def test_labels_are_read_by_their_names(tiny_model: Path) -> None:
    model = CrossEncoderEntailment(tiny_model, name="tiny")
    (row,) = model.scores(PAIRS[:1])
    assert set(row) == set(LABELS.values())
    assert sum(row.values()) == pytest.approx(1, abs=1e-5)
    assert model.judge(PAIRS[:1]) == [Odds(row["entailment"], row["contradiction"])]


def test_what_is_not_entailed_is_not_taken_for_it() -> None:
    scores = {"not_entailment": 0.7, "entailment": 0.3}
    assert odds_of(scores) == Odds(entailed=0.3, contradicted=0.0)


@pytest.mark.models
def test_a_model_of_other_labels_is_refused_in_words(tmp_path: Path) -> None:
    folder = labelled_model(tmp_path / "moods", {0: "joy", 1: "anger", 2: "fear"})
    with pytest.raises(EntailmentUnavailable, match="joy, anger, fear"):
        CrossEncoderEntailment(folder, name="moods")


@pytest.mark.models
def test_a_folder_is_loaded_by_its_path(tiny_model: Path) -> None:
    entailment._load.cache_clear()
    with override_settings(ENTAILMENT=str(tiny_model), MODEL_SERVER_URL=""):
        loaded = entailment.get_entailment()
    assert isinstance(loaded, CrossEncoderEntailment)
    assert loaded.name == "tiny"
    weights = (tiny_model / "model.safetensors").read_bytes()
    assert loaded.digest == hashlib.sha256(weights).hexdigest()
    entailment._load.cache_clear()


def test_a_folder_without_a_model_is_refused_in_words(tmp_path: Path) -> None:
    with (
        override_settings(ENTAILMENT=str(tmp_path), MODEL_SERVER_URL=""),
        pytest.raises(EntailmentUnavailable, match=r"model\.safetensors"),
    ):
        entailment.get_entailment()


def test_without_a_name_there_is_none() -> None:
    with override_settings(ENTAILMENT=""):
        assert entailment.get_entailment() is None


def test_the_web_process_asks_the_model_server(address: str) -> None:
    with override_settings(ENTAILMENT="/models/mine", MODEL_SERVER_URL=address):
        found = entailment.get_entailment()
    assert isinstance(found, HttpEntailment)
    assert found.name == "mine"


@pytest.mark.parametrize(("path", "key"), [("/v2", ""), ("", ""), ("/v1", "short")])
def test_a_server_that_is_not_there_or_says_too_little_is_told_in_words(
    path: str, key: str, address: str
) -> None:
    url = address.replace("/v1", path) if path else "http://127.0.0.1:9"
    with pytest.raises(EntailmentUnavailable):
        HttpEntailment(url, key, name="x").judge(PAIRS)


class _Scored(WordsEntailment):
    def scores(self, pairs: list[tuple[str, str]]) -> list[dict[str, float]]:
        return [
            {"entailment": odds.entailed, "contradiction": odds.contradicted}
            for odds in self.judge(pairs)
        ]


async def test_the_model_server_answers_by_that_protocol(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(route, "load_entailment", _Scored)
    app = Starlette(
        routes=[route.predict_route(_read)],
        exception_handlers={BadRequest: _bad_request},
    )
    transport = httpx.ASGITransport(app=app)
    body = {"inputs": PAIRS, "truncate": True}
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        off = await client.post("/predict", json=body)
        with override_settings(ENTAILMENT="/models/mine"):
            judged = await client.post("/predict", json=body)
            refused = await client.post("/predict", json={"inputs": ["one", "two"]})
    assert (off.status_code, refused.status_code) == (404, 422)
    assert judged.headers[DIGEST_HEADER] == _Scored.digest
    rows = [{one["label"]: one["score"] for one in row} for row in judged.json()]
    assert [odds_of(row) for row in rows] == WordsEntailment().judge(PAIRS)
