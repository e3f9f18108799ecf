"""A connection to the site's database apart from Django's: no pool, no transaction."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import connection

# What Django adds for its own cursors.
_DJANGO = frozenset(
    {"client_encoding", "context", "cursor_factory", "prepare_threshold"}
)


def own_connection(
    *, connect_s: int = 5, statement_s: int = 0, database: str = ""
) -> psycopg.Connection[Any]:
    """Connect as Django does, encryption included, but for what is said here.

    Args:
        connect_s: seconds until a server that does not answer is given up.
        statement_s: the same of a statement; 0 is without a limit.
        database: another one of the same server.

    Raises:
        psycopg.OperationalError
    """
    params = connection.get_connection_params()
    told = {name: value for name, value in params.items() if name not in _DJANGO}
    named = {"dbname": database} if database else {}
    limits = {
        "connect_timeout": connect_s,
        "options": f"-c statement_timeout={statement_s}s",
    }
    return psycopg.connect(**{**told, **named, **limits}, autocommit=True)
