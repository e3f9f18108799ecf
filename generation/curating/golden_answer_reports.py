"""`manage.py evaluate golden-answers`: run the set, and report it beside the run before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from generation.curating import golden_runs
from generation.curating.comparing import compare_runs
from generation.curating.golden_running import run_to_end
from generation.curating.models import AnswerRun, RunAnswer
from generation.evaluating.scoring import curve
from generation.llm import HttpLanguageModel
from generation.parts import using
from generation.serving import model_server
from ingestion.embedding import Embedder, http_embedder
from ingestion.spaces import live_model_name
from retrieval.golden_reports import reach


def run(
    options: Mapping[str, Any], progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Ask the golden answers now, in this process, and keep the result.

    Args:
        options: ``collection`` and ``user``.
        progress: called with questions done and in all.

    Raises:
        NotFound, NoGoldenAnswers, RunUnderWay, WeightsMissing, ModelUnavailable
    """
    asker, collection = reach(options)
    with model_server(embeds=True) as model, using(model, embedder=_of(model)):
        done = AnswerRun.objects.filter(
            collection=collection, state=AnswerRun.State.DONE
        )
        before = done.first()
        made = run_to_end(golden_runs.start(asker, collection), progress)
    return {
        "collection": collection.name,
        **_figures(made),
        "previous": _compared(before, made) if before else None,
        "answers": [_row(row) for row in made.answers.all()],
    }


def _of(model: HttpLanguageModel) -> Embedder:
    """Return the embedder of the model's own server: it has torch loaded already."""
    return http_embedder(model.url, model.key, live_model_name())


def _figures(made: AnswerRun) -> dict[str, Any]:
    rows = made.answers.exclude(answered_at=None)
    outcomes = [golden_runs.outcome_of(row) for row in rows]
    in_force = made.config.get("answer: refusal_threshold")
    return {
        "run": str(made.pk),
        "at": made.created_at.isoformat(timespec="seconds"),
        "state": made.state,
        "reason": made.failure_message,
        "questions": len(outcomes),
        "figures": made.figures,
        "curve": curve(outcomes, in_force=in_force),
        "config": made.config,
    }


def _compared(before: AnswerRun, made: AnswerRun) -> dict[str, Any]:
    found = compare_runs(before, made)
    return {
        "run": str(before.pk),
        "figures": before.figures,
        "differences": {name: asdict(d) for name, d in found.differences.items()},
        "changed_config": [name for name, *_ in found.config],
    }


def _row(row: RunAnswer) -> dict[str, Any]:
    return {
        "question": row.question,
        "answers": row.accepted,
        "text": row.text,
        "refused": row.is_refused,
        "f1": row.f1,
        "exact_match": row.exact_match,
        "verdicts": row.verdicts,
        "seconds": row.seconds,
        "prompt_tokens": row.prompt_tokens,
        "answer_tokens": row.answer_tokens,
        "confidence": row.confidence,
        "failure": row.failure_code,
    }
