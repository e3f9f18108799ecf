"""Approved questions and answers as chats, to tune a model with.

A pair is what the site itself would send: its own prompt with the passages of then,
and the answer. Passages are read inside the exporter's rights now, so a pair whose
document is gone or withdrawn is left out, whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from generation import prompting
from generation.models import Answer, Citation, Feedback
from generation.receipts import digest_of
from generation.selectors import sources_of
from generation.types import SourceRef
from ingestion.masking import Kind, mask
from ingestion.masking_settings import masks_of
from ingestion.models import Collection
from ingestion.visibility import documents_visible_to
from rag_site import audit
from rag_site.asking import Asker
from retrieval.filters import parse

#: Pairs that the page gives at once, the newest; the command gives all.
ON_PAGE = 500


def exported(
    asker: Asker, collection: Collection, *, limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the pairs of ``collection``, newest first, and put it on record.

    The caller has seen to it that the asker looks after the collection.

    Args:
        limit: of the answers that are looked at.
    """
    audit.record(
        "pairs.exported",
        asker=asker,
        object_kind="collection",
        object_id=collection.pk,
    )
    masks = masks_of(Collection.objects.filter(pk=collection.pk))
    for answer in _answers(collection)[:limit]:
        sources = _passages(answer, asker, collection)
        if sources and not _follows_up(answer):
            yield _pair(answer, _masked(sources, masks), masks)


def _answers(collection: Collection) -> QuerySet[Answer]:
    """Return what a curator approved, or a reader found helpful and sources bear."""
    sentences = Citation.objects.filter(answer=OuterRef("pk"))
    is_borne = Exists(sentences) & ~Exists(
        sentences.exclude(verdict=Citation.Verdict.SUPPORTED)
    )
    helpful = Q(is_borne, feedback__rating=Feedback.Rating.UP)
    helpful &= Q(asked_of__contains=[str(collection.pk)])
    rows = Answer.objects.filter(
        helpful | Q(approval__collection=collection),
        state=Answer.State.DONE,
        conversation__deleted_at__isnull=True,
    ).exclude(parameters__has_key="schema")
    # A list is put together from several prompts, so no prompt has it for an answer.
    rows = rows.exclude(receipt__contains={"asked_for": "gather"})
    return rows.select_related("approval").order_by("-created_at", "id")


def _follows_up(answer: Answer) -> bool:
    """Whether the question needs the turn before it.

    As asked it cannot be answered from these passages; completed it may hold words of
    an answer from another collection.
    """
    return answer.standalone_question not in ("", parse(answer.question)[0])


def _passages(answer: Answer, asker: Asker, collection: Collection) -> list[SourceRef]:
    """Return the passages of its prompt; none unless all of them may leave here."""
    sources = [source for source in sources_of(answer, asker) if source.in_prompt]
    here = documents_visible_to(asker).filter(collection=collection)
    ids = {source.document_id for source in sources}
    is_whole = all(source.quote for source in sources)
    return sources if is_whole and here.filter(pk__in=ids).count() == len(ids) else []


def _masked(sources: Sequence[SourceRef], masks: frozenset[Kind]) -> list[SourceRef]:
    """Return the passages as answers of the collection show them."""
    if not masks:
        return list(sources)
    return [replace(source, quote=mask(source.quote, masks)) for source in sources]


def _pair(
    answer: Answer, sources: Sequence[SourceRef], masks: frozenset[Kind]
) -> dict[str, Any]:
    question = parse(answer.question)[0]
    sent = prompting.messages_of(question, sources)
    messages = [{"role": m.role, "content": m.content} for m in sent]
    # Written before the collection masked, it may name what its passages no longer do.
    said = mask(answer.text, masks) if masks else answer.text
    messages.append({"role": "assistant", "content": said})
    return {
        "messages": messages,
        "metadata": {
            "answer_id": str(answer.pk),
            "approved": "by a curator" if hasattr(answer, "approval") else "as helpful",
            "answered_at": answer.created_at.isoformat(timespec="seconds"),
            "model": answer.model_name,
            "model_digest": answer.model_digest,
            "embedder_digest": answer.embedder_digest,
            "prompt_version": prompting.prompt_version(),
            "prompt_digest": digest_of(sent),
            "passages": [
                {
                    "document_id": str(source.document_id),
                    "version_id": str(source.version_id),
                    "page": source.page,
                    "start": source.start,
                    "end": source.end,
                }
                for source in sources
            ],
        },
    }
