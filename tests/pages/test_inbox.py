"""Thumbs, and the inbox while questions go on coming."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generation import services
from generation.models import Answer
from ingestion.models import Collection
from tests.factories import asker, bob, charlie
from tests.pages.test_curating import (
    ANSWERED,
    ClientOf,
    groups,
    make_answer,
    post,
    shared,  # noqa: F401 - pytest finds it here
)

pytestmark = pytest.mark.django_db


def seen(client: Client, collection: Collection) -> dict[str, str]:
    """What the form of the only entry sends."""
    (group,) = groups(client, collection)
    return {"seen": group.last_at.isoformat()}


def test_what_came_after_the_page_was_read_stays_open(
    shared: Collection,  # noqa: F811
    client_of: ClientOf,
) -> None:
    answer = make_answer(charlie(), shared, "What does the pump cost?")
    client = client_of(bob())
    (group,) = groups(client, shared)
    page = client.get(reverse("inbox", args=[shared.pk])).content.decode()
    shown = seen(client, shared)
    assert f'name="seen" value="{shown["seen"]}"' in page
    services.give_feedback(asker(charlie()), answer.pk, "down", "wrong", "Look here.")
    post(client, "inbox_done", shared.pk, group.key, **shown)
    (again,) = groups(client, shared)
    assert again.comments == ("Look here.",)
    post(client, "inbox_done", shared.pk, group.key, **seen(client, shared))
    assert groups(client, shared) == []
    for wrong in ("x", "2001-01-01T00:00:00+00:00"):
        sent = post(client, "inbox_done", shared.pk, group.key, seen=wrong)
        assert sent.status_code == 404


def test_no_comment_is_left_out(shared: Collection, client_of: ClientOf) -> None:  # noqa: F811
    for number in range(7):
        answer = make_answer(charlie(), shared, "What does the pump cost?")
        told = f"Comment {number}."
        services.give_feedback(asker(charlie()), answer.pk, "down", "wrong", told)
    page = client_of(bob()).get(reverse("inbox", args=[shared.pk])).content.decode()
    assert all(f"Comment {number}." in page for number in range(7))
    assert "2 more comments" in page


def test_an_answer_that_was_being_written_comes_back(
    shared: Collection,  # noqa: F811
    client_of: ClientOf,
) -> None:
    make_answer(charlie(), shared, "What does the pump cost?")
    late = make_answer(charlie(), shared, "The pump's cost?", state="writing")
    Answer.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    client = client_of(bob())
    (group,) = groups(client, shared)
    post(client, "inbox_done", shared.pk, group.key)
    assert groups(client, shared) == []
    late.state, late.finished_at = Answer.State.DONE, timezone.now()
    late.save(update_fields=["state", "finished_at"])
    (again,) = groups(client, shared)
    assert again.count == 2


def test_a_thumb_down_is_seen_whatever_became_of_the_answer(
    shared: Collection,  # noqa: F811
    client_of: ClientOf,
) -> None:
    for state in ("stopped", "failed", "interrupted"):
        answer = make_answer(charlie(), shared, f"How {state}?", state=state)
        services.give_feedback(asker(charlie()), answer.pk, "down")
    make_answer(charlie(), shared, "How broken?", state="failed")
    found = {group.question for group in groups(client_of(bob()), shared)}
    assert found == {"How stopped?", "How failed?", "How interrupted?"}


def test_done_and_open_return_to_the_list_as_it_was(
    shared: Collection,  # noqa: F811
    client_of: ClientOf,
) -> None:
    make_answer(charlie(), shared, "What does the pump cost?")
    client = client_of(bob())
    (group,) = groups(client, shared)
    inbox = reverse("inbox", args=[shared.pk])
    for name, query in (
        ("inbox_done", "order=frequent&page=2"),
        ("inbox_open", "state=done&order=frequent"),
    ):
        page = client.get(f"{inbox}?{query}").content.decode()
        address = f"{reverse(name, args=[shared.pk, group.key])}?{query}"
        assert address.replace("&", "&amp;") in page
        assert client.post(address)["Location"] == f"{inbox}?{query}"


def test_who_sends_a_thumb_again_finds_what_was_said(
    shared: Collection,  # noqa: F811
    client_of: ClientOf,
) -> None:
    answer = make_answer(charlie(), shared, "What does the pump cost?", **ANSWERED)
    client = client_of(charlie())
    chat = reverse("chat", args=[answer.conversation_id])
    for reason in ("wrong", "unclear"):
        said = {"rating": "down", "reason": reason, "comment": "It is <5>."}
        post(client, "answer_feedback", answer.pk, **said)
        page = client.get(chat).content.decode()
        assert page.count(" checked>") == 1
        assert f'value="{reason}" checked>' in page
        assert "It is &lt;5&gt;.</textarea>" in page
