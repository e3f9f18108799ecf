"""Who waits for whom when documents are stored, deleted or kept another way.

Storing a long document takes minutes, so it holds locks that only those meet who
must not run beside it: whoever deletes the document or its collection, or changes
how the collection's documents are kept. All end with the transaction, and all are
taken before any document's row, so that none of them waits for another in a circle.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from ingestion.models import Collection
from rag_site.errors import NotFound

# Of storing a document: nobody waits longer for one to end.
_STATEMENT_TIMEOUT = "15min"


def locked_collection(pk: UUID) -> Collection:
    """Return the row as it is now; others may add documents and read meanwhile.

    Raises NotFound if it was deleted.
    """
    rows = Collection.objects.select_for_update(no_key=True).filter(pk=pk)
    collection = rows.first()
    if collection is None:
        raise NotFound
    return collection


def hold_for_storing(collection_id: UUID, document_id: UUID) -> None:
    """Keep away who would change or delete what is being stored."""
    _allow_long()
    _lock("pg_advisory_xact_lock_shared", f"collection {collection_id}")
    _lock("pg_advisory_xact_lock", f"document {document_id}")


def wait_for_storing_in(collection_id: UUID) -> None:
    """Wait until no document of the collection is being stored; let none begin."""
    _allow_long()
    _lock("pg_advisory_xact_lock", f"collection {collection_id}")


def wait_for_storing_of(document_id: UUID) -> None:
    """Wait until the document is not being stored; let nobody begin."""
    _allow_long()
    _lock("pg_advisory_xact_lock", f"document {document_id}")


def _allow_long() -> None:
    """Let statements of this transaction take minutes, as long documents need."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT}'")


def _lock(function: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtextextended(%s, 0))", [name])
