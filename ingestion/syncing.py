"""A folder on the server and the documents that came from it, kept alike.

Each file is remembered with its digest (``TreeFile``): unchanged ones cost one
hash, changed ones become new versions, and what vanished can be removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from django.db import connection, transaction
from django.db.models import QuerySet

from ingestion import services
from ingestion.accepting import OnSameName, accept_upload, accept_version
from ingestion.archiving import unpacked
from ingestion.folders import place_of
from ingestion.models import Collection, Document, TreeFile
from ingestion.uploads import digest_of
from rag_site.asking import Asker
from rag_site.errors import RagError

# Worth another try when the folder is passed over again, unlike what a person cancelled.
_GIVEN_UP = (Document.State.FAILED, Document.State.QUARANTINED)

Change = Literal["added", "changed", "unchanged", "moved", "removed", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What became, or with a dry run would become, of one file."""

    path: str
    change: Change
    document: Document | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file to read: where it lies, and its path in the folder it belongs to.

    ``error`` says why it cannot be read, such as a damaged part of an archive.
    """

    path: str
    file: Path
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class Tree:
    """One pass over a folder for one collection.

    Attributes:
        root: absolute path of the folder.
        known: what the last pass saw, by path.
        seen: paths that are still there, whatever became of them.
        unreadable: folders and archives whose content could not be listed.
    """

    asker: Asker
    collection: Collection
    root: Path
    on_same_name: OnSameName | None = None
    is_dry: bool = False
    known: dict[str, TreeFile] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = {row.path: row for row in self.rows().select_related("document")}

    def rows(self) -> QuerySet[TreeFile]:
        return TreeFile.objects.filter(collection=self.collection, root=str(self.root))


def files_in(root: Path, unreadable: list[str]) -> Iterator[Path]:
    """Yield the files below ``root`` in order, without hidden ones.

    Links to folders are not followed: they may lead in a circle. Folders that
    cannot be listed are appended to ``unreadable``.
    """

    def note(problem: OSError) -> None:
        unreadable.append(str(problem.filename))

    for folder, folders, names in os.walk(root, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and path.is_file():
                yield path


def follow(tree: Tree, found: FoundFile) -> Deed:
    """Take in one file of the tree if it is new or has changed."""
    tree.seen.add(found.path)
    if found.error is not None:
        return Deed(path=found.path, change="refused", error=found.error)
    known = tree.known.get(found.path)
    try:
        digest = digest_of(found.file)
        if known is not None and known.digest == digest:
            if known.document.state in _GIVEN_UP and not tree.is_dry:
                services.retry(tree.asker, known.document_id)
            return Deed(path=found.path, change="unchanged", document=known.document)
        if tree.is_dry:
            return _foreseen(tree, found, known, digest)
        return _taken_in(tree, found, known, digest)
    except RagError as exc:
        return Deed(path=found.path, change="refused", error=exc.message)
    except OSError as exc:
        reason = f"The file cannot be opened: {exc.strerror}."
        return Deed(path=found.path, change="refused", error=reason)


def _taken_in(
    tree: Tree, found: FoundFile, known: TreeFile | None, digest: str
) -> Deed:
    place = place_of(found.path)
    with transaction.atomic():
        # A large file takes longer to copy than a transaction may stand idle.
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        if known is not None and tree.on_same_name is None and _is_alone(known):
            accepted = accept_version(tree.asker, known.document_id, path=found.file)
        else:
            accepted = accept_upload(
                tree.asker,
                tree.collection.pk,
                path=found.file,
                name=place.name,
                folder=place.folder,
                on_same_name=tree.on_same_name or "keep",
            )
        document = accepted.document
        if accepted.outcome == "skipped":
            return Deed(path=found.path, change="unchanged", document=document)
        is_new = accepted.outcome == "created"
        is_source = accepted.outcome != "duplicate" or _is_ours(tree, document)
        _remember(tree, found.path, digest, document, is_source=is_source)
    change: Change = "changed" if known is not None or not is_new else "added"
    if accepted.outcome == "duplicate" and known is None:
        change = "unchanged"
    return Deed(path=found.path, change=change, document=document)


def _is_alone(known: TreeFile) -> bool:
    """Whether the document is this file's own, and no other file has its bytes."""
    rows = TreeFile.objects.filter(document=known.document_id)
    return known.is_source and rows.count() == 1


def _is_ours(tree: Tree, document: Document) -> bool:
    return tree.rows().filter(document=document, is_source=True).exists()


def _remember(
    tree: Tree, path: str, digest: str, document: Document, *, is_source: bool
) -> None:
    TreeFile.objects.update_or_create(
        collection=tree.collection,
        root=str(tree.root),
        path=path,
        defaults={"digest": digest, "document": document, "is_source": is_source},
    )


def _foreseen(
    tree: Tree, found: FoundFile, known: TreeFile | None, digest: str
) -> Deed:
    if known is not None:
        return Deed(path=found.path, change="changed", document=known.document)
    same = tree.collection.documents.filter(versions__digest=digest).first()
    change: Change = "added" if same is None else "unchanged"
    return Deed(path=found.path, change=change, document=same)


def vanished(tree: Tree) -> list[str]:
    """Return the remembered paths that this pass did not meet, sorted."""
    return sorted(tree.known.keys() - tree.seen)


def forget_vanished(tree: Tree) -> list[Deed]:
    """Remove the documents whose files are gone; one that only moved is renamed.

    Only documents that this folder made are touched. Call it after every file
    was followed.
    """
    made = {row.document_id for row in tree.known.values() if row.is_source}
    gone = vanished(tree)
    if tree.is_dry:
        return [Deed(path=path, change="removed") for path in gone if _goes(tree, path)]
    tree.rows().filter(path__in=gone).delete()
    deeds: list[Deed] = []
    for document in Document.objects.filter(pk__in=made).order_by("folder", "name"):
        left = list(document.tree_files.order_by("path"))
        if not left:
            services.delete_document(tree.asker, document.pk)
            deeds.append(Deed(path=document.path, change="removed"))
        elif document.path not in {place_of(row.path).path for row in left}:
            deeds.append(_moved(tree, document, left[0]))
    return deeds


def _goes(tree: Tree, path: str) -> bool:
    row = tree.known[path]
    others = row.document.tree_files.exclude(pk=row.pk)
    return row.is_source and not others.exists()


def _moved(tree: Tree, document: Document, row: TreeFile) -> Deed:
    with transaction.atomic():
        moved = services.move_document(tree.asker, document.pk, place_of(row.path))
        TreeFile.objects.filter(pk=row.pk).update(is_source=True)
    return Deed(path=moved.path, change="moved", document=moved)


def path_in(tree: Tree, file: Path) -> str:
    """Return the path inside the tree as text: bytes that are no UTF-8 are escaped."""
    relative = file.relative_to(tree.root).as_posix()
    return os.fsencode(relative).decode("utf-8", "backslashreplace")


def files_of_archive(tree: Tree, path: str, file: Path) -> Iterator[FoundFile]:
    """Yield the files of an archive as if it were a folder of its name.

    Of one that cannot be opened every file is taken to be still there.
    """
    try:
        for member in unpacked(file):
            yield FoundFile(
                path=f"{path}/{member.name}",
                file=member.path,
                error=member.problem or None,
            )
    except (RagError, OSError) as exc:
        tree.unreadable.append(path)
        reason = exc.message if isinstance(exc, RagError) else "It cannot be opened."
        yield FoundFile(path=path, file=file, error=reason)
