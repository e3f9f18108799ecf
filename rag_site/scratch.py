"""A database of its own for evaluations and benchmarks, dropped afterwards.

    with scratch_database():
        ...   # Django's default connection is an empty, migrated database

The site's data stays where it is, on the same server. The name says whose it
is, an advisory lock says that its run is alive: locks
end with their connection, so what a killed run left is dropped by the next.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from rag_site.errors import Unavailable
from rag_site.own_connection import own_connection

PREFIX = "plumbline_scratch_"
MAINTENANCE_DATABASE = "postgres"


class ScratchRefused(Unavailable):
    """This database user may not create databases. Give it the right (ALTER ROLE ... CREATEDB)."""

    code = "scratch_refused"


@contextmanager
def scratch_database() -> Iterator[str]:
    """Point the default connection at a fresh database while the block runs.

    Yields its name. For commands, which have one thread and no open transaction.

    Raises:
        ScratchRefused: the database user may not create databases.
    """
    with _connect() as server:
        _drop_leftovers(server)
        name = f"{PREFIX}{os.getpid()}_{secrets.token_hex(4)}"
        _lock(server, name)
        try:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege as exc:
            raise ScratchRefused from exc
        try:
            with _default_connection_to(name):
                call_command("migrate", verbosity=0, interactive=False)
                yield name
        finally:
            _drop(server, name)


@contextmanager
def _default_connection_to(name: str) -> Iterator[None]:
    """Change the name in the settings that every thread's connection is made from."""
    # The test runner of Django changes the name in the same two places.
    wanted = [connections.settings["default"], connections["default"].settings_dict]
    before = wanted[0]["NAME"]
    _rename(wanted, name)
    try:
        yield
    finally:
        _rename(wanted, before)


def _rename(holders: list[dict[str, Any]], name: str) -> None:
    connections["default"].close()
    for holder in holders:
        holder["NAME"] = name


def _connect() -> psycopg.Connection[Any]:
    """Connect to the server's maintenance database, where every run meets.

    Advisory locks are seen within one database only.
    """
    return own_connection(database=MAINTENANCE_DATABASE)


def _lock(server: psycopg.Connection[Any], name: str) -> bool:
    """Take the lock that says ``name`` is in use; False if another run has it."""
    row = server.execute(
        "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name]
    ).fetchone()
    return bool(row and row[0])


def _drop_leftovers(server: psycopg.Connection[Any]) -> None:
    # The underscore is a wildcard in LIKE; starts_with takes it as it is.
    rows = server.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX]
    ).fetchall()
    for (name,) in rows:
        if _lock(server, name):
            _drop(server, name)


def _drop(server: psycopg.Connection[Any], name: str) -> None:
    server.execute(
        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    )
