"""A deleted document is gone from everywhere at once, and leaves a receipt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from generation.models import Answer, Conversation, Source
from generation.selectors import sources_of
from generation.turns import starters_for
from ingestion import filing, page_view, services
from ingestion.models import Collection, Document, DocumentVersion
from ingestion.visibility import visible_to
from rag_site.errors import NotFound
from rag_site.models import AuditEvent
from retrieval.search import search
from retrieval.types import RetrievalConfig
from tests import samples
from tests.factories import (
    alice,
    asker,
    make_collection,
    make_document,
    make_ready_document,
)
from tests.fakes import HashEmbedder

pytestmark = pytest.mark.django_db
CANARY = "Zanzibarium"
TEXT = f"{CANARY} melts at 1234 degrees.\n\nKeep {CANARY} dry."
Capture = Callable[..., object]


@pytest.fixture
def collection() -> Collection:
    return make_collection()


@pytest.fixture
def document(collection: Collection) -> Document:
    return make_ready_document(collection, "metals.txt", [TEXT])


def hits(question: str) -> int:
    visible = visible_to(asker(alice()))
    found = search(question, visible, RetrievalConfig(), embedder=HashEmbedder())
    return sum(CANARY in hit.text for hit in found.hits)


def tables_with(words: str) -> set[str]:
    """Return the tables of which any row, written as text, holds ``words``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        )
        found = set()
        for (table,) in cursor.fetchall():
            cursor.execute(
                f'SELECT EXISTS (SELECT FROM "{table}" t WHERE t::text ILIKE %s)',
                [f"%{words}%"],
            )
            if cursor.fetchone()[0]:
                found.add(table)
    return found


def files_with(words: bytes) -> list[Path]:
    folders = (settings.FILES_DIR, settings.VAR_DIR / "page_images")
    return [
        path
        for folder in folders
        if folder.exists()
        for path in folder.rglob("*")
        if path.is_file() and words in path.read_bytes()
    ]


def an_answer(document: Document) -> Answer:
    chat = Conversation.objects.create(user=alice(), title="Metals?")
    answer = Answer.objects.create(
        conversation=chat, question="When does it melt?", text="At 1234 [1]."
    )
    Source.objects.create(
        answer=answer,
        version=document.current_version,
        n=1,
        start=0,
        end=37,
        page=1,
        score=1.0,
        is_cited=True,
    )
    return answer


def test_nothing_of_it_is_left(
    document: Document, django_capture_on_commit_callbacks: Capture
) -> None:
    who, answer = asker(alice()), an_answer(document)
    digest = document.versions.get().digest
    picture = filing.images_of(digest) / "1.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(b"a picture of " + CANARY.encode())
    assert hits(f"{CANARY} melts") > 0
    assert CANARY in sources_of(answer, who)[0].quote
    assert any("metals" in one.question for one in starters_for(who))
    assert "ingestion_chunk" in tables_with(CANARY)
    assert len(files_with(CANARY.encode())) == 2

    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        services.delete_document(who, document.pk)

    assert hits(f"{CANARY} melts") == 0
    assert [source.quote for source in sources_of(answer, who)] == [""]
    assert starters_for(who) == []
    assert tables_with(CANARY) == set()
    assert files_with(CANARY.encode()) == []
    assert not picture.parent.exists()
    receipt = AuditEvent.objects.get(action="document.deleted")
    assert (receipt.user_name, receipt.object_id) == ("alice", str(document.pk))
    assert receipt.detail == {"name": "metals.txt", "digests": [digest]}
    assert tables_with("metals.txt") == {"rag_site_auditevent"}


def test_earlier_versions_and_what_was_read_half_way_go_along(
    document: Document, django_capture_on_commit_callbacks: Capture
) -> None:
    from ingestion.checkpoint_models import Checkpoint, CheckpointPage

    newer = DocumentVersion.objects.create(
        document=document,
        number=2,
        digest="f" * 64,
        size_bytes=5,
        media_type="text/plain",
    )
    half = Checkpoint.objects.create(version=newer, parser_version="1", title=CANARY)
    CheckpointPage.objects.create(checkpoint=half, number=1, text=TEXT)
    assert "ingestion_checkpointpage" in tables_with(CANARY)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        services.delete_document(asker(alice()), document.pk)
    assert tables_with(CANARY) == set()
    digests = AuditEvent.objects.get(action="document.deleted").detail["digests"]
    assert len(digests) == 2


def test_a_collection_takes_its_documents_along_and_names_them(
    collection: Collection,
    document: Document,
    django_capture_on_commit_callbacks: Capture,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        services.delete_collection(asker(alice()), collection.pk)
    assert tables_with(CANARY) == set()
    assert files_with(CANARY.encode()) == []
    detail = AuditEvent.objects.get(action="collection.deleted").detail
    assert (detail["documents"], detail["names"]) == (1, ["metals.txt"])


def test_a_picture_drawn_meanwhile_does_not_come_back(
    collection: Collection,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Capture,
) -> None:
    content = samples.pdf_bytes(["The pump holds forty litres."])
    document = make_document(collection, "look.pdf", content)
    version = document.versions.get()
    version.pages.create(number=1, start=0, text="The pump", width=595, height=842)

    def drawn(*_: object, **__: object) -> bytes:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            services.delete_document(asker(alice()), document.pk)
        return b"a picture"

    monkeypatch.setattr(page_view, "render_page", drawn)
    with pytest.raises(NotFound):
        page_view.png_of(version, 1)
    assert not filing.images_of(version.digest).exists()
