"""Claims of judged questions: what is asked of a model, and what is fitted to its replies."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from generation.evaluating import claims
from generation.llm import Finished, Message, QueuePlace, SamplingParams, TextPiece
from generation.readouts import TOKEN_IDS, Readout
from tests.fakes_llm import ScriptedLLM

RNG = np.random.default_rng(7)


class Believer(ScriptedLLM):
    """Says "true" to everything; only its readings tell right from wrong."""

    name = "believer"

    async def stream(
        self, messages: Sequence[Message], params: SamplingParams, *, user: str
    ) -> AsyncIterator[QueuePlace | TextPiece | Finished]:
        self.prompts.append(tuple(messages))
        is_right = 'is "40 litres"' in messages[-1].content
        read = RNG.normal(-9.0, 1.0, len(params.token_ids))
        read[::2] += 3.0 if is_right else -3.0
        chances = {"true": -0.1, "false": -2.5}
        yield TextPiece(text="true", chances=chances, wanted=tuple(read))
        yield Finished()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = [
        {"_id": f"d{n}", "title": f"Pump {n}", "text": f"Pump {n} holds 40 litres."}
        for n in range(30)
    ]
    with gzip.open(tmp_path / "corpus.jsonl.gz", "wt") as lines:
        lines.writelines(json.dumps(text) + "\n" for text in texts)
    with (tmp_path / "qa.jsonl").open("w") as lines:
        for n in range(30):
            is_right = n % 2 == 0
            row = {
                "question": f"How much does pump {n} {'hold' if is_right else 'lose'}?",
                "answers": ["40 litres"] if is_right else [],
                "answerable": is_right,
                "plausible_wrong": [] if is_right else ["40 gallons"],
                "context_ids": [f"d{n}"],
            }
            lines.write(json.dumps(row) + "\n")
    return tmp_path


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Believer:
    model = Believer()

    @contextmanager
    def served(_name: str | None) -> Iterator[Believer]:
        yield model

    monkeypatch.setattr(claims, "model_server", served)
    return model


def test_a_reading_tells_what_the_word_does_not(folder: Path, model: Believer) -> None:
    written, rows = folder / "believer.json", folder / "rows.jsonl"
    report = claims.run(folder, rows=rows, fit=written)
    assert (report["claims"], report["true"]) == (30, 15)
    assert report["area"] == {"word": 0.5, "reading": None, "fitted": 1.0}
    fitted = json.loads(written.read_text())
    assert len(fitted["weights"]) == len(TOKEN_IDS)
    assert Readout(**fitted).read((-6.0, -9.0) * 256) > 0  # type: ignore[operator]
    assert Readout(**fitted).read((-12.0, -9.0) * 256) < 0  # type: ignore[operator]
    asked = len(model.prompts)
    again = claims.run(folder, rows=rows)
    assert again["area"] == report["area"]
    assert len(model.prompts) == asked == 30


def test_each_claim_stands_beside_the_words_that_bear_it(
    folder: Path, model: Believer
) -> None:
    claims.run(folder, among=slice(4, 14))
    asked = [prompt[-1].content.splitlines() for prompt in model.prompts[:2]]
    assert asked == [
        [
            "Text: Pump 4 holds 40 litres.",
            'Claim: the answer to "How much does pump 4 hold?" is "40 litres".',
        ],
        [
            "Text: Pump 5 holds 40 litres.",
            'Claim: the answer to "How much does pump 5 lose?" is "40 gallons".',
        ],
    ]


@pytest.mark.parametrize("among", [slice(0, 9), slice(30, None)])
def test_too_few_claims_measure_nothing(
    folder: Path, model: Believer, among: slice
) -> None:
    with pytest.raises(claims.CorpusInvalid, match="fewer than 10 claims"):
        claims.run(folder, among=among)
    assert model.prompts == []


def test_claims_of_one_kind_measure_nothing(folder: Path, model: Believer) -> None:
    rows = (folder / "qa.jsonl").read_text().splitlines(keepends=True)
    right = [row for row in rows if "hold?" in row]
    (folder / "qa.jsonl").write_text("".join(right))
    with pytest.raises(claims.CorpusInvalid, match="of one kind"):
        claims.run(folder)


def test_a_server_that_tells_no_tokens_is_named(folder: Path, model: Believer) -> None:
    async def silent(
        *_args: object, **_more: object
    ) -> AsyncIterator[TextPiece | Finished]:
        yield TextPiece(text="true", chances={"true": -0.1})
        yield Finished()

    model.stream = silent  # type: ignore[method-assign, assignment]
    with pytest.raises(claims.NothingTold, match="site's own"):
        claims.run(folder)


def test_nothing_is_fitted_where_nothing_is_to_be_read() -> None:
    read, truth = RNG.normal(size=(400, 40)), RNG.random(400) < 0.5
    assert 0.4 < roc_auc_score(truth, claims.crossed(read, truth)) < 0.6
