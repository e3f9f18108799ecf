"""A scratch database is apart from the site's and never outlives its run."""

from __future__ import annotations

import pytest
from django.db import connection, connections
from psycopg import sql

from ingestion.models import Collection
from rag_site.models import User
from rag_site.scratch import PREFIX, scratch_database
from tests.factories import make_collection

pytestmark = pytest.mark.django_db(transaction=True)


def names() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        return {name for (name,) in cursor}


def scratch_names() -> set[str]:
    return {name for name in names() if name.startswith(PREFIX)}


def current_name() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        return str(cursor.fetchone()[0])


def test_it_is_migrated_empty_and_apart() -> None:
    make_collection(name="Site's own")
    site = current_name()
    with scratch_database() as name:
        assert current_name() == name != site
        assert not User.objects.exists()
        make_collection(name="Scratch")
    assert current_name() == site
    assert connections.settings["default"]["NAME"] == site
    assert [row.name for row in Collection.objects.all()] == ["Site's own"]
    assert name not in scratch_names()


def test_it_is_dropped_after_a_failure() -> None:
    site = current_name()
    made = []

    def fail() -> None:
        with scratch_database() as name:
            made.append(name)
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail()
    assert made
    assert current_name() == site
    assert made[0] not in scratch_names()


def test_what_a_killed_run_left_is_dropped_by_the_next() -> None:
    left = f"{PREFIX}1_dead"
    with connection.cursor() as cursor:
        create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(left))
        cursor.execute(create.as_string())
    with scratch_database():
        assert left not in scratch_names()


def test_one_that_is_in_use_is_left_alone() -> None:
    with scratch_database() as first:
        # As another process does it: from the site's database.
        site = [name for name in names() if name.startswith("test_plumbline")]
        assert site
        connections["default"].settings_dict["NAME"] = site[0]
        connections["default"].close()
        with scratch_database() as second:
            assert {first, second} <= scratch_names()
        connections["default"].settings_dict["NAME"] = first
        connections["default"].close()
        assert current_name() == first
