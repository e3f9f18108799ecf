"""A collection that masks its documents keeps nothing that shows an item."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from ingestion import checkpoints, pipeline, services
from ingestion.checkpoint_models import Checkpoint
from ingestion.errors import LeaseLost
from ingestion.leasing import claim
from ingestion.masking_models import Masking
from ingestion.masking_settings import masked_page, masks_of
from ingestion.models import Chunk, Collection, Document, Page
from ingestion.types import Block, PageText
from ingestion.visibility import visible_to
from retrieval.search import search
from retrieval.types import RetrievalConfig
from tests import factories
from tests.factories import alice, asker, bob, make_collection, make_document
from tests.fakes import HashEmbedder, word_tokenizer
from tests.keyed import client_of

pytestmark = pytest.mark.django_db
MAIL, CARD = "jane.doe@example.org", "4111 1111 1111 1111"
TEXT = (
    f"# Write to {MAIL}\n\nThe pump holds 40 litres.\n\nPaid with {CARD} in May.\n"
).encode()


def read(masking: str, content: bytes = TEXT) -> Document:
    made = make_document(make_collection(), name="pump.md", content=content)
    made.versions.update(media_type="text/markdown")
    set_masking(made, masking)
    return ingest(made)


def set_masking(document: Document, masking: str) -> None:
    services.update_collection(asker(alice()), document.collection_id, masking=masking)


def ingest(made: Document) -> Document:
    pipeline.ingest(made.pk, embedder=HashEmbedder(), tokenizer=word_tokenizer())
    made.refresh_from_db()
    assert made.state == Document.State.READY
    return made


def kept(document: Document) -> str:
    """Everything that the database holds of the document's text."""
    pages = Page.objects.filter(version__document=document)
    chunks = Chunk.objects.filter(version__document=document)
    rows = [
        *pages.values_list("text", "label"),
        *chunks.values_list("text", "heading"),
        *document.versions.values_list("title"),
    ]
    return json.dumps([list(row) for row in rows])


def test_by_default_nothing_is_masked() -> None:
    document = read(Masking.OFF)
    assert MAIL in kept(document)
    assert Collection.objects.get().masking == "off"
    assert masks_of(Collection.objects.all()) == frozenset()


def test_pages_passages_headings_and_title_are_stored_masked() -> None:
    document = read(Masking.DOCUMENTS)
    words = kept(document)
    assert MAIL not in words
    assert "4111" not in words
    for label in ("[e-mail]", "[card]"):
        assert label in words
    for chunk in Chunk.objects.all():
        whole = "".join(Page.objects.values_list("text", flat=True))
        assert whole[chunk.start : chunk.end] == chunk.text


def test_nothing_masked_is_found() -> None:
    read(Masking.DOCUMENTS)
    visible = visible_to(asker(alice()), None)
    config = RetrievalConfig(k=5, method="lexical")
    for question in (MAIL, "jane doe", CARD):
        found = search(question, visible, config, embedder=HashEmbedder())
        assert all("jane" not in hit.text for hit in found.hits)
        assert all("4111" not in hit.text for hit in found.hits)


def test_turning_it_on_reads_again_and_forgets_pages_of_older_versions() -> None:
    document = read(Masking.OFF)
    version = document.versions.get()
    old = document.versions.create(
        number=0, digest="f" * 64, size_bytes=1, media_type="text/plain"
    )
    Page.objects.create(version=old, number=1, start=0, text=f"Old: {MAIL}")
    set_masking(document, Masking.DOCUMENTS)
    document.refresh_from_db()
    assert document.state == Document.State.QUEUED
    # Before it is read again: it may never be.
    assert MAIL not in kept(document)
    assert document.current_version is None
    ingest(document)
    assert MAIL not in kept(document)
    assert document.current_version_id == version.pk


def test_who_was_reading_when_it_was_turned_on_keeps_nothing() -> None:
    made = make_document(make_collection(), content=TEXT)
    claimed = claim(made.pk)
    assert claimed is not None
    journal = checkpoints.open_journal(claimed)
    journal.add_page(PageText(number=1, text=MAIL))
    journal.write()
    set_masking(made, Masking.DOCUMENTS)
    assert not Checkpoint.objects.exists()
    with pytest.raises(LeaseLost):
        journal.write()
    pipeline.read(claimed, embedder=HashEmbedder(), tokenizer=word_tokenizer())
    assert not Checkpoint.objects.exists()
    assert kept(made) == json.dumps([[""]])
    assert MAIL not in kept(ingest(made))


def test_turning_it_off_leaves_what_is_searchable_until_it_is_read_again() -> None:
    document = read(Masking.DOCUMENTS)
    set_masking(document, Masking.OFF)
    document.refresh_from_db()
    assert document.state == Document.State.QUEUED
    assert document.current_version is not None
    assert MAIL in kept(ingest(document))


def test_masking_of_answers_alone_reads_nothing_again() -> None:
    document = read(Masking.OFF)
    set_masking(document, Masking.ANSWERS)
    document.refresh_from_db()
    assert document.state == Document.State.READY
    assert masks_of(Collection.objects.all())


def test_spans_move_and_no_picture_is_left() -> None:
    text = f"To {MAIL} now"
    blocks = (
        Block(kind="heading", start=0, end=3, level=1, box=(1, 2, 3, 4)),
        Block(kind="paragraph", start=3, end=len(text)),
    )
    page = masked_page(
        PageText(number=1, text=text, blocks=blocks, width=600, height=800)
    )
    assert page.text == "To [e-mail] now"
    assert page.text[page.blocks[1].start : page.blocks[1].end] == "[e-mail] now"
    assert (page.width, page.height, page.blocks[0].box) == (0, 0, None)


def test_only_managers_get_the_file_itself() -> None:
    document = read(Masking.DOCUMENTS)
    services.set_member(
        asker(alice()), document.collection_id, user=bob(), role="writer"
    )
    path = f"/api/v1/documents/{document.pk}/file"
    assert client_of(alice()).get(path).status_code == 200
    assert client_of(bob()).get(path).status_code == 404
    # The text is masked, so it is for every reader.
    assert client_of(bob()).get(path.replace("/file", "/text")).status_code == 200


def test_a_setting_that_does_not_exist_is_refused() -> None:
    document = read(Masking.OFF)
    with pytest.raises(services.ValidationFailed, match="off, answers or documents"):
        services.update_collection(
            asker(alice()), document.collection_id, masking="some"
        )


def test_page_and_api_set_it() -> None:
    collection = make_collection()
    page = Client()
    page.force_login(alice())
    form = {"name": "C", "visibility": "members", "language": "english"}
    path = f"/collections/{collection.pk}/settings"
    assert page.post(path, {**form, "masking": "answers"}).status_code == 302
    collection.refresh_from_db()
    assert collection.masking == "answers"
    # A form that was open before the setting came changes nothing of it.
    assert page.post(path, form).status_code == 302
    collection.refresh_from_db()
    assert collection.masking == "answers"
    client = client_of(alice())
    answer: Any = client.patch(
        f"/api/v1/collections/{collection.pk}",
        {"masking": "documents"},
        content_type="application/json",
    )
    assert answer.json()["masking"] == "documents"


def test_the_claim_says_so() -> None:
    document = read(Masking.DOCUMENTS)
    services.retry(asker(alice()), document.pk)
    claimed = claim(document.pk)
    assert claimed is not None
    assert claimed.is_masked
    assert factories.stored_file(claimed.version.digest).read_bytes() == TEXT
