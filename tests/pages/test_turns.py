"""One turn: what of it is copied, and where its question is asked when it is edited."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from generation import views
from generation.courtesies import WAY
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


@pytest.mark.parametrize(("receipt", "is_offered"), [({}, True), ({"way": WAY}, False)])
def test_of_a_set_reply_there_is_nothing_to_judge_or_keep(
    scene: Scene, client_of: ClientOf, receipt: dict[str, str], is_offered: bool
) -> None:
    Answer.objects.filter(pk=scene.answer.pk).update(receipt=receipt)
    html = client_of(factories.alice()).get(f"/answers/{scene.answer.pk}/")
    offers = ("Ask again", "Save as golden", 'aria-label="Helpful"')
    said = html.content.decode()
    assert [offer in said for offer in offers] == [is_offered] * len(offers)


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
    edit = (await client.get(f"/answers/{scene.answer.pk}/edit")).content.decode()
    assert _ticked(edit) == [pk]
    assert "1 of 2 collections" in edit
    assert "> Other</label>" in edit
    # The last question was over all, and the box below says so.
    page = (await client.get(f"/c/{scene.conversation.pk}")).content.decode()
    assert _ticked(page) == []
    response = await client.post(
        "/ask",
        {"question": "How heavy is it?", "picker": "on", "collections": pk},
        headers={"HX-Request": "true"},
    )
    assert response.status_code == 200
    again = await Answer.objects.aget(question="How heavy is it?")
    await settled(again)
    assert again.collections == [pk]


def test_without_script_a_question_is_edited_in_its_chat(
    scene: Scene, client_of: ClientOf
) -> None:
    """The one turn has a form, and the page no longer reloads itself while one types."""
    Answer.objects.filter(pk=scene.refusal.pk).update(state=Answer.State.WRITING)
    client, chat = client_of(factories.alice()), f"/c/{scene.conversation.pk}"
    page = client.get(chat).content.decode()
    link = re.findall(r'href="([^"]+\?edit=[^"]+)"', page)[0]
    assert 'http-equiv="refresh"' in page
    page = client.get(link).content.decode()
    turn, other = page.split("</article>")[:2]
    assert ">How much does it hold?</textarea>" in turn
    assert (
        f'href="{chat}?from={scene.answer.pk}#a-{scene.answer.pk}" data-close-edit'
        in turn
    )
    assert "<textarea" not in other
    assert 'http-equiv="refresh"' not in page
    for wrong, status in (("soon", 400), (scene.conversation.pk, 404)):
        assert client.get(f"{chat}?edit={wrong}").status_code == status


def test_a_chat_lists_the_collections_once_whatever_its_length(
    scene: Scene, client_of: ClientOf
) -> None:
    """One list for each turn made pages of turns times collections."""
    factories.make_collection(name="Other")
    client = client_of(factories.alice())
    page = client.get(f"/c/{scene.conversation.pk}").content.decode()
    assert page.count("<article") > 2
    assert page.count('name="collections"') == 2


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
    for address in (f"/c/{scene.conversation.pk}", f"/answers/{scene.answer.pk}/edit"):
        page = client.get(address).content.decode()
        assert _ticked(page) == [pk]
        assert page.count("checked> No longer available") == 1
        assert "Manuals" not in page
    asked = {"question": "Anything?", "picker": "on", "collections": pk}
    assert client.post("/ask", asked, **HTMX).status_code == 404


def test_a_long_chat_opens_at_its_end_and_leads_to_what_came_before(
    scene: Scene, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "TURNS_SHOWN", 2)
    alice = client_of(factories.alice())
    chat = scene.answer.conversation
    for number in range(4):
        Answer.objects.create(
            conversation=chat, question=f"Question {number}?", state=Answer.State.DONE
        )
    rows = list(chat.answers.all())
    hidden = len(rows) - 2

    def shown(query: str = "") -> list[str]:
        html = alice.get(f"/c/{chat.pk}{query}").content.decode()
        return re.findall(r'<article class="turn" id="a-([^"]+)"', html)

    assert shown() == [str(row.pk) for row in rows[-2:]]
    html = alice.get(f"/c/{chat.pk}").content.decode()
    [earlier] = re.findall(r'class="button earlier" href="([^"#]+)', html)
    assert f"{hidden} earlier questions" in html
    assert shown(earlier) == [str(row.pk) for row in rows[hidden - 2 :]]
    # A link to an answer, and the form that edits its question, find it.
    for query in (f"?from={rows[0].pk}", f"?edit={rows[0].pk}"):
        assert len(shown(query)) == len(rows)
