"""One turn: what of it is copied, and where its question is asked when it is edited."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from generation.models import Answer, Conversation
from rag_site.models import User
from tests import factories
from tests.fakes_llm import ScriptedLLM
from tests.pages.scenes import Scene, make_scene, settled

ClientOf = Callable[[User], Client]
HTMX = {"HTTP_HX_REQUEST": "true"}


def _plain(client: Client, answer: Answer) -> str:
    page = client.get(f"/answers/{answer.pk}/").content.decode()
    return unescape(page.split("data-plain>")[1].split("</pre>")[0])


def test_an_answer_is_copied_with_its_sources_and_a_refusal_with_the_closest(
    scene: Scene, client_of: ClientOf
) -> None:
    client = client_of(factories.alice())
    said = "It holds 40 litres [1]. It is very popular."
    assert _plain(client, scene.answer) == f"{said}\n\n[1] Pump manual.txt, page 1"
    assert _plain(client, scene.refusal) == (
        "Not in your documents.\n\n"
        "The closest passages are:\n[1] Pump manual.txt, page 1"
    )


def _ticked(html: str) -> list[str]:
    return re.findall(r'name="collections" value="([^"]+)" checked', html)


@pytest.mark.django_db(transaction=True)
async def test_an_edited_question_is_asked_where_it_was(model: ScriptedLLM) -> None:
    scene = await sync_to_async(make_scene)()
    alice = await sync_to_async(factories.alice)()
    await sync_to_async(factories.make_collection)(name="Other")
    pk = str(scene.collection.pk)
    await Answer.objects.filter(pk=scene.answer.pk).aupdate(collections=[pk])
    client = AsyncClient()
    await client.aforce_login(alice, backend="rag_site.sign_in.LimitedBackend")
    page = (await client.get(f"/c/{scene.conversation.pk}")).content.decode()
    edit = page.split('class="edit"')[1].split("</form>")[0]
    assert _ticked(edit) == [pk]
    assert "1 of 2 collections" in edit
    assert "> Other</label>" in edit
    # The last question was over all, and the box below says so.
    assert _ticked(page.split('id="composer"')[1]) == []
    response = await client.post(
        "/ask",
        {"question": "How heavy is it?", "picker": "on", "collections": pk},
        headers={"HX-Request": "true"},
    )
    turn = response.content.decode()
    assert _ticked(turn) == [pk]
    again = await Answer.objects.aget(question="How heavy is it?")
    await settled(again)
    assert again.collections == [pk]


def test_a_collection_that_was_withdrawn_stays_ticked(
    scene: Scene, client_of: ClientOf
) -> None:
    """With nothing ticked the next question would search all instead."""
    pk = str(scene.collection.pk)
    Answer.objects.update(collections=[pk])
    Conversation.objects.update(user=factories.bob())
    scene.collection.memberships.all().delete()
    factories.make_ready_document(factories.make_collection(factories.bob(), "Mine"))
    client = client_of(factories.bob())
    page = client.get(f"/c/{scene.conversation.pk}").content.decode()
    assert _ticked(page) == [pk, pk, pk]
    assert page.count("checked> No longer available") == 3
    assert "Manuals" not in page
    asked = {"question": "Anything?", "picker": "on", "collections": pk}
    assert client.post("/ask", asked, **HTMX).status_code == 404
