"""What people type, and what a question has to be before anything is searched for it."""

from __future__ import annotations

import re

from django.conf import settings

from rag_site.errors import ValidationFailed
from retrieval.filters import parse

# Control characters say nothing, and Postgres refuses the first of them.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class EmptyQuestion(ValidationFailed):
    """Type a question first."""

    code = "empty_question"


class QuestionTooLong(ValidationFailed):
    """The question is longer than the limit. Shorten it, or add the text as a document."""

    code = "question_too_long"


def without_controls(text: str) -> str:
    return _CONTROL.sub("", text)


def checked_question(question: str) -> str:
    """Return ``question`` as it is kept, the filters that were typed in it included.

    Raises:
        EmptyQuestion: there are no words beside the filters.
        QuestionTooLong
    """
    # Forms send two characters for a line break.
    question = without_controls(question.replace("\r\n", "\n")).strip()
    if not parse(question)[0].strip():
        raise EmptyQuestion("Type a question beside the filters." if question else None)
    limit = settings.MAX_QUESTION_CHARS
    if len(question) > limit:
        raise QuestionTooLong(
            f"The question has {len(question):,} characters; the limit is {limit:,}. "
            "Shorten it, or add the text as a document.",
            detail={"limit": limit, "length": len(question)},
        )
    return question
