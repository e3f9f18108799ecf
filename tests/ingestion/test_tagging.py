"""Tags: set by writers, shown to readers, one form for all doors."""

from __future__ import annotations

import pytest

from ingestion import tagging
from ingestion.models import Document, Role
from ingestion.tagging import MAX_TAGS, TagInvalid, clean
from rag_site.errors import NotFound
from rag_site.models import AuditEvent
from tests.factories import (
    alice,
    asker,
    bob,
    charlie,
    make_collection,
    make_ready_document,
    make_user,
)
from tests.keyed import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def document() -> Document:
    """In a collection of Alice's, which Bob reads and Dora writes."""
    collection = make_collection(shared_with=bob())
    collection.memberships.create(user=make_user("dora"), role=Role.WRITER)
    return make_ready_document(collection, "pump.txt")


def test_tags_have_one_form() -> None:
    assert clean([" Travel  2025 ", "travel 2025", "HR"]) == ["hr", "travel 2025"]
    assert clean(["ｆｕｌｌ", "Straße"]) == ["full", "strasse"]


@pytest.mark.parametrize("tag", ["", "  ", "a,b", '"a"', "a\x00b", "x" * 41])
def test_what_cannot_be_a_tag_is_refused(tag: str) -> None:
    with pytest.raises(TagInvalid):
        clean([tag])


def test_there_is_a_limit() -> None:
    with pytest.raises(TagInvalid, match="at most 20 tags; these are 21"):
        clean(str(n) for n in range(MAX_TAGS + 1))


def test_writers_set_them_and_nobody_else(document: Document) -> None:
    for _ in "ab":
        tagging.set_tags(asker(make_user("dora")), document.pk, ["Travel", "hr"])
    document.refresh_from_db()
    assert document.tags == ["hr", "travel"]
    for stranger in (bob(), charlie()):
        with pytest.raises(NotFound):
            tagging.set_tags(asker(stranger), document.pk, [])
    assert AuditEvent.objects.get().detail["tags"] == ["hr", "travel"]


def test_over_rest(document: Document) -> None:
    client = client_of(alice())
    address = f"/api/v1/documents/{document.pk}/tags"
    body = {"tags": ["Travel"]}
    answer = client.put(address, body, content_type="application/json")
    assert (answer.status_code, answer.json()["tags"]) == (200, ["travel"])
    for tag, count in (("TRAVEL", 1), ("hr", 0)):
        listed = client.get("/api/v1/documents", {"tag": tag}).json()["items"]
        assert len(listed) == count
    answer = client.put(address, {"tags": ["a,b"]}, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "tag_invalid")
    answer = client_of(bob()).put(address, body, content_type="application/json")
    assert answer.status_code == 404
