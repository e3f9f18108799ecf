"""The adapter that answers over a collection, in its settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from ingestion.models import Collection
from rag_site.models import User
from tests.factories import alice, make_collection

ClientOf = Callable[[User], Client]


@pytest.fixture
def adapters(tmp_path: Path, settings: Settings) -> Path:
    settings.VAR_DIR = tmp_path
    (tmp_path / "adapters").mkdir()
    return tmp_path / "adapters"


def page_of(collection: Collection) -> str:
    return f"/collections/{collection.pk}/settings"


def filled(collection: Collection, **fields: str) -> dict[str, str]:
    kept = {"name": collection.name, "visibility": "members", "language": "english"}
    return kept | fields


def test_a_manager_chooses_one_of_those_that_are_here(
    client_of: ClientOf, adapters: Path
) -> None:
    (adapters / "law.gguf").write_bytes(b"x")
    collection, client = make_collection(), client_of(alice())
    assert (
        '<option value="law">law</option>'
        in client.get(page_of(collection)).content.decode()
    )
    client.post(page_of(collection), filled(collection, adapter="law"))
    collection.refresh_from_db()
    assert collection.adapter == "law"
    client.post(page_of(collection), filled(collection))
    collection.refresh_from_db()
    assert collection.adapter == "law", "left out, it stays"
    client.post(page_of(collection), filled(collection, adapter=""))
    collection.refresh_from_db()
    assert collection.adapter == ""


def test_another_name_is_refused(client_of: ClientOf, adapters: Path) -> None:
    (adapters / "law.gguf").write_bytes(b"x")
    collection, client = make_collection(), client_of(alice())
    reply = client.post(page_of(collection), filled(collection, adapter="tax"))
    assert reply.status_code == 422
    collection.refresh_from_db()
    assert collection.adapter == ""


def test_without_any_there_is_no_choice(client_of: ClientOf, adapters: Path) -> None:
    html = client_of(alice()).get(page_of(make_collection())).content.decode()
    assert "Adapter of the model" not in html


def test_one_that_is_gone_is_told_and_kept_until_changed(
    client_of: ClientOf, adapters: Path
) -> None:
    collection, client = make_collection(), client_of(alice())
    Collection.objects.filter(pk=collection.pk).update(adapter="old")
    html = client.get(page_of(collection)).content.decode()
    assert "old (no longer on this machine)" in html
    client.post(page_of(collection), filled(collection, adapter="old"))
    collection.refresh_from_db()
    assert collection.adapter == "old"
