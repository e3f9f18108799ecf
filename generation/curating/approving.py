"""From an answer in a chat to what its collection keeps: a golden answer, an approval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from generation.curating.models import Approval
from generation.grounding.sentences import without_marks
from generation.models import Answer
from generation.selectors import get_answer_for
from generation.services import filters_of
from ingestion.models import Collection
from rag_site import audit
from rag_site.asking import Asker
from rag_site.errors import Conflict, NotFound
from retrieval import golden_answers
from retrieval.explaining import collections_curated_by
from retrieval.filters import as_words, parse


class NotApprovable(Conflict):
    """Only a finished answer in words can be approved."""

    code = "not_approvable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a curator keeps of an answer.

    Attributes:
        accepted: wordings of a right answer; none: the documents do not hold it.
        is_right: the answer as it is written is right, and may be exported.
    """

    collection_id: UUID
    question: str
    accepted: Sequence[str]
    is_right: bool


def is_curated(answer: Answer, asker: Asker) -> bool:
    """Whether the asker looks after a collection that was asked."""
    return bool(answer.asked_of) and _curated(answer, asker)[:1].exists()


def collections_for(answer: Answer, asker: Asker) -> list[Collection]:
    """Return the asked collections that the asker looks after, the cited ones first.

    Raises:
        NotFound: there is none.
    """
    rows = list(_curated(answer, asker))
    if not rows:
        raise NotFound
    cited = answer.sources.filter(is_cited=True, version__isnull=False)
    homes = set(cited.values_list("version__document__collection", flat=True))
    return sorted(rows, key=lambda row: row.pk not in homes)


def approve(asker: Asker, answer_id: UUID, wanted: Wanted) -> Collection:
    """Keep the golden answer, and the approval if the answer is right as written.

    Raises:
        NotFound: not the asker's own answer, or a collection that was not asked or
            that they do not look after.
        NotApprovable, TooManyGoldenAnswers, ValidationFailed, FilterInvalid
    """
    answer = get_answer_for(asker, answer_id)
    if answer.state != Answer.State.DONE or "schema" in answer.parameters:
        raise NotApprovable
    found = [
        row for row in collections_for(answer, asker) if row.pk == wanted.collection_id
    ]
    if not found:
        raise NotFound
    with transaction.atomic():
        golden_answers.save(
            found[0],
            question=wanted.question,
            accepted=wanted.accepted,
            added_by=asker.user_id,
        )
        if wanted.is_right:
            Approval.objects.update_or_create(
                answer=answer,
                defaults={"collection": found[0], "approved_by_id": asker.user_id},
            )
        else:
            Approval.objects.filter(answer=answer, collection=found[0]).delete()
        audit.record(
            "answer.approved",
            asker=asker,
            object_kind="answer",
            object_id=answer.pk,
            detail={"collection": str(found[0].pk), "as_written": wanted.is_right},
        )
    return found[0]


def question_of(answer: Answer) -> str:
    """Return the question standing alone, with its filters as words.

    Without those that were typed or chosen beside it, another question would be kept.
    """
    plain, typed = parse(answer.question)
    filters = [as_words(typed), as_words(filters_of(answer))]
    return " ".join(filter(None, [answer.standalone_question or plain, *filters]))


def wording_of(answer: Answer) -> str:
    """Return the answer as a wording on one line, without marks; "" of a refusal."""
    return "" if answer.is_refused else " ".join(without_marks(answer.text).split())


def _curated(answer: Answer, asker: Asker) -> QuerySet[Collection]:
    return collections_curated_by(asker).filter(pk__in=answer.asked_of)
