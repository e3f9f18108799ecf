"""Fixtures of the tests that go through the gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from asgiref.sync import SyncToAsync
from django.db import connections
from pytest_django import Settings

import retrieval.search
from generation.parts import using
from rag_site import limits
from tests.fakes import HashEmbedder
from tests.fakes_llm import ScriptedLLM


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """Argon2 is slow on purpose, and hundreds of people are made here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _plain_static(settings: Settings) -> None:
    """Pages name static files without the hash that collecting them gives."""
    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": plain}}


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    """Counters of one test must not stop the next."""
    limits._client().flushdb()
    limits._here.clear()
    limits._away_until = 0.0


@pytest.fixture(autouse=True)
def _closed_connections() -> Iterator[None]:
    """The test client's async requests leave theirs open in asgiref's thread."""
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedLLM]:
    """Answer and search without weights."""
    monkeypatch.setattr(retrieval.search, "get_embedder", HashEmbedder)
    model = ScriptedLLM()
    with using(model, embedder=HashEmbedder()):
        yield model
