"""Valid rows and the cast: Alice owns, Bob shares, Charlie is a stranger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction

from ingestion.models import (
    Chunk,
    Collection,
    Document,
    DocumentVersion,
    Embedding,
    Membership,
    Page,
    Role,
)
from ingestion.spaces import ensure_live_space
from ingestion.types import PAGE_BREAK
from rag_site.asking import Asker
from rag_site.models import User
from tests.fakes import HashEmbedder

PASSWORD = "correct horse battery staple"


def make_user(name: str, *, is_staff: bool = False, is_superuser: bool = False) -> User:
    """Return the user of that name, made on first call. Signs in with PASSWORD."""
    found = User.objects.filter(username=name).first()
    return found or User.objects.create(
        username=name,
        email=f"{name}@example.com",
        password=_hashed_password(settings.PASSWORD_HASHERS[0]),
        is_staff=is_staff or is_superuser,
        is_superuser=is_superuser,
    )


@lru_cache
def _hashed_password(hasher: str) -> str:
    """Hash once for each hasher: tests choose a quick one, and others the real one."""
    return make_password(PASSWORD)


def alice() -> User:
    return make_user("alice")


def bob() -> User:
    return make_user("bob")


def charlie() -> User:
    return make_user("charlie")


def asker(user: User, **narrowing: object) -> Asker:
    return Asker(user_id=user.pk, **narrowing)  # type: ignore[arg-type]


def make_collection(
    owner: User | None = None,
    name: str = "Manuals",
    *,
    shared_with: User | None = None,
    role: Role = Role.READER,
    **fields: object,
) -> Collection:
    collection = Collection.objects.create(owner=owner or alice(), name=name, **fields)
    if shared_with is not None:
        Membership.objects.create(collection=collection, user=shared_with, role=role)
    return collection


def make_document(
    collection: Collection,
    name: str = "manual.txt",
    content: bytes = b"The pump holds 40 litres.",
    **fields: object,
) -> Document:
    """A document that waits to be read, with its file stored under its digest."""
    with transaction.atomic():  # so that no worker takes it before it has its version
        document = Document.objects.create(
            collection=collection, name=name, added_by=collection.owner, **fields
        )
        _make_version(document, content)
    return document


def make_ready_document(
    collection: Collection,
    name: str = "manual.txt",
    pages: Sequence[str] = ("The pump holds 40 litres.",),
    *,
    embedder: HashEmbedder | None = None,
) -> Document:
    """A searchable document: every paragraph of ``pages`` is one chunk."""
    document = Document.objects.create(
        collection=collection,
        name=name,
        added_by=collection.owner,
        state=Document.State.READY,
    )
    version = _make_version(document, PAGE_BREAK.join(pages).encode())
    _make_pages(version, pages)
    _make_chunks(version, pages, embedder or HashEmbedder())
    document.current_version = version
    document.save()
    return document


def stored_file(digest: str) -> Path:
    return settings.FILES_DIR / digest[:2] / digest


def _make_version(document: Document, content: bytes) -> DocumentVersion:
    digest = hashlib.sha256(content).hexdigest()
    stored_file(digest).parent.mkdir(parents=True, exist_ok=True)
    stored_file(digest).write_bytes(content)
    return DocumentVersion.objects.create(
        document=document,
        number=document.versions.count() + 1,
        digest=digest,
        size_bytes=len(content),
        media_type="text/plain",
        title=document.name.rsplit(".", 1)[0],
    )


def _make_pages(version: DocumentVersion, pages: Sequence[str]) -> None:
    start = 0
    for number, text in enumerate(pages, 1):
        Page.objects.create(version=version, number=number, start=start, text=text)
        start += len(text) + len(PAGE_BREAK)
    version.page_count = len(pages)
    version.save()


def _make_chunks(
    version: DocumentVersion, pages: Sequence[str], embedder: HashEmbedder
) -> None:
    space = ensure_live_space(embedder)
    spans = list(_paragraphs(pages))
    vectors = embedder.embed_passages(
        [f"{version.title}\n{text}" for *_, text in spans]
    )
    for ordinal, ((page, start, text), vector) in enumerate(
        zip(spans, vectors, strict=True)
    ):
        chunk = Chunk.objects.create(
            version=version,
            ordinal=ordinal,
            text=text,
            heading=version.title,
            text_digest=hashlib.sha256(f"{version.title}\n{text}".encode()).hexdigest(),
            start=start,
            end=start + len(text),
            page_first=page,
            page_last=page,
            token_count=len(text.split()) + len(version.title.split()) + 2,
            language=version.document.collection.language,
        )
        Embedding.objects.create(chunk=chunk, space=space, vector=vector.tolist())
    version.chunk_count = len(spans)
    version.save()


def _paragraphs(pages: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield page number, offset in the text of the version, and text."""
    offset = 0
    for number, page in enumerate(pages, 1):
        start = 0
        for paragraph in page.split("\n\n"):
            if paragraph.strip():
                yield number, offset + start, paragraph
            start += len(paragraph) + 2
        offset += len(page) + len(PAGE_BREAK)
