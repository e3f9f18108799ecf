"""Sign in, first run, account, keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings

from ingestion.models import Collection, Document
from rag_site import first_admin
from rag_site.first_run import FIRST_QUESTION
from rag_site.keys import asker_of_key
from rag_site.models import ApiKey, User
from tests import factories

ClientOf = Callable[[User], Client]
FORM = {
    "username": "ada",
    "password1": "correct-horse-battery-9",
    "password2": "correct-horse-battery-9",
    "collection": "Handbook",
}


@pytest.mark.django_db
def test_signing_in_goes_where_one_wanted_to_go() -> None:
    factories.alice()
    client = Client()
    sent = {"username": "alice", "password": factories.PASSWORD, "next": "/documents"}
    assert client.post("/sign-in", sent)["Location"] == "/documents"
    assert client.get("/account").status_code == 200
    assert client.post("/sign-out")["Location"] == "/sign-in"
    assert client.get("/account").status_code == 302


@pytest.mark.django_db
def test_a_wrong_password_says_so_and_too_many_say_how_long(settings: Settings) -> None:
    settings.SIGN_IN_ATTEMPTS = 3
    factories.alice()
    wrong = {"username": "alice", "password": "not this one"}
    for _ in range(3):
        refused = Client().post("/sign-in", wrong)
        assert refused.status_code == 422
        assert "do not match" in refused.content.decode()
    limited = Client().post("/sign-in", wrong)
    assert limited.status_code == 429
    assert "15 minutes" in limited.content.decode()
    assert limited["Retry-After"] == "900"
    right = {"username": "alice", "password": factories.PASSWORD}
    assert Client().post("/sign-in", right).status_code == 429


@pytest.mark.django_db
def test_signing_in_never_sends_one_elsewhere() -> None:
    factories.alice()
    sent = {
        "username": "alice",
        "password": factories.PASSWORD,
        "next": "https://elsewhere.example/",
    }
    assert Client().post("/sign-in", sent)["Location"] == "/"


@pytest.mark.django_db(transaction=True)
def test_the_one_time_link_works_once() -> None:
    token = first_admin.new_token()
    client = Client()
    page = client.get(f"/setup/{token}").content.decode()
    assert "This machine will run" in page
    assert "tokens" in page
    response = client.post(f"/setup/{token}", FORM | {"sample": "on"})
    assert response.status_code == 302
    assert response["Location"] == f"/?{urlencode({'q': FIRST_QUESTION})}"
    ada = User.objects.get(username="ada")
    assert ada.is_superuser
    assert Collection.objects.get(owner=ada).name == "Handbook"
    assert Document.objects.get().name == "About Plumbline.md"
    assert client.get("/").status_code == 200
    assert Client().get(f"/setup/{token}").status_code == 404
    again = Client().post(f"/setup/{token}", FORM | {"username": "eve"})
    assert again.status_code == 404
    assert not User.objects.filter(username="eve").exists()


@pytest.mark.django_db
def test_a_guessed_link_and_a_weak_password_are_refused() -> None:
    assert Client().get("/setup/guess").status_code == 404
    token = first_admin.new_token()
    weak = FORM | {"password1": "12345", "password2": "12345"}
    page = Client().post(f"/setup/{token}", weak)
    assert page.status_code == 422
    assert "at least 8 characters" in page.content.decode()
    assert not User.objects.exists()


def test_the_theme_is_kept(client_of: ClientOf) -> None:
    client = client_of(factories.alice())
    assert "data-theme" not in client.get("/account").content.decode()
    client.post("/account", {"theme": "dark"})
    assert '<html lang="en" data-theme="dark">' in client.get("/").content.decode()


def test_a_new_password_ends_other_sessions(client_of: ClientOf) -> None:
    here, there = client_of(factories.alice()), client_of(factories.alice())
    sent = {
        "old_password": factories.PASSWORD,
        "new_password1": "another-good-one-77",
        "new_password2": "another-good-one-77",
    }
    wrong = here.post("/account/password", sent | {"old_password": "no"})
    assert wrong.status_code == 422
    assert here.post("/account/password", sent).status_code == 302
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 302


def test_the_old_password_is_guessed_as_seldom_as_at_the_door(
    client_of: ClientOf, settings: Settings
) -> None:
    settings.SIGN_IN_ATTEMPTS = 3
    client = client_of(factories.alice())
    new = "another-good-one-77"
    sent = {"new_password1": new, "new_password2": new}
    for _ in range(3):
        client.post("/account/password", sent | {"old_password": "guess"})
    right = sent | {"old_password": factories.PASSWORD}
    page = client.post("/account/password", right)
    assert page.status_code == 422
    assert "Too many failed attempts" in page.content.decode()
    assert User.objects.get().check_password(factories.PASSWORD)


def test_other_browsers_are_signed_out(client_of: ClientOf) -> None:
    here, there = client_of(factories.alice()), client_of(factories.alice())
    bob = client_of(factories.bob())
    assert "Sign out the others" in here.get("/account").content.decode()
    here.post("/account/sessions/end")
    assert there.get("/account").status_code == 302
    assert here.get("/account").status_code == 200
    assert bob.get("/account").status_code == 200
    assert Session.objects.count() == 2


def test_a_key_is_shown_once_works_and_is_revoked(client_of: ClientOf) -> None:
    client = client_of(factories.alice())
    collection = factories.make_collection()
    form = {
        "name": "nightly",
        "scopes": ["read", "ask"],
        "collections": [collection.pk],
        "days": 30,
    }
    page = client.post("/account/keys", form)
    secret = re.search(r"plb_\w+?_[\w-]{20,}", page.content.decode())
    assert secret
    assert page["Cache-Control"] == "no-store"
    asker = asker_of_key(secret.group())
    assert asker.key_collections == {collection.pk}
    assert asker.scopes == {"read", "ask"}
    later = client.get("/account/keys").content.decode()
    assert secret.group() not in later
    assert "nightly" in later
    key = ApiKey.objects.get()
    stranger = client_of(factories.charlie())
    assert stranger.post(f"/account/keys/{key.pk}/revoke").status_code == 404
    client.post(f"/account/keys/{key.pk}/revoke")
    key.refresh_from_db()
    assert key.revoked_at


def test_a_key_needs_a_name_a_scope_and_a_visible_collection(
    client_of: ClientOf,
) -> None:
    client = client_of(factories.charlie())
    foreign = factories.make_collection()
    good = {"name": "k", "scopes": ["read"], "days": 30}
    for wrong in (
        {"name": ""},
        {"scopes": []},
        {"days": 4000},
        {"collections": [foreign.pk]},
    ):
        response = client.post("/account/keys", good | wrong)
        assert response.status_code == 422
        assert "errorlist" in response.content.decode()
    assert not ApiKey.objects.exists()
