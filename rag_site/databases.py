"""An address of Postgres to Django's settings of it. Pure."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

# Of a connection string -> Django's name of it; all others are libpq's own options.
_NAMES = {
    "dbname": "NAME",
    "user": "USER",
    "password": "PASSWORD",
    "host": "HOST",
    "port": "PORT",
}
# Seconds: a statement or a transaction left open holds locks that others wait for.
_LIMITS = "-c statement_timeout=30s -c idle_in_transaction_session_timeout=30s"


def database_of(url: str, *, setting: str, pool_size: int) -> dict[str, Any]:
    """Return Django's settings of the database at ``url``.

    Whatever else the address says, such as ``sslmode`` and ``sslrootcert``, holds for
    every connection.

    Args:
        url: a URL or a connection string of libpq; "" is the local default.
        setting: where it comes from.
        pool_size: most connections of a pool; 0 for none.

    Raises:
        ImproperlyConfigured: it is neither, or has an option that libpq has not.
    """
    try:
        told = {"dbname": "plumbline", **conninfo_to_dict(url)}
    except ProgrammingError:
        # libpq's words may repeat the password.
        raise ImproperlyConfigured(
            f"{setting} is no address of Postgres: use "
            "postgresql://user:password@host:port/name, with options that libpq knows."
        ) from None
    # A pool waits by its own limit.
    default = {} if pool_size else {"connect_timeout": 5}
    rest = {name: value for name, value in told.items() if name not in _NAMES}
    pool = {"min_size": 2, "max_size": pool_size, "timeout": 5}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{name: str(told.get(key, "")) for key, name in _NAMES.items()},
        # Persistent connections leak under ASGI (Django ticket 33497).
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **default,
            **rest,
            "options": f"{rest.get('options', '')} {_LIMITS}".strip(),
            **({"pool": pool} if pool_size else {}),
        },
    }
