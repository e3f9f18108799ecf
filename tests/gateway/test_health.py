from __future__ import annotations

import time

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from ingestion.models import WorkerHeartbeat
from rag_site import health
from tests import factories
from tests.keyed import client_of, client_with, make_key

pytestmark = pytest.mark.django_db(transaction=True)


def by_name() -> dict[str, health.Part]:
    return {part.name: part for part in health.parts()}


def test_alive_needs_nothing_at_all(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    with django_assert_num_queries(0):
        assert Client().get("/health/live").json() == {"status": "ok"}


def test_each_part_is_told_apart() -> None:
    found = by_name()
    assert found["database"].ok
    assert found["redis"].ok
    assert found["disk"].ok
    assert not found["worker"].ok
    assert not found["model"].ok
    assert all(part.ok or part.what_to_do for part in found.values())
    WorkerHeartbeat.objects.create(name="w", at=timezone.now())
    assert by_name()["worker"].ok


def test_not_ready_names_the_part_and_gives_nothing_away() -> None:
    answer = Client().get("/health/ready")
    assert answer.status_code == 503
    assert answer["Retry-After"]
    parts = {part["name"]: part["ok"] for part in answer.json()["parts"]}
    assert parts["database"]
    assert not parts["model"]
    assert b"Postgres 1" not in answer.content


def test_parts_that_hang_do_not_hold_the_answer_up(settings: Settings) -> None:
    # An address of the documentation network: packets to it go nowhere.
    settings.REDIS_URL = "redis://192.0.2.1:6379/0"
    settings.MODEL_SERVER_URL = "http://192.0.2.1:9/v1"
    started = time.monotonic()
    found = by_name()
    assert time.monotonic() - started < 4
    assert not found["redis"].ok
    assert not found["model"].ok
    assert found["database"].ok


def test_figures_are_for_staff_only() -> None:
    factories.make_ready_document(factories.make_collection())
    staff = factories.make_user("staff", is_staff=True)
    assert Client().get("/metrics").status_code == 401
    assert client_of(factories.alice()).get("/metrics").status_code == 403
    assert (
        client_with(make_key(staff, scopes=["read"])).get("/metrics").status_code == 403
    )
    answer = client_with(make_key(staff, scopes=["manage"])).get("/metrics")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert 'plumbline_documents{state="ready"} 1.0' in text
    assert 'plumbline_part_up{part="database"} 1.0' in text
    browser = Client()
    browser.force_login(staff)
    assert browser.get("/metrics").status_code == 200
