"""What a collection's setting of masking means for its documents and answers."""

from __future__ import annotations

from dataclasses import replace

from django.db.models import QuerySet

from ingestion import checkpoints
from ingestion.accepting import queue_all_again
from ingestion.masking import USUAL, Kind, Masked, mask, masked
from ingestion.masking_models import Masking
from ingestion.models import Collection, Document, DocumentVersion, Role
from ingestion.storing import forget_text
from ingestion.types import Block, PageText
from ingestion.visibility import get_document_for
from rag_site.asking import Asker


def masks_of(collections: QuerySet[Collection]) -> frozenset[Kind]:
    """Return what answers over ``collections`` do not show: the strictest decides."""
    is_on = collections.exclude(masking=Masking.OFF).exists()
    return USUAL if is_on else frozenset()


def masks_documents(collection: Collection) -> bool:
    return collection.masking == Masking.DOCUMENTS


def masked_page(page: PageText) -> PageText:
    """Return ``page`` with its items masked; spans of blocks move with the text.

    It has no size any more, so no picture of it is made: that would show them.
    """
    result = masked(page.text)
    return replace(
        page,
        text=result.text,
        blocks=tuple(_moved(block, result) for block in page.blocks),
        label=mask(page.label),
        width=0.0,
        height=0.0,
    )


def _moved(block: Block, result: Masked) -> Block:
    start, end = result.moved(block.start), result.moved(block.end)
    return replace(block, start=start, end=max(start, end), box=None)


def read_again(collection: Collection) -> None:
    """Queue every document: what is kept of it was made under another setting.

    What was kept unmasked goes at once: a document that cannot be read again must
    not stay searchable as it was. The caller has kept storing away
    (``locking.wait_for_storing_in``).
    """
    # First: a worker that is reading writes nothing more once it lost its document.
    queue_all_again(collection)
    versions = DocumentVersion.objects.filter(document__collection=collection)
    checkpoints.forget(list(versions.values_list("pk", flat=True)))
    if masks_documents(collection):
        collection.documents.update(current_version=None)
        versions.update(title="")
        forget_text(list(collection.documents.values_list("pk", flat=True)))


def check_original(asker: Asker, document: Document) -> None:
    """Raise NotFound unless the asker may have the file as it was uploaded.

    Of a collection that masks its documents only managers may.
    """
    if masks_documents(document.collection):
        get_document_for(asker, document.pk, Role.MANAGER)
