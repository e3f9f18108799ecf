"""Questions that a collection did not answer well, for those who look after it.

Whose curators learn of a question is decided when it is asked: those of the
collections it was asked of (``Answer.asked_of``). They see the question, what came of
it, and the thumb with its reason and comment; who asked is for staff only. A question
goes from here with the chat that it stands in.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q

from generation.curating.grouping import key_of
from generation.curating.models import InboxMark
from generation.forms import FeedbackForm
from generation.models import Answer, Feedback
from ingestion.models import Collection
from rag_site import audit
from rag_site.asking import Asker
from rag_site.errors import NotFound
from retrieval.filters import parse

#: Questions that are looked at, the newest ones.
MAX_QUESTIONS = 2_000
_REASONS = dict(FeedbackForm.REASONS)
_COLUMNS = (
    *("id", "question", "standalone_question", "is_refused", "outcome", "missing"),
    *("created_at", "finished_at"),
    *("conversation__user", "conversation__user__username"),
    *("feedback__rating", "feedback__reason", "feedback__comment"),
    "feedback__created_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Questions that ask the same.

    Attributes:
        question: as it was asked last.
        refused, partly, disliked: how many of them; one may be two of these.
        missing: names and numbers of the questions, as asked, that no passage held.
        reasons: of thumbs down, the commonest first, with how often.
        own_answer: the newest one that the asker gave to themselves, if any.
        askers: names, for staff; empty for others.
    """

    key: str
    question: str
    count: int
    refused: int
    partly: int
    disliked: int
    missing: tuple[str, ...]
    reasons: tuple[tuple[str, int], ...]
    comments: tuple[str, ...]
    last_at: dt.datetime
    is_done: bool
    own_answer: UUID | None
    askers: tuple[str, ...]


def groups_of(
    asker: Asker, collection: Collection, *, is_frequent_first: bool = False
) -> list[Group]:
    """Return the questions of ``collection`` that want somebody, grouped, newest first.

    The caller has seen to it that the asker looks after the collection.
    """
    by_key: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(collection):
        by_key[_key(row)].append(row)
    marks = InboxMark.objects.filter(collection=collection)
    done = dict(marks.values_list("key", "done_at"))
    is_staff = _is_staff(asker)
    found = [
        _group(key, rows, done.get(key), asker, is_staff=is_staff)
        for key, rows in by_key.items()
    ]
    found.sort(key=lambda group: group.last_at, reverse=True)
    if is_frequent_first:
        found.sort(key=lambda group: group.count, reverse=True)
    return found


def mark_done(
    asker: Asker, collection: Collection, key: str, seen_at: dt.datetime | None = None
) -> None:
    """Put the questions of ``key`` away until one is asked again.

    Args:
        seen_at: ``last_at`` of what the curator saw; what came after it stays open.

    Raises:
        NotFound: there was no such question by then.
    """
    times = _times(_rows_of(collection, key))
    seen = [at for at in times if seen_at is None or at <= seen_at]
    if not seen:
        raise NotFound
    InboxMark.objects.update_or_create(
        collection=collection,
        key=key,
        defaults={"done_at": max(seen), "done_by_id": asker.user_id},
    )
    _record("inbox.done", asker, collection)


def reopen(asker: Asker, collection: Collection, key: str) -> None:
    """Raises NotFound."""
    if not _rows_of(collection, key):
        raise NotFound
    InboxMark.objects.filter(collection=collection, key=key).delete()
    _record("inbox.reopened", asker, collection)


def _record(action: str, asker: Asker, collection: Collection) -> None:
    audit.record(action, asker=asker, object_kind="collection", object_id=collection.pk)


def _rows_of(collection: Collection, key: str) -> list[dict[str, Any]]:
    return [row for row in _rows(collection) if _key(row) == key]


def _rows(collection: Collection) -> list[dict[str, Any]]:
    """Return the answers in want of somebody, newest first.

    A thumb down counts also where the answer was stopped or failed: its reader was
    told that it would be seen.
    """
    unanswered = Q(is_refused=True) | Q(outcome=Answer.Outcome.PARTLY)
    rows = Answer.objects.filter(
        Q(unanswered, state=Answer.State.DONE)
        | Q(feedback__rating=Feedback.Rating.DOWN),
        asked_of__contains=[str(collection.pk)],
        conversation__deleted_at__isnull=True,
    )
    return list(rows.order_by("-created_at", "id").values(*_COLUMNS)[:MAX_QUESTIONS])


def _key(row: dict[str, Any]) -> str:
    """Return what questions that ask the same share: a digest of what was searched."""
    return key_of(row["standalone_question"] or _words(row))


def _words(row: dict[str, Any]) -> str:
    """Return the question as it was asked, without filters.

    Standing alone it may hold words of the answer before it, which may rest on a
    collection that its curators may not read.
    """
    return parse(row["question"])[0]


def _group(
    key: str,
    rows: Sequence[dict[str, Any]],
    done_at: dt.datetime | None,
    asker: Asker,
    *,
    is_staff: bool,
) -> Group:
    down = [row for row in rows if row["feedback__rating"] == Feedback.Rating.DOWN]
    last_at = max(_times(rows))
    reasons = Counter(
        row["feedback__reason"] for row in down if row["feedback__reason"]
    )
    comments = [row["feedback__comment"] for row in down if row["feedback__comment"]]
    own = [row["id"] for row in rows if row["conversation__user"] == asker.user_id]
    names = sorted({row["conversation__user__username"] for row in rows})
    return Group(
        key=key,
        question=_words(rows[0]),
        count=len(rows),
        refused=sum(row["is_refused"] for row in rows),
        partly=sum(row["outcome"] == Answer.Outcome.PARTLY for row in rows),
        disliked=len(down),
        missing=tuple(dict.fromkeys(part for row in rows for part in _missing(row))),
        reasons=tuple((_REASONS.get(r, r), n) for r, n in reasons.most_common()),
        comments=tuple(comments),
        last_at=last_at,
        is_done=done_at is not None and last_at <= done_at,
        own_answer=own[0] if own else None,
        askers=tuple(names) if is_staff else (),
    )


def _missing(row: dict[str, Any]) -> list[str]:
    """Return what no passage held of the words that were asked.

    Those that completed the question are of the answer before it (``_words``).
    """
    words = _words(row)
    return [part for part in row["missing"] if part in words]


def _times(rows: Sequence[dict[str, Any]]) -> list[dt.datetime]:
    """Return when the answers came, which is when curators see them, and thumbs down."""
    came = [row["finished_at"] or row["created_at"] for row in rows]
    down = [row for row in rows if row["feedback__rating"] == Feedback.Rating.DOWN]
    return came + [row["feedback__created_at"] for row in down]


def _is_staff(asker: Asker) -> bool:
    people = get_user_model()._default_manager.filter(pk=asker.user_id, is_staff=True)
    return people.exists()
