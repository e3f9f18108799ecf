"""What right answers to golden questions say: saved by curators, one a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from ingestion.models import Collection
from rag_site.errors import NotFound, ValidationFailed
from retrieval.filters import parse
from retrieval.models import GoldenAnswer

#: Of one collection: each is answered in full, which takes seconds.
MAX_ANSWERS = 500
#: Accepted wordings of one question, and characters of one.
MAX_WORDINGS, MAX_WORDING_CHARS = 20, 4_000


class TooManyGoldenAnswers(ValidationFailed):
    """This collection has as many golden answers as it may. Remove some first."""

    code = "too_many_golden_answers"


def storable(text: str) -> str:
    """Return the text without what Postgres refuses: NUL, and halves of characters."""
    return text.replace("\x00", "").encode(errors="replace").decode()


def cleaned_question(question: str) -> str:
    """Return the words as they are kept.

    Raises:
        ValidationFailed: none, or more than can be asked.
        FilterInvalid
    """
    question = " ".join(storable(question).split())
    limit = settings.MAX_QUESTION_CHARS
    if len(question) > limit:
        raise ValidationFailed(
            f"The question has {len(question):,} characters; the limit is {limit:,}."
        )
    if not parse(question)[0]:
        raise ValidationFailed("Type a question first.")
    return question


def save(
    collection: Collection, *, question: str, accepted: Sequence[str], added_by: int
) -> bool:
    """Keep what is right for ``question``, in place of what was; False if it was that.

    Args:
        accepted: wordings, each of which is right; none if the documents do not
            hold the answer.

    Raises:
        TooManyGoldenAnswers, ValidationFailed, FilterInvalid
    """
    question, wordings = cleaned_question(question), _cleaned(accepted)
    with transaction.atomic():
        # Locked, so that two curators at once do not pass the limit together.
        Collection.objects.select_for_update().get(pk=collection.pk)
        rows = GoldenAnswer.objects.filter(collection=collection)
        known = rows.filter(question=question).first()
        if known is not None and known.accepted == wordings:
            return False
        if known is None and rows.count() >= MAX_ANSWERS:
            raise TooManyGoldenAnswers(
                f"This collection has {MAX_ANSWERS:,} golden answers, which is the "
                "limit. Remove some first."
            )
        GoldenAnswer.objects.update_or_create(
            collection=collection,
            question=question,
            defaults={"accepted": wordings, "added_by_id": added_by},
        )
    return True


def remove(collection: Collection, pk: UUID) -> None:
    """Raises NotFound."""
    deleted, _ = GoldenAnswer.objects.filter(collection=collection, pk=pk).delete()
    if not deleted:
        raise NotFound


def exported(collection: Collection) -> list[dict[str, Any]]:
    """Return the golden answers as the lines of a JSONL file."""
    rows = GoldenAnswer.objects.filter(collection=collection)
    return [{"question": row.question, "answers": row.accepted} for row in rows]


def answers_of(line: Mapping[str, Any], number: int) -> list[str]:
    """Return the accepted wordings of a line. Raises ValidationFailed."""
    found = line["answers"]
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValidationFailed(f"Line {number} has answers that are no list of texts.")
    if found and not any(storable(text).strip() for text in found):
        raise ValidationFailed(
            f"Line {number} has empty answers. An empty list says that the documents "
            "do not hold the answer."
        )
    return found


def _cleaned(accepted: Sequence[str]) -> list[str]:
    words = (" ".join(storable(text).split()) for text in accepted)
    found = list(dict.fromkeys(text for text in words if text))
    if len(found) > MAX_WORDINGS:
        raise ValidationFailed(f"Give at most {MAX_WORDINGS} wordings.")
    if any(len(text) > MAX_WORDING_CHARS for text in found):
        raise ValidationFailed(
            f"A wording has at most {MAX_WORDING_CHARS:,} characters."
        )
    return found
