"""Adding a document over REST by its web address, where the site allows it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from ingestion import api_shapes as shapes
from ingestion.api_documents import row_of, with_document
from ingestion.receiving import Received, Sent, fetched_from, receive
from rag_site.access import asker_of, needs
from rag_site.repeating import once

router = Router(tags=["Documents"])


@router.post(
    "/collections/{id:pk}/addresses",
    auth=needs("ingest"),
    response={202: shapes.UploadOut},
)
def add_address(
    request: HttpRequest, pk: UUID, body: shapes.AddressIn
) -> Status[dict[str, Any]]:
    """Fetch a file from a public web address and add it; off unless the site allows it.

    An address that cannot be fetched answers with the reason as an error.
    """
    asker = asker_of(request)

    def take(sent: Sent) -> list[Received]:
        return receive(asker, pk, sent, body.on_same_name, unpack=body.unpack)

    made = once(
        request,
        asker,
        body.dict(),
        lambda: {"rows": [row_of(r) for r in fetched_from(asker, pk, body.url, take)]},
    )
    return Status(202, {"documents": [with_document(asker, r) for r in made["rows"]]})
