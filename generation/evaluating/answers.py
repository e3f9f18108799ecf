"""How good answers are on judged questions, over the whole corpus of the set."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from generation import config
from generation.answering import Asked, Means
from generation.database import in_thread
from generation.evaluating.invariants import held_of
from generation.evaluating.kept_rows import KeptRows
from generation.evaluating.scoring import Outcome, summarise
from generation.everything.library import Library
from generation.gathering import gather
from generation.llm import LanguageModel
from generation.serving import model_server
from ingestion.embedding import Embedder
from ingestion.selectors import quote
from ingestion.visibility import Visible
from retrieval.corpora import CorpusInvalid, read_corpus, read_lines
from retrieval.loading import Progress, Reader, load_texts
from retrieval.search import search
from retrieval.types import SearchResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A judged question; ``answers`` is empty where the documents hold none."""

    text: str
    answers: tuple[str, ...]
    contexts: frozenset[str]


def run(
    directory: Path,
    *,
    limit: int | None = None,
    model: str | None = None,
    rows: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Load the set in ``directory`` into the current database and ask it.

    Args:
        limit: only the first so many questions, of the whole corpus.
        model: a name of the catalogue; the settings' one if left out.
        rows: a file of JSON lines, one a question as it is answered. Questions
            that it holds already are not asked again, so a run can go on.
        progress: called with questions done and in all.

    Returns:
        What ``manage.py evaluate answers --json`` prints.

    Raises:
        CorpusInvalid, WeightsMissing, ModelUnavailable
    """
    questions = list(islice(read_questions(directory), limit))
    if not questions:
        raise CorpusInvalid(f"{directory}/qa.jsonl holds no question.")
    reader = Reader.from_settings()
    visible = load_texts(read_corpus(directory), reader)
    with model_server(model) as served:
        means = means_of(visible, served, reader.embedder)
        outcomes = asyncio.run(ask_all(questions, means, Kept(rows), progress))
    in_force = config.generation_config().refusal_threshold
    figures = summarise(outcomes, in_force=in_force)
    return {"dataset": directory.resolve().name, **figures}


def read_questions(directory: Path) -> Iterator[Question]:
    """Yield the questions of ``qa.jsonl``. Raises CorpusInvalid."""
    for row in read_lines(directory / "qa.jsonl"):
        is_answerable = row.get("answerable", True)
        yield Question(
            text=row["question"],
            answers=tuple(row["answers"]) if is_answerable else (),
            contexts=frozenset(row.get("context_ids", ())),
        )


def means_of(visible: Visible, model: LanguageModel, embedder: Embedder) -> Means:
    async def find(question: str) -> SearchResult:
        retrieval = config.retrieval_config()
        return await in_thread(search, question, visible, retrieval, embedder=embedder)

    return Means(
        model=model,
        find=find,
        config=config.generation_config(),
        library=Library(visible=visible, embedder=embedder),
    )


class Kept:
    """Outcomes in a file, so that a run of hours can be taken up again."""

    def __init__(self, path: Path | None) -> None:
        self._rows = KeptRows(path, key="question")

    def get(self, question: Question) -> Outcome | None:
        row = self._rows.get(question.text)
        if row is None:
            return None
        sets = {name: frozenset(row[name]) for name in ("contexts", "cited")}
        lists = {name: tuple(row[name]) for name in ("gold", "verdicts")}
        return Outcome(**{**row, **sets, **lists})

    def add(self, question: Question, outcome: Outcome) -> None:
        self._rows.add(question.text, asdict(outcome))


async def ask_all(
    questions: list[Question], means: Means, kept: Kept, progress: Progress | None
) -> list[Outcome]:
    """Ask one question after the other: the seconds are those of a lone asker."""
    outcomes = []
    for done, question in enumerate(questions, 1):
        outcome = kept.get(question)
        if outcome is None:
            outcome = await ask_one(question, means)
            kept.add(question, outcome)
        outcomes.append(outcome)
        if progress:
            progress(done, len(questions))
    return outcomes


async def ask_one(question: Question, means: Means) -> Outcome:
    asked = Asked(question=question.text, user="evaluation")
    made = await gather(asked, means)
    return Outcome(
        gold=question.answers,
        answer=made.end.text,
        is_refused=made.end.refused,
        contexts=question.contexts,
        cited=frozenset(source.document for source in made.cited),
        verdicts=tuple(c.verdict for c in made.citations),
        seconds=made.seconds,
        prompt_tokens=made.end.timings.get("prompt_tokens", 0.0),
        answer_tokens=made.end.timings.get("answer_tokens", 0.0),
        confidence=made.confidence,
        held=await in_thread(held_of, asked, made.events, quote),
    )
