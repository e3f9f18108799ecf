"""Answers by what their passages are like: `manage.py evaluate modes DIR`.

Each question is asked over exactly its own passages: the right one, the right one
among others, only others, ones that all carry a planted answer, or ones that
disagree (RGB: Chen et al., "Benchmarking Large Language Models in Retrieval-Augmented
Generation", 2024). Conflicts are counted in every mode: but for the last one, each is
a false alarm.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from generation import config
from generation.answering import Asked
from generation.evaluating import invariants
from generation.evaluating.given import each, gather_given, hit_of
from generation.evaluating.intervals import mean, share
from generation.evaluating.kept_rows import KeptRows
from generation.evaluating.scoring import exact_match, f1, normalise
from generation.grounding.words import claim_of, question_terms
from generation.llm import LanguageModel
from generation.serving import model_server
from generation.types import Conflict
from retrieval.corpora import CorpusInvalid, Text, read_corpus, read_lines
from retrieval.types import Hit

REJECT, CONFLICT, PLANTED = "reject", "conflict", "counterfactual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question over its passages.

    Attributes:
        answers: right ones; the passages of ``reject`` hold none of them.
        planted: what some passages say instead, "" if none do.
    """

    id: str
    mode: str
    question: str
    answers: tuple[str, ...]
    planted: str
    passages: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of a case; ``contested`` are the words of both sides of a conflict."""

    answer: str
    is_refused: bool
    contested: tuple[str, ...]
    seconds: float
    prompt_tokens: float
    held: dict[str, int] = field(default_factory=dict)


def run(
    directory: Path,
    *,
    limit: int | None = None,
    model: str | None = None,
    rows: Path | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> dict[str, Any]:
    """Ask the cases of ``directory``; return what ``--json`` prints.

    Args:
        limit: only the first so many lines, which take turns between the modes.
        rows: a file of JSON lines, one a reply. Cases that it holds already are
            not asked again, so a run can go on.

    Raises:
        CorpusInvalid, WeightsMissing, ModelUnavailable
    """
    cases = read_cases(directory, limit)
    kept = KeptRows(rows, key="id")
    with model_server(model) as served:

        async def asked(case: Case) -> Reply:
            row = kept.get(case.id)
            if row is not None:
                return Reply(**{**row, "contested": tuple(row["contested"])})
            reply = await reply_to(case, served)
            kept.add(case.id, asdict(reply))
            return reply

        replies = asyncio.run(each(cases, asked, progress))
    return {
        "dataset": directory.resolve().name,
        "model": served.name,
        **summarise(cases, replies),
    }


def read_cases(directory: Path, limit: int | None = None) -> list[Case]:
    """Return the first ``limit`` lines of ``qa.jsonl``. Raises CorpusInvalid."""
    corpus = {text.id: text for text in read_corpus(directory)}
    rows = list(islice(read_lines(directory / "qa.jsonl"), limit))
    if not all({"mode", "context_ids"} <= set(row) for row in rows) or not rows:
        raise CorpusInvalid(f"{directory}/qa.jsonl holds no questions with a mode.")
    return [
        Case(
            id=row["id"],
            mode=row["mode"],
            question=row["question"],
            answers=tuple(row["answers"]),
            planted=row.get("fake_answer", ""),
            passages=tuple(corpus[pk] for pk in row["context_ids"]),
        )
        for row in rows
    ]


async def reply_to(case: Case, model: LanguageModel) -> Reply:
    """Ask a case. Raises what the model raises."""
    asked = Asked(question=case.question, user="evaluation")
    hits = [
        hit_of(number, text.text, text.title)
        for number, text in enumerate(ranked(case), 1)
    ]
    threshold = config.generation_config().refusal_threshold
    made = await gather_given(asked, hits, model, threshold=threshold)
    conflicts = [event for event in made.events if isinstance(event, Conflict)]
    statements = [s for conflict in conflicts for s in conflict.statements]
    return Reply(
        answer=made.end.text,
        is_refused=made.end.refused,
        contested=tuple(statement.quote for statement in statements),
        seconds=made.seconds,
        prompt_tokens=made.end.timings.get("prompt_tokens", 0.0),
        held=invariants.held_of(asked, made.events, _stored_in(hits)),
    )


def ranked(case: Case) -> list[Text]:
    """Return the passages by the share of the question's terms that they hold.

    The set gives them in no order; of a search the best would come first, and it is
    the one that is read whole.
    """
    terms = question_terms(case.question)

    def held(text: Text) -> int:
        return len(terms & claim_of(f"{text.title} {text.text}").terms)

    return sorted(case.passages, key=held, reverse=True)


def _stored_in(hits: Sequence[Hit]) -> invariants.Stored:
    texts = {hit.version_id: hit.text for hit in hits}
    return lambda version, start, end: texts.get(version, "")[start:end]


def summarise(cases: Sequence[Case], replies: Sequence[Reply]) -> dict[str, Any]:
    by_mode: dict[str, list[tuple[Case, Reply]]] = defaultdict(list)
    for case, reply in zip(cases, replies, strict=True):
        by_mode[case.mode].append((case, reply))
    return {
        "questions": len(cases),
        "modes": {mode: _of_mode(mode, pairs) for mode, pairs in by_mode.items()},
        **invariants.summed([reply.held for reply in replies]),
    }


def _of_mode(mode: str, pairs: Sequence[tuple[Case, Reply]]) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "n": len(pairs),
        "refused": share([reply.is_refused for _, reply in pairs]),
        "reported_as_conflict": share([bool(reply.contested) for _, reply in pairs]),
        "seconds": round(fmean(reply.seconds for _, reply in pairs), 3),
        "prompt_tokens": round(fmean(reply.prompt_tokens for _, reply in pairs), 1),
    }
    if mode == CONFLICT:
        figures["both_answers_shown"] = share([shows_both(*pair) for pair in pairs])
    if mode != REJECT:
        figures["original"] = _quality([(case.answers, r) for case, r in pairs])
    if mode == PLANTED:
        figures["faithful"] = _quality([((case.planted,), r) for case, r in pairs])
    return figures


def _quality(pairs: Sequence[tuple[Sequence[str], Reply]]) -> dict[str, Any]:
    """Return how near the answers are; a refusal counts as an empty one."""
    given = [("" if r.is_refused else r.answer, gold) for gold, r in pairs]
    return {
        "f1": mean([f1(answer, gold) for answer, gold in given]),
        "exact_match": mean([exact_match(answer, gold) for answer, gold in given]),
    }


def shows_both(case: Case, reply: Reply) -> bool:
    """Whether a reader learns of the right answer and of the planted one."""
    said = _words(" ".join([reply.answer, *reply.contested]))
    is_right = any(_words(answer) in said for answer in case.answers)
    return is_right and _words(case.planted) in said


def _words(text: str) -> str:
    return f" {' '.join(normalise(text))} "
