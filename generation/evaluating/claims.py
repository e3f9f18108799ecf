"""How well a model tells right answers from wrong ones, and what its reading is fitted to.

Of each judged question comes one claim: that its accepted answer, or where the documents
hold none a plausible wrong one, answers it. The model is asked whether the sentence that
bears it says so, as ``generation.judging`` asks of its own answers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from generation import prompting
from generation.deciding import log_odds
from generation.errors import ModelUnavailable
from generation.evaluating.given import each, hit_of
from generation.evaluating.kept_rows import KeptRows
from generation.judging import VERDICT, bearing_text, first_of
from generation.llm import HttpLanguageModel
from generation.readouts import Readout, readout_of
from generation.serving import model_server
from generation.showing import as_sources
from retrieval.corpora import CorpusInvalid, read_corpus, read_lines
from retrieval.loading import Progress

# Weight of the penalty against the standardised readings, as a share of their number:
# from 0.3 to 3 the same to 0.01.
_RIDGE = 1.0
_FOLDS = 10
_SEED = 20261130
EVERY = slice(0, None)


class NothingTold(ModelUnavailable):
    """This server tells no log-probabilities of tokens by number: ask the site's own."""

    code = "logprobs_unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    question: str
    answer: str
    text: str
    is_true: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a model said of a claim: log-odds of "true", and the tokens that are read."""

    is_true: bool
    says_true: float
    logprobs: tuple[float, ...]


def run(
    directory: Path,
    *,
    among: slice = EVERY,
    model: str | None = None,
    rows: Path | None = None,
    fit: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Ask the model of the claims of a judged set.

    Args:
        among: the questions of the file, by their numbers from 0 on.
        fit: where to write the reading that is fitted to these claims.

    Returns:
        What ``manage.py evaluate claims --json`` prints. ``area`` is the share of pairs of
        a true and a false claim that are told apart: by the word, by the reading that
        the site has for this model, and by one fitted to nine tenths of the claims and
        asked of the rest.

    Raises:
        CorpusInvalid, WeightsMissing, ModelUnavailable
    """
    claims = list(claims_of(directory, among))
    if len(claims) < _FOLDS or len({claim.is_true for claim in claims}) < 2:
        few = f"{directory}/qa.jsonl has fewer than {_FOLDS} claims there, or of one kind."
        raise CorpusInvalid(few)
    with model_server(model) as served:
        judged = asyncio.run(
            _ask(claims, served, KeptRows(rows, key="question"), progress)
        )
    said = np.array([one.says_true for one in judged])
    read = np.array([one.logprobs for one in judged])
    truth = np.array([one.is_true for one in judged])
    if fit is not None:
        fitted = fitted_to(read, truth)
        fit.write_text(json.dumps(asdict(fitted)) + "\n")
    return {
        "dataset": directory.resolve().name,
        "model": served.name,
        "claims": len(judged),
        "true": int(truth.sum()),
        "area": {
            "word": _area(truth, said),
            "reading": _area_of(readout_of(served.name), truth, read),
            "fitted": _area(truth, crossed(read, truth)),
        },
    }


def claims_of(directory: Path, among: slice = EVERY) -> Iterator[Claim]:
    """Yield the claims of the questions that have one. Raises CorpusInvalid."""
    corpus = {text.id: text for text in read_corpus(directory)}
    for row in islice(read_lines(directory / "qa.jsonl"), among.start, among.stop):
        is_true = row.get("answerable", True)
        answers = row["answers"] if is_true else row.get("plausible_wrong", ())
        homes = [corpus[pk] for pk in row.get("context_ids", ()) if pk in corpus]
        if not answers or not homes:
            continue
        sources = as_sources([hit_of(1, homes[0].text, homes[0].title)])
        yield Claim(
            question=row["question"],
            answer=answers[0],
            text=bearing_text(row["question"], answers[0], sources),
            is_true=is_true,
        )


async def _ask(
    claims: Sequence[Claim],
    model: HttpLanguageModel,
    kept: KeptRows,
    progress: Progress | None,
) -> list[Judged]:
    async def judge(claim: Claim) -> Judged:
        row = kept.get(claim.question)
        if row is None:
            row = asdict(await _ask_one(claim, model))
            kept.add(claim.question, row)
        return Judged(**row)

    return await each(claims, judge, progress)


async def _ask_one(claim: Claim, model: HttpLanguageModel) -> Judged:
    messages = prompting.claim_of_answer(claim.question, claim.answer, claim.text)
    said = [item async for item in model.stream(messages, VERDICT, user="evaluation")]
    first = first_of(said)
    says_true = log_odds(first.chances, "true", "false")
    if says_true is None or not first.wanted:
        raise NothingTold
    return Judged(is_true=claim.is_true, says_true=says_true, logprobs=first.wanted)


def fitted_to(read: NDArray[Any], truth: NDArray[Any]) -> Readout:
    """Return the ridge regression of true and false, 1 and -1, on the readings.

    Args:
        read: log-probabilities, shape (claims, tokens).
        truth: of each claim, shape (claims,).
    """
    scaler, ridge = _regression(read.shape[1]).fit(read, _wanted(truth))
    weights = ridge.coef_ / scaler.scale_
    intercept = ridge.intercept_ - scaler.mean_ @ weights
    return Readout(
        intercept=round(float(intercept), 4),
        weights=tuple(float(f"{weight:.4g}") for weight in weights),
    )


def crossed(read: NDArray[Any], truth: NDArray[Any]) -> NDArray[Any]:
    """Return each claim's reading by a fit to the other tenths, shape (claims,)."""
    tenths = KFold(_FOLDS, shuffle=True, random_state=_SEED)
    regression = _regression(read.shape[1])
    found: NDArray[Any] = cross_val_predict(regression, read, _wanted(truth), cv=tenths)
    return found


def _regression(tokens: int) -> Pipeline:
    return make_pipeline(StandardScaler(), Ridge(alpha=_RIDGE * tokens))


def _wanted(truth: NDArray[Any]) -> NDArray[Any]:
    return np.where(truth, 1.0, -1.0)


def _area(truth: NDArray[Any], scores: NDArray[Any]) -> float:
    return round(float(roc_auc_score(truth, scores)), 4)


def _area_of(
    readout: Readout | None, truth: NDArray[Any], read: NDArray[Any]
) -> float | None:
    if readout is None:
        return None
    return _area(truth, readout.intercept + read @ np.array(readout.weights))
