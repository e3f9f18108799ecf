"""Asks the golden answers of a collection, as its asker would in a chat of their own.

    work(is_over)           # in a worker: the run that waits longest
    run_to_end(run)         # in a shell: this one

The same ``answer()`` as everywhere, with the site's settings, model and rights; no
earlier question, nobody waiting at a screen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.conf import settings

from generation.config import generation_config, retrieval_config
from generation.curating import golden_runs
from generation.curating.golden_runs import Claim, RunReplaced
from generation.curating.models import AnswerRun, RunAnswer
from generation.database import in_thread
from generation.drafts import Asked, Means
from generation.gathering import Gathered, gather
from generation.guards.canaries import canary_of
from generation.llm import ModelInfo
from generation.parts import Parts, current
from generation.prompting import prompt_version
from generation.receipts import quantization_of
from ingestion.masking_settings import masks_of
from ingestion.models import Chunk, Collection
from ingestion.spaces import live_space
from ingestion.visibility import documents_visible_to, visible_to
from rag_site.asking import Asker
from rag_site.errors import NotFound, RagError
from retrieval.explaining import curated_collection
from retrieval.filters import parse
from retrieval.search import search
from retrieval.types import SearchResult

logger = logging.getLogger(__name__)

# Seconds between two renewals of the lease, and looks whether it was stopped.
PULSE_S = 2.0
# What grows by itself: another number of them is no other configuration.
_CORPUS = ("documents", "passages")


def work(is_over: Callable[[], bool] = lambda: False) -> None:
    """Go on with the run that waits longest, if there is one, until ``is_over``."""
    claim = golden_runs.claim_next()
    if claim is not None:
        _work_on(claim, current(), is_over)


def run_to_end(
    run: AnswerRun, progress: Callable[[int, int], None] | None = None
) -> AnswerRun:
    """Answer every question of ``run`` now. ``progress`` gets those done, and all.

    Raises:
        RunUnderWay: a worker was quicker.
        RagError: of the model or the embedder, which a worker would try again.
    """
    claim = golden_runs.claim(run)
    if claim is None:
        raise golden_runs.RunUnderWay
    try:
        _work_through(claim, current(), lambda: False, progress)
    except RagError as exc:
        golden_runs.give_up(claim, exc.message)
        raise
    run.refresh_from_db()
    return run


def _work_on(claim: Claim, parts: Parts, is_over: Callable[[], bool]) -> None:
    try:
        _work_through(claim, parts, is_over)
    except RagError as exc:
        logger.warning("run %s was interrupted by %s", claim.run.pk, exc.code)
        golden_runs.give_back(claim, exc.message)


def _work_through(
    claim: Claim,
    parts: Parts,
    is_over: Callable[[], bool],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    try:
        if _is_begun(claim, parts):
            _ask_rest(claim, parts, is_over, progress)
    except RunReplaced:
        logger.warning("run %s was taken over or ended", claim.run.pk)
    except NotFound:
        told = "Whoever began it may not look after this collection any more."
        golden_runs.give_up(claim, told)


def _is_begun(claim: Claim, parts: Parts) -> bool:
    """Note the configuration; False, and the run ended, if it began under another."""
    run = claim.run
    info = asyncio.run(parts.model.info())
    config = configuration(run.collection, _asker(run), info)
    if not run.config:
        golden_runs.keep_config(claim, config)
        return True
    changed = [name for name in changed_in(run.config, config) if name not in _CORPUS]
    if changed:
        told = f"The site's configuration changed meanwhile: {', '.join(changed)}."
        golden_runs.give_up(claim, told)
    return not changed


def _ask_rest(
    claim: Claim,
    parts: Parts,
    is_over: Callable[[], bool],
    progress: Callable[[int, int], None] | None,
) -> None:
    rows = claim.run.answers.all()
    total = len(rows)
    for row in rows.filter(answered_at=None):
        if is_over():
            golden_runs.give_back(claim)
            return
        if golden_runs.pulse(claim):
            break
        if not _answer(claim, row, parts):
            break
        if progress:
            progress(row.ordinal, total)
    golden_runs.finish(claim)


def _answer(claim: Claim, row: RunAnswer, parts: Parts) -> bool:
    """Ask one question and keep what came; False if it was stopped in the middle.

    Raises:
        NotFound: the run's asker lost the collection.
        RagError: something that may pass.
        RunReplaced
    """
    # Rights may change between two questions.
    curated_collection(_asker(claim.run), claim.run.collection_id)
    try:
        made = asyncio.run(_gathered(claim, row, parts))
    except RagError as exc:
        if exc.retryable:
            raise
        golden_runs.failed(claim, row, exc.code)
        return True
    if made is None:
        return False
    golden_runs.answered(claim, row, made)
    return True


async def _gathered(claim: Claim, row: RunAnswer, parts: Parts) -> Gathered | None:
    asked, means = await in_thread(_prepare, claim.run, row, parts)
    watching = asyncio.create_task(_watch(claim, means.stop))
    try:
        made = await gather(asked, means)
    finally:
        watching.cancel()
    return None if means.stop.is_set() else made


async def _watch(claim: Claim, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(PULSE_S)
        if await in_thread(golden_runs.pulse, claim):
            stop.set()


def _prepare(run: AnswerRun, row: RunAnswer, parts: Parts) -> tuple[Asked, Means]:
    question, filters = parse(row.question)
    visible = visible_to(_asker(run), frozenset({run.collection_id}))

    async def find(text: str) -> SearchResult:
        return await in_thread(
            search,
            text,
            visible,
            retrieval_config(),
            filters=(filters,),
            embedder=parts.embedder,
        )

    asked = Asked(
        question=question,
        user=f"run-{run.pk}",
        collections=1,
        is_urgent=False,
        adapter=run.collection.adapter,
        # The same in every run: what is compared differs in nothing else.
        canary=canary_of(
            f"golden-{run.collection_id}-{row.question}", settings.SECRET_KEY
        ),
    )
    masks = masks_of(Collection.objects.filter(pk=run.collection_id))
    means = Means(model=parts.model, find=find, config=generation_config(), masks=masks)
    return asked, means


def _asker(run: AnswerRun) -> Asker:
    """Return whose rights apply; nobody's once that person is deleted."""
    return Asker(user_id=run.run_by_id or 0)


def configuration(
    collection: Collection, asker: Asker, info: ModelInfo
) -> dict[str, Any]:
    """Return all that an answer over ``collection`` depends on, by name, for people."""
    space = live_space()
    documents = documents_visible_to(asker).filter(collection=collection)
    return {
        "model": info.name,
        "model digest": info.digest,
        "quantization": quantization_of(info.name),
        "adapter": collection.adapter,
        "masking": collection.masking,
        "prompt": prompt_version(),
        "embedder": space.model_name if space else "",
        "embedder digest": space.model_digest if space else "",
        **{f"answer: {k}": v for k, v in asdict(generation_config()).items()},
        **{f"search: {k}": v for k, v in asdict(retrieval_config()).items()},
        "reranker": settings.RERANKER,
        "entailment": settings.ENTAILMENT,
        "documents": documents.filter(current_version__isnull=False).count(),
        "passages": Chunk.objects.filter(
            version__in=documents.values("current_version")
        ).count(),
    }


def changed_in(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Return the names of what differs between two configurations."""
    names = dict.fromkeys((*first, *second))
    return [name for name in names if first.get(name) != second.get(name)]
