"""Tables emptied between tests by deleting, which is cheap where they hold few rows.

Django truncates every table and then makes all content types and permissions again:
0.35 s after each test with transactions of its own, a third of the fast suite.
"""

from __future__ import annotations

from typing import Any

from django.core.management.commands import flush
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations

# Rows of the migrations, the same for every test.
_KEPT = frozenset({"django_content_type", "auth_permission"})


def delete_instead_of_truncating() -> None:
    """Only of use with a role that may suspend foreign keys."""
    DatabaseOperations.sql_flush = _deletions  # type: ignore[method-assign]
    flush.emit_post_migrate_signal = lambda *_args, **_kwargs: None


def forget_at_once() -> None:
    """Let Postgres not wait for the disk: nothing of a test outlives it."""
    with connection.cursor() as cursor:
        for name in ("fsync", "full_page_writes"):
            cursor.execute(f"ALTER SYSTEM SET {name} = off")
        cursor.execute("SELECT pg_reload_conf()")


def _deletions(
    operations: Any, _style: object, tables: list[str], **_options: bool
) -> list[str]:
    names = [operations.quote_name(name) for name in tables if name not in _KEPT]
    return [
        "SET LOCAL session_replication_role = replica",
        "; ".join(f"DELETE FROM {name}" for name in names),
        "SET LOCAL session_replication_role = DEFAULT",
    ]
