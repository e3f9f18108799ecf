from __future__ import annotations

from tests.gateway_fixtures import (  # noqa: F401 - pytest finds them here
    _closed_connections,
    _fresh_limits,
    _plain_static,
    _quick_passwords,
)
