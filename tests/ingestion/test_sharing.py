"""One document for somebody who is not a member: to read, and no more."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import Group

from ingestion import services, sharing
from ingestion.models import Document, Role
from ingestion.visibility import (
    collections_reached_by,
    collections_visible_to,
    documents_visible_to,
    get_document_for,
    visible_to,
)
from rag_site.errors import NotFound, ValidationFailed
from rag_site.models import AuditEvent
from retrieval.search import search
from retrieval.types import RetrievalConfig
from tests.factories import (
    alice,
    asker,
    bob,
    charlie,
    make_collection,
    make_ready_document,
)
from tests.fakes import HashEmbedder
from tests.keyed import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def document() -> Document:
    """One of two in a collection of Alice's, in which Bob is a writer."""
    collection = make_collection(shared_with=bob(), role=Role.WRITER)
    make_ready_document(collection, "other.txt", ["Nothing for Charlie."])
    return make_ready_document(collection, "pump.txt")


def found_by_charlie() -> list[str]:
    visible = visible_to(asker(charlie()))
    config = RetrievalConfig(k=10)
    result = search("pump litres", visible, config, embedder=HashEmbedder())
    return [hit.document for hit in result.hits]


def test_it_is_found_and_read_and_nothing_beside_it(document: Document) -> None:
    assert found_by_charlie() == []
    share = sharing.share(asker(alice()), document.pk, user=charlie())
    assert found_by_charlie() == ["pump.txt"]
    assert list(documents_visible_to(asker(charlie()))) == [document]
    assert not collections_visible_to(asker(charlie())).exists()
    sharing.unshare(asker(alice()), document.pk, share.pk)
    assert found_by_charlie() == []
    actions = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["document.shared", "document.unshared"]


def test_a_group_gets_it_as_long_as_one_is_in_it(document: Document) -> None:
    group = Group.objects.create(name="Readers")
    sharing.share(asker(alice()), document.pk, group=group)
    assert found_by_charlie() == []
    charlie().groups.add(group)
    assert found_by_charlie() == ["pump.txt"]


def test_who_reads_it_may_do_nothing_to_it(document: Document) -> None:
    sharing.share(asker(alice()), document.pk, user=charlie())
    stranger = asker(charlie())
    for act in (services.retry, services.cancel, services.delete_document):
        with pytest.raises(NotFound):
            act(stranger, document.pk)
    with pytest.raises(NotFound):
        sharing.share(stranger, document.pk, user=bob())


def test_managers_share_and_others_do_not(document: Document) -> None:
    with pytest.raises(NotFound):
        sharing.share(asker(bob()), document.pk, user=charlie())
    with pytest.raises(ValidationFailed):
        sharing.share(asker(alice()), document.pk)
    with pytest.raises(NotFound):
        sharing.share(asker(alice()), uuid4(), user=charlie())
    again = [sharing.share(asker(alice()), document.pk, user=charlie()) for _ in "ab"]
    assert again[0] == again[1]


def test_a_key_for_other_collections_does_not_reach_it(document: Document) -> None:
    sharing.share(asker(alice()), document.pk, user=charlie())
    own = make_collection(charlie(), "Own")
    narrow = asker(charlie(), key_collections=frozenset({own.pk}))
    assert list(documents_visible_to(narrow)) == []
    assert list(collections_reached_by(narrow)) == [own]
    assert set(collections_reached_by(asker(charlie()))) == {own, document.collection}
    with pytest.raises(NotFound):
        get_document_for(narrow, document.pk)


def test_over_rest(document: Document) -> None:
    manager, stranger = client_of(alice()), client_of(charlie())
    shares = f"/api/v1/documents/{document.pk}/shares"
    body = {"user": "charlie"}
    assert stranger.get(f"/api/v1/documents/{document.pk}").status_code == 404
    made = manager.post(shares, body, content_type="application/json")
    assert (made.status_code, made.json()["user"]) == (201, "charlie")
    assert stranger.get(f"/api/v1/documents/{document.pk}").status_code == 200
    assert stranger.get(shares).status_code == 404
    assert (
        stranger.post(shares, body, content_type="application/json").status_code == 404
    )
    nobody = manager.post(shares, {"user": "nobody"}, content_type="application/json")
    assert nobody.status_code == 422
    assert [row["user"] for row in manager.get(shares).json()["items"]] == ["charlie"]
    assert manager.delete(f"{shares}/{made.json()['id']}").status_code == 204
    assert stranger.get(f"/api/v1/documents/{document.pk}").status_code == 404
