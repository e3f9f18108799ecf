"""What pages, the API and the shell read about answers, inside the reader's rights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from generation import courtesies
from generation.grounding.sentences import without_marks
from generation.models import Answer, Conversation, Evidence, Source
from generation.standalone import Turn
from generation.types import Borne, CitationFound, Conflict, SourceRef, Statement
from ingestion.models import Chunk, Collection, Document, DocumentVersion, Page
from ingestion.selectors import quote
from ingestion.visibility import documents_visible_to, reading_as
from rag_site.asking import Asker
from rag_site.errors import NotFound

# Stands for a document that is gone or that the reader may no longer see.
NOWHERE = UUID(int=0)
WITHDRAWN = "No longer available"


def conversations_of(asker: Asker, query: str = "") -> QuerySet[Conversation]:
    """Return the asker's conversations, latest first; ``query`` narrows by words."""
    rows = Conversation.objects.filter(user_id=asker.user_id, deleted_at__isnull=True)
    for word in query.split():
        rows = rows.filter(
            Q(title__icontains=word)
            | Q(
                pk__in=Answer.objects.filter(question__icontains=word).values(
                    "conversation"
                )
            )
        )
    return rows


def get_conversation_for(asker: Asker, pk: UUID) -> Conversation:
    """Raises NotFound: a stranger learns nothing."""
    row = conversations_of(asker).filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row


def get_answer_for(asker: Asker, pk: UUID) -> Answer:
    """Return an answer of the asker's own, within the limit of their key.

    Raises:
        NotFound: a stranger learns nothing.
    """
    rows = Answer.objects.select_related("conversation").filter(
        pk=pk,
        conversation__user_id=asker.user_id,
        conversation__user__is_active=True,
        conversation__deleted_at__isnull=True,
    )
    answer = rows.first()
    if answer is None or not _is_within_key(answer, asker):
        raise NotFound
    return answer


def _is_within_key(answer: Answer, asker: Asker) -> bool:
    """A limited key sees answers over its own collections only."""
    if asker.key_collections is None:
        return True
    asked = {UUID(name) for name in answer.collections}
    return bool(asked) and asked <= asker.key_collections


def previous_turn(answer: Answer) -> Turn | None:
    """Return the finished turn before ``answer``, without thanks and greetings."""
    before = (
        Answer.objects.filter(
            conversation_id=answer.conversation_id,
            created_at__lt=answer.created_at,
            state__in=(Answer.State.DONE, Answer.State.STOPPED),
        )
        .exclude(receipt__contains={"way": courtesies.WAY})
        .order_by("-created_at")
        .first()
    )
    if before is None:
        return None
    return Turn(
        question=before.standalone_question or before.question,
        answer=before.text,
        is_refused=before.is_refused,
    )


def sources_of(answer: Answer, asker: Asker) -> list[SourceRef]:
    """Return the numbered sources; one that may not be read has no quote and no name."""
    rows = list(answer.sources.select_related("version__document"))
    readable = set(
        documents_visible_to(asker)
        .filter(pk__in=[row.version.document_id for row in rows if row.version])
        .values_list("pk", flat=True)
    )
    # Under the floor: what the words above forgot to leave out has no words here.
    with reading_as(asker.user_id):
        readable &= set(
            Document.objects.filter(pk__in=readable).values_list("pk", flat=True)
        )
        headings = _headings([row for row in rows if row.version])
        return [
            _source(row, row.version, headings)
            if row.version and row.version.document_id in readable
            else _withdrawn(row)
            for row in rows
        ]


def _headings(rows: Sequence[Source]) -> dict[tuple[UUID | None, int], str]:
    """Return the heading path of each source's chunk, by version and first character."""
    wanted = Q(pk__in=[])
    for row in rows:
        wanted |= Q(version_id=row.version_id, start=row.start)
    found = Chunk.objects.filter(wanted).values_list("version_id", "start", "heading")
    return {(version, start): heading for version, start, heading in found}


def _source(
    row: Source,
    version: DocumentVersion,
    headings: dict[tuple[UUID | None, int], str],
) -> SourceRef:
    return SourceRef(
        n=row.n,
        document_id=version.document_id,
        version_id=version.pk,
        document=version.document.name,
        heading=headings.get((version.pk, row.start), ""),
        page=row.page,
        start=row.start,
        end=row.end,
        quote=quote(version.pk, row.start, row.end),
        score=row.score,
        dense_rank=row.dense_rank,
        lexical_rank=row.lexical_rank,
        in_prompt=row.in_prompt,
    )


def _withdrawn(row: Source) -> SourceRef:
    return SourceRef(
        n=row.n,
        document_id=NOWHERE,
        version_id=NOWHERE,
        document=WITHDRAWN,
        heading="",
        page=row.page,
        start=row.start,
        end=row.end,
        quote="",
        score=row.score,
        in_prompt=row.in_prompt,
    )


def form_of(answer: Answer) -> Any:
    """Return the JSON of an answer by a schema; None for prose and refusals."""
    if "schema" not in answer.parameters or answer.is_refused:
        return None
    return json.loads(answer.text) if answer.state == Answer.State.DONE else None


def citations_of(answer: Answer, sources: Sequence[SourceRef]) -> list[CitationFound]:
    """Return the judged sentences with the words that bear them.

    Args:
        sources: those that the reader may see; the words of others are left out.
    """
    shown = {source.n: source for source in sources}
    rows = answer.citations.prefetch_related("evidence__source")
    return [
        CitationFound(
            start=row.start,
            end=row.end,
            sentence=without_marks(answer.text[row.start : row.end]),
            sources=tuple(row.sources),
            verdict=row.verdict,  # type: ignore[arg-type]  # a choice of the column
            evidence=tuple(_borne(words, shown) for words in row.evidence.all()),
        )
        for row in rows
    ]


def conflict_of(answer: Answer, sources: Sequence[SourceRef]) -> Conflict | None:
    """Return where the sources of an answer disagree, None if they do not.

    Args:
        sources: those that the reader may see; the words of others are left out.
    """
    if "conflict" not in answer.receipt:
        return None
    shown = {source.n: source for source in sources}
    rows = answer.receipt["conflict"]["statements"]
    return Conflict(statements=tuple(_statement(row, shown[row["n"]]) for row in rows))


def _statement(row: dict[str, int], source: SourceRef) -> Statement:
    start, end = row["start"], row["end"]
    if not source.quote:
        return Statement(n=source.n, start=start, end=end, quote="")
    at = start - source.start
    pages = Page.objects.filter(version=source.version_id, start__lte=start)
    version = DocumentVersion.objects.get(pk=source.version_id)
    return Statement(
        n=source.n,
        start=start,
        end=end,
        quote=source.quote[at : at + end - start],
        page=pages.order_by("start").values_list("number", flat=True).last(),
        added_on=timezone.localdate(version.created_at),
    )


def _borne(row: Evidence, shown: dict[int, SourceRef]) -> Borne:
    source = shown[row.source.n]
    at = row.start - source.start
    quote = source.quote[at : at + row.end - row.start] if source.quote else ""
    return Borne(n=source.n, start=row.start, end=row.end, page=row.page, quote=quote)


def may_still_read(answer_id: UUID, asker: Asker) -> bool:
    """Whether the asker's credential holds and all sources of the answer are theirs."""
    people = get_user_model().objects.filter(pk=asker.user_id, is_active=True)
    if asker.key_id is not None:
        people = people.filter(
            api_keys__pk=asker.key_id,
            api_keys__revoked_at=None,
            api_keys__expires_at__gt=Now(),
        )
    if not people.exists():
        return False
    rows = Source.objects.filter(answer=answer_id, version__isnull=False)
    readable = documents_visible_to(asker).values("pk")
    return not rows.exclude(version__document__in=readable).exists()


def common_adapter(collections: QuerySet[Collection]) -> str:
    """Return the adapter that all of ``collections`` name, or "" if they differ."""
    names = set(collections.order_by().values_list("adapter", flat=True))
    return names.pop() if len(names) == 1 else ""
