"""The address of Postgres: what it says holds for every connection to it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from rag_site.databases import database_of
from rag_site.own_connection import own_connection

MANAGED = (
    "postgresql://anna:s%3Dcret@db.example:6432/notes"
    "?sslmode=verify-full&sslrootcert=%2Fca.pem&connect_timeout=2"
    "&options=-c%20work_mem%3D64MB"
)


def test_what_an_address_says_besides_is_kept() -> None:
    found = database_of(MANAGED, setting="X", pool_size=0)
    assert (found["USER"], found["PASSWORD"]) == ("anna", "s=cret")
    assert (found["HOST"], found["PORT"], found["NAME"]) == (
        "db.example",
        "6432",
        "notes",
    )
    options = found["OPTIONS"]
    assert (options["sslmode"], options["sslrootcert"]) == ("verify-full", "/ca.pem")
    assert options["connect_timeout"] == "2"
    assert options["options"].startswith("-c work_mem=64MB -c statement_timeout=30s")


def test_without_an_address_the_local_default_is_meant() -> None:
    found = database_of("", setting="X", pool_size=0)
    assert (found["NAME"], found["HOST"], found["PORT"]) == ("plumbline", "", "")
    assert found["OPTIONS"]["connect_timeout"] == 5


def test_a_pool_has_its_size_and_waits_by_itself() -> None:
    options = database_of("", setting="X", pool_size=7)["OPTIONS"]
    assert options["pool"]["max_size"] == 7
    assert "connect_timeout" not in options
    assert (
        database_of(MANAGED, setting="X", pool_size=7)["OPTIONS"]["sslmode"]
        == "verify-full"
    )


@pytest.mark.parametrize(
    "url", ["localhost/notes", "postgres:/u:s3cret@h/n", f"{MANAGED}&nonsense=1"]
)
def test_what_is_no_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MY_URL is no address") as refused:
        database_of(url, setting="MY_URL", pool_size=0)
    assert "cret" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.fixture
def named() -> Iterator[str]:
    """Every connection says a name of its own, as an address may ask."""
    options = connection.settings_dict["OPTIONS"]
    connection.close()
    options["application_name"] = "held-to-it"
    yield "held-to-it"
    del options["application_name"]
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_own_connections_are_made_by_it_too(named: str) -> None:
    def setting(link: psycopg.Connection[object], name: str) -> object:
        row = link.execute("SELECT current_setting(%s)", [name]).fetchone()
        return row[0] if row else None  # type: ignore[index]

    with own_connection(statement_s=3) as link:
        assert setting(link, "application_name") == named
        assert setting(link, "statement_timeout") == "3s"
        assert link.info.dbname == connection.settings_dict["NAME"]
        assert link.autocommit
    with own_connection(database="postgres") as link:
        assert setting(link, "application_name") == named
        assert setting(link, "statement_timeout") == "0"
        assert link.info.dbname == "postgres"
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('application_name')")
        assert cursor.fetchone() == (named,)
