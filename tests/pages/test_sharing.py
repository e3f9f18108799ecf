"""One document for somebody who is not a member, on its page."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from rag_site.models import User
from tests.factories import alice, charlie, make_collection, make_ready_document

ClientOf = Callable[[User], Client]


def test_a_document_is_shared_on_its_page(client_of: ClientOf) -> None:
    document = make_ready_document(make_collection())
    client, stranger = client_of(alice()), client_of(charlie())
    page = f"/documents/{document.pk}"
    client.post(f"{page}/share", {"user": "nobody"})
    assert "There is no user of this name." in client.get(page).content.decode()
    client.post(f"{page}/share", {"user": charlie().username})
    shown = client.get(page).content.decode()
    assert "Stop sharing with charlie" in shown
    shown = stranger.get(page).content.decode()
    assert "Shared with you" in shown
    assert "Stop sharing" not in shown
    client.post(f"{page}/shares/{document.shares.get().pk}/end")
    assert stranger.get(page).status_code == 404
