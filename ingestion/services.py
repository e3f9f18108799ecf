"""What people do to collections and documents: every write, checked and recorded.

Each function takes the asker first, finds the row inside their rights (NotFound
otherwise) and writes the audit event in the same transaction as the deed.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from ingestion import filing
from ingestion.accepting import accept_upload as accept_upload  # noqa: PLC0414 - the one door for writes
from ingestion.accepting import queue_again, queue_settled_again, record
from ingestion.folders import Place
from ingestion.languages import LANGUAGE_SQL
from ingestion.leasing import UNSETTLED
from ingestion.locking import (
    locked_collection,
    wait_for_storing_in,
    wait_for_storing_of,
)
from ingestion.masking_models import Masking
from ingestion.masking_settings import masks_documents, read_again
from ingestion.models import (
    Collection,
    Document,
    DocumentVersion,
    Membership,
    Role,
)
from ingestion.storing import forget_passages
from ingestion.uploads import one_line
from ingestion.visibility import (
    get_collection_for,
    get_document_for,
)
from rag_site.asking import Asker
from rag_site.errors import Conflict, NotFound, ValidationFailed

State = Document.State
# Names of documents in the receipt of a collection that was deleted with them.
_NAMES_RECORDED = 1000

# --- Collections -------------------------------------------------------------


def create_collection(
    asker: Asker,
    *,
    name: str,
    description: str = "",
    language: str = "english",
    visibility: str = "members",
    masking: str = "off",
) -> Collection:
    """Raises ValidationFailed, or Conflict if the asker has one of that name."""
    collection = Collection(owner_id=asker.user_id)
    with transaction.atomic():
        _change(
            collection,
            name=name,
            description=description,
            language=language,
            visibility=visibility,
            masking=masking,
        )
        record("collection.created", asker, collection, name=collection.name)
    return collection


def update_collection(asker: Asker, pk: UUID, **changes: str) -> Collection:
    """Set any of name, description, language, visibility, masking, adapter.

    Raises NotFound, ValidationFailed or Conflict.
    """
    get_collection_for(asker, pk, Role.MANAGER)
    with transaction.atomic():
        collection = locked_collection(pk)
        was_masked = masks_documents(collection)
        spoke = collection.language
        _change(collection, **changes)
        speaks_another = collection.language != spoke
        reads_another = masks_documents(collection) != was_masked
        if speaks_another or reads_another:
            wait_for_storing_in(pk)
        if speaks_another:
            _reindex_words(collection)
        if reads_another:
            read_again(collection)
        record("collection.changed", asker, collection, fields=sorted(changes))
    return collection


def delete_collection(asker: Asker, pk: UUID) -> None:
    """Delete it with all documents, at once, and then the files."""
    get_collection_for(asker, pk, Role.MANAGER)
    with transaction.atomic():
        collection = locked_collection(pk)
        wait_for_storing_in(pk)
        names = [row.path for row in collection.documents.all()]
        record(
            "collection.deleted",
            asker,
            collection,
            name=collection.name,
            documents=len(names),
            names=names[:_NAMES_RECORDED],
        )
        _remove_documents(collection.documents.select_for_update())
        collection.delete()


def _change(collection: Collection, **fields: str) -> None:
    allowed = {"name", "description", "language", "visibility", "masking", "adapter"}
    if not fields.keys() <= allowed:
        raise ValidationFailed(f"Only these can be set: {', '.join(sorted(allowed))}.")
    for field, value in fields.items():
        setattr(collection, field, value.replace("\x00", "").strip())
    # It heads pages, and is part of the names of files.
    collection.name = one_line(collection.name)
    _check(collection)
    try:
        with transaction.atomic():
            collection.save()
    except IntegrityError as exc:
        raise Conflict(
            f"You already have a collection named “{collection.name}”. "
            "Choose another name.",
            detail={"field": "name"},
        ) from exc


def _check(collection: Collection) -> None:
    if not 1 <= len(collection.name) <= 120:
        raise _invalid("name", "A name has 1 to 120 characters.")
    if len(collection.description) > 2000:
        raise _invalid("description", "A description has at most 2,000 characters.")
    if collection.visibility not in Collection.Visibility.values:
        raise _invalid("visibility", "Visibility is members or everyone.")
    if collection.masking not in Masking.values:
        raise _invalid("masking", "Masking is off, answers or documents.")
    if collection.language not in languages():
        raise _invalid("language", f"Choose one of: {', '.join(languages())}.")


def languages() -> list[str]:
    """Return the text-search configurations of this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cfgname FROM pg_ts_config "
            "WHERE cfgnamespace = 'pg_catalog'::regnamespace ORDER BY 1"
        )
        return [row[0] for row in cursor.fetchall()]


def _reindex_words(collection: Collection) -> None:
    """Write the language to the chunks, whose lexical columns follow by themselves."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE ingestion_chunk c SET language = {LANGUAGE_SQL}"  # noqa: S608
            " FROM ingestion_documentversion v, ingestion_document d,"
            " ingestion_collection l WHERE c.version_id = v.id"
            " AND v.document_id = d.id AND d.collection_id = l.id AND l.id = %s"
            f" AND c.language <> {LANGUAGE_SQL}",
            [collection.pk],
        )


# --- Members -----------------------------------------------------------------


def set_member(
    asker: Asker,
    collection_id: UUID,
    *,
    user: Any = None,
    group: Any = None,
    role: Role | str,
) -> Membership:
    """Give one user or one group a role. Raises NotFound or ValidationFailed."""
    collection = get_collection_for(asker, collection_id, Role.MANAGER)
    if (user is None) == (group is None):
        raise _invalid("user", "Name a user or a group, one of them.")
    if role not in Role.values:
        raise _invalid("role", f"A role is one of: {', '.join(Role.values)}.")
    if user is not None and user.pk == collection.owner_id:
        raise _invalid("user", "The owner already has every right here.")
    with transaction.atomic():
        membership, _ = Membership.objects.update_or_create(
            collection=collection, user=user, group=group, defaults={"role": role}
        )
        whom = {"user": str(user)} if user is not None else {"group": str(group)}
        record("member.set", asker, collection, role=str(role), **whom)
    return membership


def remove_member(asker: Asker, membership_id: int) -> None:
    """Take the role away; it ends at once. Raises NotFound."""
    membership = Membership.objects.filter(pk=membership_id).first()
    if membership is None:
        raise NotFound
    collection = get_collection_for(asker, membership.collection_id, Role.MANAGER)
    with transaction.atomic():
        record("member.removed", asker, collection, who=str(membership))
        membership.delete()


# --- Documents ---------------------------------------------------------------


def retry(asker: Asker, document_id: UUID) -> Document:
    """Read the document again from its stored file.

    Raises NotFound, or Conflict while it is being read.
    """
    document = get_document_for(asker, document_id, Role.WRITER)
    with transaction.atomic():
        document = Document.objects.select_for_update().get(pk=document.pk)
        if document.state in UNSETTLED:
            raise Conflict("This document is being read already.")
        queue_again(document)
        record("document.retried", asker, document)
    return document


def retry_all(asker: Asker, collection_id: UUID) -> int:
    """Read the documents of a collection again, as after an upgrade that reads better.

    Those that are being read are, and a cancelled one stays so. Returns how many;
    raises NotFound.
    """
    collection = get_collection_for(asker, collection_id, Role.MANAGER)
    with transaction.atomic():
        count = queue_settled_again(collection)
        record("collection.retried", asker, collection, documents=count)
    return count


def cancel(asker: Asker, document_id: UUID) -> Document:
    """Stop reading; the worker notices before its next batch.

    A version that was searchable stays so. Raises NotFound, or Conflict if
    nothing is being read.
    """
    document = get_document_for(asker, document_id, Role.WRITER)
    with transaction.atomic():
        stopped = Document.objects.filter(pk=document.pk, state__in=UNSETTLED).update(
            state=State.CANCELLED, lease_until=None, updated_at=Now()
        )
        if not stopped:
            raise Conflict("This document is not being read.")
        record("document.cancelled", asker, document)
    document.refresh_from_db()
    return document


def move_document(asker: Asker, document_id: UUID, place: Place) -> Document:
    """Give the document another folder and name. Raises NotFound."""
    document = get_document_for(asker, document_id, Role.WRITER)
    with transaction.atomic():
        record("document.moved", asker, document, name=document.path, to=place.path)
        document.folder, document.name = place.folder, place.name
        document.save(update_fields=["folder", "name"])
    return document


def delete_document(asker: Asker, document_id: UUID) -> None:
    """Delete it with all versions at once; then the files nobody else uses."""
    document = get_document_for(asker, document_id, Role.WRITER)
    with transaction.atomic():
        wait_for_storing_of(document.pk)
        rows = Document.objects.filter(pk=document.pk).select_for_update()
        if not rows:  # somebody else was quicker
            raise NotFound
        record(
            "document.deleted",
            asker,
            document,
            name=document.path,
            digests=list(document.versions.values_list("digest", flat=True)),
        )
        _remove_documents(rows)


def _remove_documents(documents: Any) -> None:
    """Delete the rows now and the files after the commit.

    The row locks make a worker's last write wait and then miss.
    """
    ids = [document.pk for document in documents]
    versions = DocumentVersion.objects.filter(document__in=ids)
    digests = sorted(set(versions.values_list("digest", flat=True)))
    with connection.cursor() as cursor:
        forget_passages(cursor, ids)
    Document.objects.filter(pk__in=ids).delete()
    transaction.on_commit(lambda: filing.remove_unreferenced(digests), robust=True)


def _invalid(field: str, message: str) -> ValidationFailed:
    return ValidationFailed(message, detail={"field": field})
