"""One set of servers for all fault tests: starting them takes as long as a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.site import Site, own_site


@pytest.fixture(scope="session")
def servers() -> Iterator[Site]:
    with own_site() as made:
        yield made


@pytest.fixture
def site(servers: Site) -> Site:
    """An empty site; who starts processes in it ends them."""
    servers.forget()
    return servers
