"""The session of the pages at the API: the same rights, and proof of origin."""

from __future__ import annotations

import pytest
from django.test import Client

from ingestion.models import Document
from rag_site.models import User
from tests import factories
from tests.keyed import make_key

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


def test_the_password_of_a_proxy_in_front_stands_in_nobodys_way(
    browser: Client,
) -> None:
    """A proxy that asks for one of its own passes it on with every request."""
    headers = {"Authorization": "Basic dGVhbTpzZXNhbWU="}
    for path in ("/", "/documents", "/api/v1/collections"):
        assert browser.get(path, headers=headers).status_code == 200
        assert Client().get(path, headers=headers).status_code in {302, 401}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Token"])
def test_a_key_opens_no_page_beside_the_session_of_another(scheme: str) -> None:
    """Pages look at no scopes, so a key to read would do all there."""
    document = factories.make_document(factories.make_collection())
    secret = make_key(factories.alice(), scopes={"read"})
    client = Client()
    client.force_login(factories.charlie())
    headers = {"Authorization": f"{scheme} {secret}"}
    page = f"/documents/{document.pk}"
    assert client.get(page, headers=headers).status_code == 401
    assert client.post(f"{page}/delete", headers=headers).status_code == 401
    assert Document.objects.filter(pk=document.pk).exists()
    alone = Client().get(page, headers=headers)
    assert alone["Location"] == f"/sign-in?next={page}"


def test_the_cookies_are_closed_to_scripts_and_other_sites() -> None:
    factories.alice()
    client = Client()
    client.post("/sign-in", {"username": "alice", "password": factories.PASSWORD})
    session = client.cookies["plumbline_session"]
    assert session["httponly"]
    assert session["samesite"] == "Lax"


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://testserver/c/1?q=a", "/c/1%3Fq%3Da"),
        ("https://elsewhere.example/c/1", "/"),
        ("http://testserver", "/"),
        ("", "/"),
    ],
)
def test_a_form_is_sent_back_to_the_page_where_it_stood(
    referer: str, back: str
) -> None:
    """Its own address answers no GET."""
    answer = Client().post("/ask", headers={"Referer": referer})
    assert answer["Location"] == f"/sign-in?next={back}"


def test_a_page_is_sent_to_sign_in_and_a_script_is_told_the_way_back() -> None:
    """A script would take the page that a redirect leads to for what it asked for."""
    answer = Client().get("/documents")
    assert answer["Location"] == "/sign-in?next=/documents"
    headers = {
        "HX-Request": "true",
        "HX-Current-URL": "http://testserver/c/1?q=a&b=c",
    }
    told = Client().post("/ask", {"question": "What?"}, headers=headers)
    assert told.status_code == 401
    html = told.content.decode()
    assert "You are signed out." in html
    assert '<a href="/sign-in?next=%2Fc%2F1%3Fq%3Da%26b%3Dc">' in html
    headers["HX-Current-URL"] = "https://elsewhere.example/"
    html = Client().post("/ask", headers=headers).content.decode()
    assert "next=%2F" in html
    assert "elsewhere" not in html
