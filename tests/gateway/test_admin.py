from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from generation.models import Answer, Conversation
from ingestion.models import Collection, Document, Membership
from rag_site.models import ApiKey, AuditEvent, User
from tests import factories
from tests.keyed import client_with, make_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser() -> Client:
    client = Client()
    client.force_login(factories.make_user("root", is_superuser=True))
    return client


@pytest.fixture
def document() -> Document:
    collection = factories.make_collection(shared_with=factories.bob())
    return factories.make_document(
        collection, state=Document.State.FAILED, failure_code="corrupt"
    )


def test_every_page_opens_without_inline_script_or_style(
    browser: Client, document: Document
) -> None:
    secret = make_key(factories.alice())
    chat = Conversation.objects.create(user=factories.alice())
    Answer.objects.create(conversation=chat, question="q", text="a")
    paths = [reverse("admin:index")]
    for model in admin.site._registry:
        place = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        paths.append(reverse(f"{place}_changelist"))
        row = model._default_manager.first()
        if row is not None:
            paths.append(reverse(f"{place}_change", args=[row.pk]))
    for path in paths:
        answer = browser.get(path)
        text = answer.content.decode()
        assert answer.status_code == 200, path
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*json)[^>]*>", text), path
        assert " style=" not in text, path
        assert secret not in text
        assert ApiKey.objects.get().digest not in text
        assert "Plumbline administration" in text
        assert "css/admin.css" in text


def test_what_a_suspended_owner_left_is_given_to_somebody_and_then_kept_up(
    browser: Client, document: Document
) -> None:
    owner, heir = document.collection.owner, factories.bob()
    owner.is_active = False
    owner.save()
    act(browser, "ingestion_document", "retry", document)
    document.refresh_from_db()
    assert document.state == Document.State.FAILED
    path = reverse("admin:ingestion_collection_change", args=[document.collection_id])
    form = {**_shown_fields(browser, path), "description": "Of the workshop"}
    refused = browser.post(path, form)
    assert "This owner is suspended" in refused.content.decode()
    assert browser.post(path, {**form, "owner": heir.pk}).status_code == 302
    collection = Collection.objects.get()
    assert (collection.owner, collection.description) == (heir, "Of the workshop")
    act(browser, "ingestion_document", "retry", document)
    document.refresh_from_db()
    assert document.state == Document.State.QUEUED


def _shown_fields(browser: Client, path: str) -> dict[str, Any]:
    """What the form of an admin page would send back unchanged."""
    context = browser.get(path).context
    forms = [context["adminform"].form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    return {
        field.html_name: "" if field.value() is None else field.value()
        for form in forms
        for field in form
    }


def act(browser: Client, model: str, action: str, *rows: object) -> None:
    answer = browser.post(
        reverse(f"admin:{model}_changelist"),
        {"action": action, "_selected_action": [row.pk for row in rows]},  # type: ignore[attr-defined]
    )
    assert answer.status_code == 302, answer.content


def test_retry_acts_for_the_owner_and_names_the_administrator(
    browser: Client, document: Document
) -> None:
    act(browser, "ingestion_document", "retry", document)
    document.refresh_from_db()
    assert document.state == Document.State.QUEUED
    event = AuditEvent.objects.get(action="document.retried")
    assert event.user_name == "root"
    assert event.detail["on_behalf_of"] == "alice"


def test_deleting_takes_the_file_along(browser: Client, document: Document) -> None:
    file = factories.stored_file(document.versions.get().digest)
    assert file.exists()
    path = reverse("admin:ingestion_document_delete", args=[document.pk])
    assert browser.get(path).status_code == 200
    assert browser.post(path, {"post": "yes"}).status_code == 302
    assert not Document.objects.exists()
    assert not file.exists()
    assert AuditEvent.objects.filter(
        action="document.deleted", user_name="root"
    ).exists()


def test_a_collection_is_changed_and_shared(browser: Client) -> None:
    collection = factories.make_collection()
    bob = factories.bob()
    form = {
        "name": "Renamed",
        "description": "",
        "owner": collection.owner_id,
        "visibility": "members",
        "language": "german",
        "masking": "answers",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": bob.pk,
        "memberships-0-role": "writer",
        "memberships-0-collection": str(collection.pk),
    }
    path = reverse("admin:ingestion_collection_change", args=[collection.pk])
    answer = browser.post(path, form)
    assert answer.status_code == 302, answer.content.decode()
    collection.refresh_from_db()
    assert (collection.name, collection.language) == ("Renamed", "german")
    assert Membership.objects.get().user == bob
    event = AuditEvent.objects.get(action="member.set")
    assert event.user_name == "root"


def test_a_collection_goes_with_its_documents(
    browser: Client, document: Document
) -> None:
    act_path = reverse("admin:ingestion_collection_changelist")
    browser.post(
        act_path,
        {
            "action": "delete_selected",
            "_selected_action": [document.collection_id],
            "post": "yes",
        },
    )
    assert not Collection.objects.exists()
    assert not Document.objects.exists()


def test_keys_are_revoked_and_nothing_else(browser: Client) -> None:
    secret = make_key(factories.alice())
    act(browser, "rag_site_apikey", "revoke", ApiKey.objects.get())
    answer = client_with(secret).get("/api/v1/collections")
    assert answer.json()["error"]["code"] == "key_revoked"
    assert browser.get(reverse("admin:rag_site_apikey_add")).status_code == 403


def test_reading_a_conversation_is_on_record(browser: Client) -> None:
    chat = Conversation.objects.create(user=factories.alice())
    path = reverse("admin:generation_conversation_change", args=[chat.pk])
    assert browser.get(path).status_code == 200
    assert browser.post(path, {"title": "x"}).status_code == 403
    event = AuditEvent.objects.filter(
        action="conversation.read_by_administrator"
    ).first()
    assert event
    assert event.object_id == str(chat.pk)


def test_staff_cannot_make_themselves_more(document: Document) -> None:
    helper = factories.make_user("helper", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    root = factories.make_user("root", is_superuser=True)
    client = Client()
    client.force_login(helper)
    path = reverse("admin:rag_site_user_change", args=[helper.pk])
    form = {
        "username": "helper",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "theme": "system",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    }
    client.post(path, form)
    assert not User.objects.get(pk=helper.pk).is_superuser
    above = reverse("admin:auth_user_password_change", args=[root.pk])
    assert client.get(above).status_code == 403
    assert client.get(above.replace("password", "delete")).status_code in {
        403,
        404,
        302,
    }


def test_staff_cannot_make_their_group_more() -> None:
    team = Group.objects.create(name="team")
    helper = factories.make_user("helper", is_staff=True)
    helper.groups.add(team)
    mine = Permission.objects.filter(content_type__model="group")
    helper.user_permissions.set(mine)
    client = Client()
    client.force_login(helper)
    wanted = Permission.objects.get(codename="delete_user")
    form = {"name": "renamed", "permissions": [wanted.pk]}
    client.post(reverse("admin:auth_group_change", args=[team.pk]), form)
    team.refresh_from_db()
    assert (team.name, team.permissions.count()) == ("renamed", 0)


def test_the_record_cannot_be_changed(browser: Client, document: Document) -> None:
    act(browser, "ingestion_document", "retry", document)
    event = AuditEvent.objects.first()
    assert event
    place = reverse("admin:rag_site_auditevent_delete", args=[event.pk])
    assert browser.post(place, {"post": "yes"}).status_code == 403
    assert browser.get(reverse("admin:rag_site_auditevent_add")).status_code == 403


def test_an_answer_takes_as_many_queries_with_many_sources(browser: Client) -> None:
    collection = factories.make_collection()
    version = factories.make_ready_document(collection).current_version
    chat = Conversation.objects.create(user=factories.alice())
    row = Answer.objects.create(conversation=chat, question="q", text="a")
    path = reverse("admin:generation_answer_change", args=[row.pk])

    def counted(numbers: range) -> int:
        for n in numbers:
            row.sources.create(n=n, version=version, start=0, end=1, page=1, score=0.5)
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(path).status_code == 200
        return len(captured)

    assert counted(range(1, 2)) == counted(range(2, 12))
