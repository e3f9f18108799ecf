"""The session of the pages at the API: the same rights, and proof of origin."""

from __future__ import annotations

import pytest
from django.test import Client

from rag_site.models import User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.alice())
    return client


def post(client: Client, token: str | None) -> int:
    headers = {"X-CSRFToken": token} if token else {}
    answer = client.post(
        "/api/v1/collections",
        {"name": "From a page"},
        content_type="application/json",
        headers=headers,
    )
    return answer.status_code


def test_a_session_reads_and_with_its_token_writes(browser: Client) -> None:
    assert browser.get("/api/v1/collections").status_code == 200
    assert post(browser, None) == 403
    assert post(browser, "x" * 64) == 403
    browser.get("/account")
    assert post(browser, browser.cookies["plumbline_csrf"].value) == 201


def test_a_suspended_session_is_nobody_at_once(browser: Client) -> None:
    User.objects.update(is_active=False)
    assert browser.get("/api/v1/collections").status_code == 401
    assert browser.get("/documents").status_code == 302


def test_a_wrong_key_is_not_saved_by_the_session(browser: Client) -> None:
    answer = browser.get(
        "/api/v1/collections", headers={"Authorization": "Bearer plb_00000000_x"}
    )
    assert answer.status_code == 401


def test_the_cookies_are_closed_to_scripts_and_other_sites() -> None:
    factories.alice()
    client = Client()
    client.post("/sign-in", {"username": "alice", "password": factories.PASSWORD})
    session = client.cookies["plumbline_session"]
    assert session["httponly"]
    assert session["samesite"] == "Lax"
