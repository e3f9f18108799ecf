"""Asking in the browser: echo, history, refusals, and questions that are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from generation.models import Answer, Conversation, Feedback, Source
from ingestion.models import Document
from rag_site.models import User
from tests import factories
from tests.fakes_llm import ScriptedLLM
from tests.pages.scenes import Scene, make_scene, settled

ClientOf = Callable[[User], Client]
HTMX = {"HTTP_HX_REQUEST": "true"}


def test_a_chat_shows_question_answer_and_sources(
    scene: Scene, client_of: ClientOf
) -> None:
    client = client_of(factories.alice())
    html = client.get(f"/c/{scene.conversation.pk}").content.decode()
    assert "How much does it hold?" in html
    assert 'class="mark"' in html
    assert 'data-n="1"' in html
    assert f"/documents/{scene.document.pk}?page=1&amp;start=0&amp;end=25" in html
    assert "It weighs 12 kilograms." in html
    assert "Read, not cited" in html or "1 more read" in html
    assert "1 sentence marked with a wavy line is not supported" in html
    assert "How was this answered?" in html
    assert "answer-1" in html


def test_a_refusal_shows_the_closest_passages(
    scene: Scene, client_of: ClientOf
) -> None:
    client = client_of(factories.alice())
    html = client.get(f"/answers/{scene.refusal.pk}/").content.decode()
    shown = html.split("</pre>")[1]
    assert shown.count("Not in your documents") == 1
    assert "The closest passages are" in html
    assert "It weighs 12 kilograms." in html


def test_a_refusal_names_the_words_that_nothing_bears_out(
    scene: Scene, client_of: ClientOf
) -> None:
    client, refusal = client_of(factories.alice()), scene.refusal
    said = "does not bear out"
    assert said not in client.get(f"/answers/{refusal.pk}/").content.decode()
    refusal.receipt = {"judgement": {"unborne": ["decrease", "<b>"]}}
    refusal.save()
    html = client.get(f"/answers/{refusal.pk}/").content.decode()
    assert f"{said} “decrease”, “&lt;b&gt;” of the question." in html


def test_sources_withdrawn_later_show_no_quote(
    scene: Scene, client_of: ClientOf
) -> None:
    conversation = Conversation.objects.create(user=factories.bob(), title="Bob's")
    answer = scene.answer
    Answer.objects.filter(pk=answer.pk).update(conversation=conversation)
    scene.collection.memberships.all().delete()
    html = client_of(factories.bob()).get(f"/c/{conversation.pk}").content.decode()
    assert "It weighs 12 kilograms." not in html
    assert "no longer shared with you" in html
    # The number in the text leads to what says so, and not to a page that is not there.
    assert re.search(r'<a class="mark" href="#sources"', html)
    assert "00000000-0000" not in html


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Answer.State.STOPPED, "You stopped this answer."),
        (Answer.State.INTERRUPTED, "This answer was interrupted."),
        (Answer.State.FAILED, "Nobody home. Try again."),
    ],
)
def test_what_came_is_kept_and_can_be_retried(
    scene: Scene, client_of: ClientOf, state: str, words: str
) -> None:
    Answer.objects.filter(pk=scene.answer.pk).update(
        state=state, failure_message="Nobody home. Try again.", failure_reference="ff00"
    )
    client = client_of(factories.alice())
    html = client.get(f"/answers/{scene.answer.pk}/").content.decode()
    assert words in html
    assert "It holds 40 litres" in html
    assert "What came is kept." in html
    assert f"/answers/{scene.answer.pk}/retry" in html


def test_a_running_answer_waits_for_its_stream(
    scene: Scene, client_of: ClientOf
) -> None:
    Answer.objects.filter(pk=scene.answer.pk).update(state=Answer.State.WRITING)
    client = client_of(factories.alice())
    html = client.get(f"/c/{scene.conversation.pk}").content.decode()
    assert f'data-events="/api/v1/answers/{scene.answer.pk}/events"' in html
    assert '<noscript><meta http-equiv="refresh"' in html


@pytest.mark.django_db(transaction=True)
async def test_a_question_is_echoed_and_answered(model: ScriptedLLM) -> None:
    scene = await sync_to_async(make_scene)()
    model.enqueue(["It holds ", "40 litres [1]."])
    client = AsyncClient()
    await client.aforce_login(
        await sync_to_async(factories.alice)(),
        backend="rag_site.sign_in.LimitedBackend",
    )
    response = await client.post(
        "/ask",
        {"question": "How many litres does the pump hold?"},
        headers={"HX-Request": "true"},
    )
    html = response.content.decode()
    assert response.status_code == 200
    assert "How many litres does the pump hold?" in html
    assert "data-live" in html
    answer = (
        await Answer.objects.exclude(conversation=scene.conversation)
        .select_related("conversation")
        .aget()
    )
    assert response["HX-Push-Url"] == f"/c/{answer.conversation_id}"
    await settled(answer)
    assert answer.state == Answer.State.DONE
    finished = (await client.get(f"/answers/{answer.pk}/")).content.decode()
    assert "40 litres" in finished
    assert 'class="mark"' in finished


@pytest.mark.django_db(transaction=True)
async def test_filters_chosen_beside_a_question_hold_and_are_shown(
    model: ScriptedLLM,
) -> None:
    scene = await sync_to_async(make_scene)()
    client = AsyncClient()
    await client.aforce_login(
        await sync_to_async(factories.alice)(),
        backend="rag_site.sign_in.LimitedBackend",
    )
    response = await client.post(
        "/ask",
        {
            "question": "How many litres does the pump hold?",
            "only-type": ["docx", "pdf"],
            "only-file": "pump",
            "only-tag": "",
            "only-before": "2031-05-06",
        },
        headers={"HX-Request": "true"},
    )
    html = response.content.decode()
    assert "<span>type:pdf or docx</span>" in html
    assert "<span>before:2031-05-06</span>" in html
    answer = await Answer.objects.exclude(conversation=scene.conversation).aget()
    await settled(answer)
    # The manual is plain text: nothing was left to read, and no model was asked.
    assert answer.outcome == Answer.Outcome.NOT_IN_DOCUMENTS
    assert not await answer.sources.aexists()
    page = (await client.get(f"/c/{answer.conversation_id}")).content.decode()
    assert 'name="only-file" value="pump"' in page
    assert page.count("Norwegian</option>") == 1
    edit = (await client.get(f"/answers/{answer.pk}/edit")).content.decode()
    assert '<input type="hidden" name="only-before" value="2031-05-06">' in edit


def test_tags_to_choose_from_are_those_that_may_be_read(
    scene: Scene, client_of: ClientOf
) -> None:
    Document.objects.filter(pk=scene.document.pk).update(tags=["hr", "travel <b>"])
    page = client_of(factories.alice()).get(f"/c/{scene.conversation.pk}")
    assert 'hx-get="/filters/tags"' in page.content.decode()

    def listed(user: User) -> str:
        url = "/filters/tags?only-tag=hr"
        return client_of(user).get(url).content.decode()

    assert '<option value="hr" selected>' in listed(factories.bob())
    assert "travel &lt;b&gt;" in listed(factories.bob())
    assert "hx-get" not in listed(factories.bob())
    assert "travel" not in listed(factories.charlie())


def test_a_filter_that_is_none_is_explained_and_the_question_kept(
    scene: Scene, client_of: ClientOf
) -> None:
    response = client_of(factories.alice()).post(
        "/ask", {"question": "How many litres?", "only-after": "soon"}
    )
    html = response.content.decode()
    assert response.status_code == 422
    assert "Added on or after: Enter a valid date." in html
    assert "How many litres?" in html


@pytest.mark.parametrize(
    ("question", "status", "words"),
    [
        ("   ", 422, "Type a question first"),
        ("x" * 100_000, 422, "4,000"),
    ],
)
def test_a_question_that_cannot_be_asked_is_explained_and_kept(
    scene: Scene, client_of: ClientOf, question: str, status: int, words: str
) -> None:
    client = client_of(factories.alice())
    for extra in ({}, HTMX):
        response = client.post("/ask", {"question": question}, **extra)
        assert response.status_code == status
        assert words in response.content.decode()
    assert Answer.objects.count() == 2


def test_a_starter_is_asked_whatever_was_typed_beside_it(
    scene: Scene, client_of: ClientOf
) -> None:
    """Both come in one form, that of the picker. Refused, it stands in the box."""
    client = client_of(factories.alice())
    assert 'form="composer" name="starter"' in client.get("/").content.decode()
    sent = {"starter": "What is it about?", "question": "Half a", "only-after": "soon"}
    html = client.post("/ask", sent).content.decode()
    assert ">What is it about?</textarea>" in html
    assert 'name="starter"' in html


def test_a_question_over_a_foreign_collection_finds_nothing(
    scene: Scene, client_of: ClientOf
) -> None:
    response = client_of(factories.charlie()).post(
        "/ask",
        {"question": "Anything?", "picker": "on", "collections": scene.collection.pk},
    )
    assert response.status_code == 404


def test_without_documents_one_is_told_to_add_some(
    db: None, client_of: ClientOf
) -> None:
    client = client_of(factories.charlie())
    assert "Start with a document" in client.get("/").content.decode()
    response = client.post("/ask", {"question": "Anything?"}, **HTMX)
    assert response.status_code == 409
    assert "Add documents" in response.content.decode()


def test_starters_come_from_documents_one_may_read(
    scene: Scene, client_of: ClientOf
) -> None:
    assert "Pump manual" in client_of(factories.bob()).get("/").content.decode()
    assert "Pump" not in client_of(factories.charlie()).get("/").content.decode()


def test_chats_are_renamed_deleted_and_brought_back(
    scene: Scene, client_of: ClientOf
) -> None:
    client, pk = client_of(factories.alice()), scene.conversation.pk
    client.post(f"/c/{pk}/rename", {"title": "Pumps"})
    assert "Pumps" in client.get("/chats?q=pumps").content.decode()
    assert "Pumps" in client.get("/chats?q=pu%00mps").content.decode()
    assert client.post(f"/c/{pk}/rename", {"title": " "}).status_code == 422
    response = client.post(f"/c/{pk}/delete")
    assert response["Location"] == f"/?deleted={pk}"
    assert client.get(f"/c/{pk}").status_code == 404
    assert "Undo" in client.get(response["Location"]).content.decode()
    assert client.post(f"/c/{pk}/undelete")["Location"] == f"/c/{pk}"
    assert client.get(f"/c/{pk}").status_code == 200


def test_chats_are_found_without_script(scene: Scene, client_of: ClientOf) -> None:
    client = client_of(factories.alice())
    html = client.get("/chats?q=holds").content.decode()
    assert '<link rel="stylesheet"' in html
    assert 'name="q" value="holds"' in html
    assert "No chat holds “holds”." in html
    assert "<html" not in client.get("/chats?q=holds", **HTMX).content.decode()


def test_the_open_chat_stays_marked_in_a_fresh_list(
    scene: Scene, client_of: ClientOf
) -> None:
    client, pk = client_of(factories.alice()), scene.conversation.pk
    open_at = {"HX-Request": "true", "HX-Current-URL": f"http://testserver/c/{pk}#a-1"}
    listed = client.get("/chats", headers=open_at).content.decode()
    assert f'<a href="/c/{pk}" aria-current="page">' in listed
    open_at["HX-Current-URL"] = "http://testserver/"
    assert "aria-current" not in client.get("/chats", headers=open_at).content.decode()


def test_feedback_is_kept_with_its_reason(scene: Scene, client_of: ClientOf) -> None:
    client = client_of(factories.alice())
    address = f"/answers/{scene.refusal.pk}/feedback"
    sent = {"rating": "down", "reason": "should_answer", "comment": "See page 1."}
    response = client.post(address, sent, **HTMX)
    assert "Thank you" in response.content.decode()
    row = Feedback.objects.get(answer=scene.refusal)
    assert (row.rating, row.reason, row.comment) == (
        "down",
        "should_answer",
        "See page 1.",
    )
    assert client.post(address, {"rating": "sideways"}).status_code == 422


def test_the_sidebar_asks_the_same_for_many_chats(
    scene: Scene, client_of: ClientOf
) -> None:
    client = client_of(factories.alice())
    few = _queries(client)
    for number in range(30):
        Conversation.objects.create(user=factories.alice(), title=f"Chat {number}")
    assert _queries(client) <= few


def _queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get("/chats", **HTMX).status_code == 200
    return len(seen)


def test_the_receipt_names_what_wrote_and_what_checked(
    scene: Scene, client_of: ClientOf
) -> None:
    scene.answer.receipt = {
        "model": {"quantization": "Q4_K_M"},
        "entailment": {"name": "small-nli", "digest": "e" * 64},
    }
    scene.answer.save()
    html = client_of(factories.alice()).get(f"/answers/{scene.answer.pk}/")
    told = html.content.decode().split("How was this answered?")[1]
    assert "<dd>Q4_K_M</dd>" in told
    assert f'small-nli <code title="SHA-256 {"e" * 64}">' in told


def test_figures_of_an_answer_are_named_in_words(
    scene: Scene, client_of: ClientOf
) -> None:
    scene.answer.parameters = {"max_tokens": 400}
    scene.answer.timings = {"first_token_ms": 2400.0, "prompt_tokens": 1394.0}
    scene.answer.save()
    html = client_of(factories.alice()).get(f"/answers/{scene.answer.pk}/")
    told = " ".join(html.content.decode().split())
    assert "<dt>Max tokens</dt> <dd>400</dd>" in told
    assert "<dt>First token</dt> <dd>2.4 s</dd>" in told
    assert "<dt>Prompt tokens</dt> <dd>1,394</dd>" in told


def test_sources_that_disagree_are_shown_with_both_statements(
    scene: Scene, client_of: ClientOf
) -> None:
    said = [{"n": 1, "start": 0, "end": 25}, {"n": 2, "start": 27, "end": 50}]
    scene.answer.receipt = {"conflict": {"statements": said}}
    scene.answer.save()
    html = client_of(factories.alice()).get(f"/answers/{scene.answer.pk}/")
    section = html.content.decode().split("The sources disagree:")[1]
    section = section.split("</section>")[0]
    assert section.count("<q>") == 2
    assert "<q>The pump holds 40 litres.</q>" in section
    assert "page=1&amp;start=27&amp;end=50" in section
    # Both were added on one day, which would tell nothing.
    assert "added" not in section
    version = scene.document.current_version
    other = factories.make_ready_document(scene.document.collection, name="old.txt")
    Source.objects.filter(answer=scene.answer, n=2).update(
        version=other.current_version, start=0, end=25
    )
    type(version).objects.filter(pk=version.pk).update(
        created_at=timezone.now() - timedelta(days=400)
    )
    said[1] = {"n": 2, "start": 0, "end": 25}
    scene.answer.save()
    html = client_of(factories.alice()).get(f"/answers/{scene.answer.pk}/")
    assert html.content.decode().count(", added ") == 2
