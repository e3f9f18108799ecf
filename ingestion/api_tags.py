"""Tags of a document over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from ingestion import api_shapes as shapes
from ingestion import tagging
from ingestion.api_documents import shown
from ingestion.visibility import get_document_for
from rag_site.access import asker_of, needs

router = Router(tags=["Documents"])


@router.put(
    "/documents/{id:pk}/tags", auth=needs("ingest"), response=shapes.DocumentOut
)
def set_tags(request: HttpRequest, pk: UUID, body: shapes.TagsIn) -> dict[str, Any]:
    """Give a document these tags and no others; needs the role writer."""
    asker = asker_of(request)
    tagging.set_tags(asker, pk, body.tags)
    return shown(get_document_for(asker, pk))
