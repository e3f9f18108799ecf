"""An administrator sees what somebody reaches, never what the documents say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from ingestion.models import Membership
from rag_site.models import AuditEvent, User
from tests import factories
from tests.fakes import HashEmbedder

ClientOf = Callable[[User], Client]
SECRET = "The vault opens at noon."
pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client_of: ClientOf) -> Client:
    return client_of(factories.make_user("root", is_superuser=True))


@pytest.fixture(autouse=True)
def _embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.search.get_embedder", HashEmbedder)


def shown(client: Client, person: User, question: str = "") -> str:
    sent = {"person": person.username, "question": question}
    answer = client.post("/health/see-as", sent)
    assert answer.status_code == 200
    return answer.content.decode()


def test_each_reason_is_named_and_looking_is_recorded(admin: Client) -> None:
    bob, group = factories.bob(), Group.objects.create(name="Sales")
    bob.groups.add(group)
    factories.make_collection(bob, "Own")
    factories.make_collection(name="Joined", shared_with=bob)
    through = factories.make_collection(name="Grouped")
    Membership.objects.create(collection=through, group=group, role="writer")
    factories.make_collection(name="Open", visibility="everyone")
    factories.make_collection(name="Closed")
    page = shown(admin, bob)
    for words in (
        "owner",
        "reader, as a member",
        "writer, through the group Sales",
        "reader, because everyone may read it",
        "may read 4 collections",
    ):
        assert words in page
    assert "Closed" not in page
    event = AuditEvent.objects.get(action="rights.seen_as")
    assert event.detail == {"user": "bob", "searched": False}


def test_a_question_names_places_and_quotes_nothing(admin: Client) -> None:
    collection = factories.make_collection(shared_with=factories.bob())
    factories.make_ready_document(collection, "vault.txt", [SECRET])
    page = shown(admin, factories.bob(), "When does the vault open?")
    assert "vault.txt" in page
    assert "noon" not in page
    page = shown(admin, factories.charlie(), "When does the vault open?")
    assert "vault.txt" not in page


def test_nobody_else_finds_it(client_of: ClientOf) -> None:
    staff = factories.make_user("staff", is_staff=True)
    for person in (factories.alice(), staff):
        browser = client_of(person)
        assert browser.get("/health/see-as").status_code == 404
        assert browser.post("/health/see-as", {"person": "bob"}).status_code == 404
    assert not AuditEvent.objects.filter(action="rights.seen_as").exists()
