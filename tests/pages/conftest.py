from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.test import Client

from rag_site.models import User
from tests.gateway_fixtures import (  # noqa: F401 - pytest finds them here
    _closed_connections,
    _fresh_limits,
    _quick_passwords,
    model,
)
from tests.pages.scenes import Scene, make_scene


@pytest.fixture(scope="session", autouse=True)
def _collected_static_files() -> None:
    """Pages name hashed files, as in a real run; a missing one fails the page."""
    call_command("collectstatic", interactive=False, verbosity=0)


@pytest.fixture
def client_of(db: None) -> Callable[[User], Client]:
    """A browser in which that person is signed in."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="rag_site.sign_in.LimitedBackend")
        return client

    return signed_in


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()
