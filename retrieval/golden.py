"""Golden questions: saved by curators, asked again after every change."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from ingestion.embedding import Embedder
from ingestion.models import Chunk, Collection, Document
from ingestion.spaces import live_space
from ingestion.visibility import Visible, documents_visible_to
from rag_site.asking import Asker
from rag_site.errors import Conflict, NotFound, ValidationFailed
from retrieval import golden_answers
from retrieval.copies import containment, runs_of
from retrieval.filters import parse
from retrieval.models import GoldenQuestion, GoldenRun
from retrieval.search import search
from retrieval.types import Hit, RetrievalConfig

#: Golden questions of one collection, and hits that are looked through for each.
MAX_QUESTIONS, DEPTH = 1_000, 20
#: Runs of a collection that are kept, the newest ones.
KEPT = 30
# A passage that is cut otherwise still holds half of the words.
_SAME_PASSAGE = 0.5
_MAX_PASSAGE_CHARS = 20_000


class TooManyGolden(ValidationFailed):
    """This collection has as many golden questions as it may. Remove some first."""

    code = "too_many_golden"


class GoldenKnown(Conflict):
    """This passage is saved for this question already."""

    code = "golden_known"


class NoGolden(Conflict):
    """This collection has no golden questions yet. Save one first."""

    code = "no_golden"


class GoldenTooSlow(Conflict):
    """There are too many golden questions to run them on the page. Use the command."""

    code = "golden_too_slow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a run found.

    Attributes:
        recall_at_5, mrr: means over the questions, 0 to 1; recall is the share
            of a question's right passages among the first five hits.
        places: rank of the first right hit by golden question, None beyond DEPTH.
    """

    questions: int
    recall_at_5: float
    mrr: float
    seconds: float
    places: Mapping[UUID, int | None]


def save(
    asker: Asker, collection: Collection, *, question: str, chunk_id: int
) -> GoldenQuestion:
    """Keep the words of a chunk as a right passage of ``question``.

    Raises:
        NotFound: no chunk of this collection that the asker may read.
        GoldenKnown, TooManyGolden, ValidationFailed, FilterInvalid
    """
    chunk = (
        Chunk.objects.filter(
            pk=chunk_id, version__document__in=_documents(asker, collection)
        )
        .select_related("version")
        .first()
    )
    if chunk is None:
        raise NotFound
    return _add(
        collection,
        question=question,
        document_id=chunk.version.document_id,
        passage=chunk.text,
        page=chunk.page_first,
        added_by=asker.user_id,
    )


def is_right(golden: GoldenQuestion, hit: Hit) -> bool:
    """Whether ``hit`` holds the passage, however the document is cut by now."""
    return hit.document_id == golden.document_id and holds(golden.passage, hit.text)


def holds(passage: str, text: str) -> bool:
    """Whether ``text`` is where ``passage`` stands, cut the same way or not."""
    return containment(runs_of(passage), runs_of(text)) >= _SAME_PASSAGE


def evaluate(
    questions: Iterable[GoldenQuestion],
    visible: Visible,
    config: RetrievalConfig,
    *,
    embedder: Embedder | None = None,
    is_late: Callable[[], bool] = lambda: False,
) -> Score:
    """Search every question within ``visible``; DEPTH hits count.

    Raises:
        NoGolden: there is nothing to ask.
        GoldenTooSlow: ``is_late`` said so between two questions.
        EmbedderUnavailable, EmbedderChanged
    """
    begun = time.perf_counter()
    by_question: dict[str, list[GoldenQuestion]] = defaultdict(list)
    for golden in questions:
        by_question[golden.question].append(golden)
    if not by_question:
        raise NoGolden
    places: dict[UUID, int | None] = {}
    recalls, reciprocal = [], []
    for question, rows in by_question.items():
        if is_late():
            raise GoldenTooSlow
        plain, filters = parse(question)
        hits = search(
            plain, visible, config, filters=(filters,), embedder=embedder
        ).hits
        found = {row.pk: _place(row, hits) for row in rows}
        places |= found
        ranks = [place for place in found.values() if place is not None]
        recalls.append(sum(place <= 5 for place in ranks) / len(rows))
        reciprocal.append(1 / min(ranks) if ranks else 0.0)
    return Score(
        questions=len(by_question),
        recall_at_5=fmean(recalls),
        mrr=fmean(reciprocal),
        seconds=time.perf_counter() - begun,
        places=places,
    )


def run(
    asker: Asker,
    collection: Collection,
    config: RetrievalConfig,
    *,
    label: Mapping[str, Any] | None = None,
    is_late: Callable[[], bool] = lambda: False,
) -> GoldenRun:
    """Evaluate the set of ``collection`` as its asker sees it, and keep the result.

    Args:
        label: what to keep of the configuration, for people.

    Raises:
        As ``evaluate``.
    """
    visible = Visible(
        user_id=asker.user_id, collections=asker.narrowed(frozenset({collection.pk}))
    )
    rows = GoldenQuestion.objects.filter(collection=collection)
    score = evaluate(rows, visible, config, is_late=is_late)
    space = live_space()
    made = GoldenRun.objects.create(
        collection=collection,
        config=dict(label or {}),
        embedder=space.model_name if space else "",
        embedder_digest=space.model_digest if space else "",
        questions=score.questions,
        recall_at_5=score.recall_at_5,
        mrr=score.mrr,
        seconds=score.seconds,
        places={str(pk): place for pk, place in score.places.items()},
        run_by_id=asker.user_id,
    )
    runs = GoldenRun.objects.filter(collection=collection)
    runs.filter(pk__in=[old.pk for old in runs[KEPT:]]).delete()
    return made


def last_runs(collection: Collection, count: int = 2) -> Sequence[GoldenRun]:
    """Return the latest runs, newest first."""
    return list(GoldenRun.objects.filter(collection=collection)[:count])


def exported(collection: Collection) -> list[dict[str, Any]]:
    """Return the set as the lines of a JSONL file: right passages, then right answers."""
    rows = GoldenQuestion.objects.filter(collection=collection).select_related(
        "document"
    )
    return [
        {
            "question": row.question,
            "document": row.document.path,
            "page": row.page,
            "passage": row.passage,
        }
        for row in rows
    ] + golden_answers.exported(collection)


def imported(
    asker: Asker, collection: Collection, lines: Iterable[Mapping[str, Any]]
) -> tuple[int, int]:
    """Add the lines of a JSONL file; return how many were new, and known before.

    A line says which passage is right (``document``, ``passage``, ``page``), what a
    right answer says (``answers``, empty if the documents hold none), or both. All
    or nothing.

    Raises:
        ValidationFailed: a line lacks something, or names a document that is not
            in the collection.
    """
    by_path = {row.path: row.pk for row in _documents(asker, collection)}
    found: list[bool] = []
    with transaction.atomic():
        for number, line in enumerate(lines, 1):
            has_answers = isinstance(line, dict) and "answers" in line
            if has_answers:
                found.append(_import_answers(asker, collection, line, number))
            if not has_answers or "passage" in line:
                found.append(_import_passage(asker, collection, line, number, by_path))
    return sum(found), len(found) - sum(found)


def _import_answers(
    asker: Asker, collection: Collection, line: Mapping[str, Any], number: int
) -> bool:
    return golden_answers.save(
        collection,
        question=_text(line, "question", number),
        accepted=golden_answers.answers_of(line, number),
        added_by=asker.user_id,
    )


def _import_passage(
    asker: Asker,
    collection: Collection,
    line: Mapping[str, Any],
    number: int,
    by_path: Mapping[str, UUID],
) -> bool:
    try:
        with transaction.atomic():
            _add(
                collection,
                question=_text(line, "question", number),
                document_id=_document(by_path, line, number),
                passage=_text(line, "passage", number),
                page=_page(line, number),
                added_by=asker.user_id,
            )
    except GoldenKnown:
        return False
    return True


def remove(collection: Collection, pk: UUID) -> None:
    """Raises NotFound."""
    deleted, _ = GoldenQuestion.objects.filter(collection=collection, pk=pk).delete()
    if not deleted:
        raise NotFound


def _add(
    collection: Collection, *, question: str, passage: str, **fields: Any
) -> GoldenQuestion:
    question = golden_answers.cleaned_question(question)
    added_by, document_id = fields.pop("added_by"), fields.pop("document_id")
    try:
        with transaction.atomic():
            made = GoldenQuestion.objects.create(
                collection=collection,
                question=question,
                document_id=document_id,
                passage=golden_answers.storable(passage)[:_MAX_PASSAGE_CHARS],
                added_by_id=added_by,
                **fields,
            )
            _check_room(collection)
    except IntegrityError as exc:
        raise GoldenKnown from exc
    return made


def _check_room(collection: Collection) -> None:
    """Raise TooManyGolden after one too many; one that was known is none."""
    if GoldenQuestion.objects.filter(collection=collection).count() > MAX_QUESTIONS:
        raise TooManyGolden(
            f"This collection has {MAX_QUESTIONS:,} golden questions, which is the "
            "limit. Remove some first."
        )


def _place(golden: GoldenQuestion, hits: Sequence[Hit]) -> int | None:
    ranks = (n for n, hit in enumerate(hits, 1) if is_right(golden, hit))
    return next(ranks, None)


def _documents(asker: Asker, collection: Collection) -> QuerySet[Document]:
    return documents_visible_to(asker).filter(collection=collection)


def _text(line: Mapping[str, Any], name: str, number: int) -> str:
    value = line.get(name) if isinstance(line, dict) else None
    if not isinstance(value, str) or not golden_answers.storable(value).strip():
        raise ValidationFailed(f"Line {number} has no {name}.")
    return value


def _document(
    by_path: Mapping[str, UUID], line: Mapping[str, Any], number: int
) -> UUID:
    path = _text(line, "document", number)
    if path not in by_path:
        raise ValidationFailed(
            f"Line {number} names the document {path!r}, which this collection does "
            "not have."
        )
    return by_path[path]


def _page(line: Mapping[str, Any], number: int) -> int:
    page = line.get("page", 1)
    if not isinstance(page, int) or not 1 <= page <= 1_000_000:
        raise ValidationFailed(f"Line {number} has a page that is no number.")
    return page
