"""Tags: labels that writers give to documents, and that searches can be held to.

A tag is a few words in small letters, "travel" or "travel 2025"; a document's are
sorted. They are data of the document's own row, under its rights.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from ingestion.models import Document, Role
from ingestion.visibility import get_document_for
from rag_site import audit
from rag_site.asking import Asker
from rag_site.errors import ValidationFailed

MAX_TAGS, MAX_TAG_CHARS = 20, 40


class TagInvalid(ValidationFailed):
    """A tag is empty, too long, or holds a comma or a quotation mark."""

    code = "tag_invalid"


def set_tags(asker: Asker, document_id: UUID, tags: Iterable[str]) -> Document:
    """Give the document these tags and no others; needs the role writer.

    Raises NotFound, TagInvalid.
    """
    wanted = clean(tags)
    document = get_document_for(asker, document_id, Role.WRITER)
    with transaction.atomic():
        document = Document.objects.select_for_update(of=["self"]).get(pk=document.pk)
        if document.tags != wanted:
            audit.record(
                "document.tagged",
                asker=asker,
                object_kind="document",
                object_id=document.pk,
                detail={"name": document.path, "tags": wanted},
            )
            document.tags = wanted
            document.save(update_fields=["tags", "updated_at"])
    return document


def clean(tags: Iterable[str]) -> list[str]:
    """Return the tags as they are stored. Raises TagInvalid."""
    found = sorted({as_tag(tag) for tag in tags})
    if len(found) > MAX_TAGS:
        raise TagInvalid(
            f"A document has at most {MAX_TAGS} tags; these are {len(found)}.",
            detail={"field": "tags", "limit": MAX_TAGS},
        )
    return found


def as_tag(text: str) -> str:
    """Return one tag in its stored form. Raises TagInvalid."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(" " if c.isspace() else c for c in plain)
    tag = " ".join(kept.split())
    if not tag or not tag.isprintable() or set(',"') & set(tag):
        raise TagInvalid(detail={"field": "tags"})
    if len(tag) > MAX_TAG_CHARS:
        raise TagInvalid(
            f"A tag has at most {MAX_TAG_CHARS} characters; this one has {len(tag)}.",
            detail={"field": "tags", "limit": MAX_TAG_CHARS},
        )
    return tag
