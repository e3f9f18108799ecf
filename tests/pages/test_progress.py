"""How far documents are, on pages that ask for it every two seconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django_htmx.http import HTMX_STOP_POLLING

from ingestion.models import Document
from rag_site.models import User
from tests import factories
from tests.pages.scenes import Scene

ClientOf = Callable[[User], Client]


@pytest.fixture
def alice(scene: Scene, client_of: ClientOf) -> Client:
    return client_of(factories.alice())


def test_progress_in_one_request(alice: Client, scene: Scene) -> None:
    Document.objects.filter(pk=scene.waiting.pk).update(
        state="parsing",
        lease_until="2999-01-01T00:00Z",
        progress_done=120,
        progress_total=500,
    )
    Document.objects.update(queued_at="2026-01-01T00:00Z")
    live = f"live=row:{scene.waiting.pk}&live=line:{scene.failed.pk}&live=row:nonsense"
    html = alice.get(f"/documents/progress?{live}").content.decode()
    assert "page 120 of 500" in html
    assert "of 3 files done, 1 failed" in html
    assert html.count("hx-swap-oob") == 2
    gone = str(scene.waiting.pk)
    scene.waiting.delete()
    html = alice.get(f"/documents/progress?live=row:{gone}").content.decode()
    assert f'id="document-{gone}" hx-swap-oob="delete"' in html
    assert "hx-get" not in html


def test_progress_of_rows_survives_the_parser(alice: Client, scene: Scene) -> None:
    """In one template a browser drops each row after a cell: "Ready" came last."""
    rows = (scene.waiting, scene.document)
    live = "&".join(f"live=row:{row.pk}" for row in rows)
    html = alice.get(f"/documents/progress?{live}").content.decode()
    cell, row = html.split("<template>")[1:]
    assert f'<td class="status" id="state-{scene.waiting.pk}"' in cell
    assert row.lstrip().startswith(f'<tr id="document-{scene.document.pk}"')


def test_the_page_of_a_document_asks_until_it_is_read(
    alice: Client, scene: Scene
) -> None:
    html = alice.get(f"/documents/{scene.waiting.pk}").content.decode()
    address = "/documents/progress?page=blank"
    assert f'hx-get="{address}"' in html
    live = f"&live=line:{scene.waiting.pk}"
    unread = alice.get(address + live)
    assert unread.status_code == 200
    assert "HX-Refresh" not in unread.headers
    Document.objects.filter(pk=scene.waiting.pk).update(state="ready")
    read = alice.get(address + live)
    assert (read.status_code, read.headers["HX-Refresh"]) == (HTMX_STOP_POLLING, "true")
    other = alice.get(f"/documents/progress?page=shown{live}")
    assert other.status_code == HTMX_STOP_POLLING
    assert "HX-Refresh" not in other.headers
    assert "Ready" in other.content.decode()
