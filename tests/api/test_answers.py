"""Questions, answers and conversations over REST."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from generation.models import Answer, Conversation
from ingestion.models import Collection
from rag_site.models import RepeatableRequest
from rag_site.repeating import ABANDONED_AFTER, StillRunning, once
from tests import factories
from tests.fakes_llm import ScriptedLLM, lost
from tests.keyed import client_of, make_key

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = "How many litres of oil does the pump hold?"


@pytest.fixture
def secret(model: ScriptedLLM) -> str:
    collection = factories.make_collection(shared_with=factories.bob())
    factories.make_ready_document(
        collection, pages=["The pump holds 40 litres of oil."]
    )
    model.enqueue(["The pump holds ", "40 litres of oil [1]."])
    return make_key(factories.alice())


async def post(secret: str, path: str, body: Any, **headers: str) -> Any:
    return await AsyncClient().post(
        f"/api/v1{path}",
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}", **headers},
    )


async def get(secret: str, path: str, **headers: str) -> Any:
    return await AsyncClient().get(
        f"/api/v1{path}", headers={"Authorization": f"Bearer {secret}", **headers}
    )


async def events_of(answer: Any) -> list[dict[str, Any]]:
    text = b"".join([piece async for piece in answer]).decode()
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append({**fields, "data": json.loads(fields["data"])})
    return found


async def test_an_answer_names_its_sources(secret: str) -> None:
    answer = await post(secret, "/ask", {"question": QUESTION})
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["text"] == "The pump holds 40 litres of oil [1]."
    assert body["state"] == "done"
    assert body["sources"][0]["quote"] == "The pump holds 40 litres of oil."
    assert body["citations"][0]["sources"] == [1]
    assert body["citations"][0]["supported"] is True
    again = await get(secret, f"/answers/{body['id']}")
    assert again.json() == body
    chat = await get(secret, f"/conversations/{body['conversation']}")
    assert [one["id"] for one in chat.json()["answers"]] == [body["id"]]


@pytest.mark.parametrize("how", ["field", "header"])
async def test_an_answer_streams_as_numbered_events(secret: str, how: str) -> None:
    if how == "field":
        answer = await post(secret, "/ask", {"question": QUESTION, "stream": True})
    else:
        answer = await post(
            secret, "/ask", {"question": QUESTION}, Accept="text/event-stream"
        )
    assert answer["Content-Type"].startswith("text/event-stream")
    assert (answer["Cache-Control"], answer["X-Accel-Buffering"]) == ("no-cache", "no")
    events = await events_of(answer)
    kinds = [event["event"] for event in events]
    assert kinds[-1] == "done"
    assert {"searching", "sources", "token", "citation"} <= set(kinds)
    numbers = [int(event["id"]) for event in events]
    assert numbers == sorted(set(numbers))
    sources = next(e["data"] for e in events if e["event"] == "sources")
    assert sources[0]["quote"] == "The pump holds 40 litres of oil."
    pieces = [e["data"]["text"] for e in events if e["event"] == "token"]
    assert "".join(pieces) == events[-1]["data"]["text"]


async def test_a_stream_resumes_without_gap_or_repeat(secret: str) -> None:
    made = (await post(secret, "/ask", {"question": QUESTION})).json()
    path = f"/answers/{made['id']}/events"
    whole = await events_of(await get(secret, path))
    for cut in range(len(whole) - 1):
        rest = await events_of(
            await get(secret, path, **{"Last-Event-ID": whole[cut]["id"]})
        )
        assert rest == whole[cut + 1 :]
    for number in (whole[-1]["id"], "500"):
        over = await get(secret, path, **{"Last-Event-ID": number})
        # What ends a browser's EventSource, which would come back for ever.
        assert (over.status_code, over.content) == (204, b"")


@pytest.mark.parametrize("bad", ["x", "-1", "1.5", "99999999999", "²"])
async def test_a_bad_event_id_is_refused(secret: str, bad: str) -> None:
    made = (await post(secret, "/ask", {"question": QUESTION})).json()
    answer = await AsyncClient().get(
        f"/api/v1/answers/{made['id']}/events",
        headers={"Authorization": f"Bearer {secret}", "Last-Event-ID": bad},
    )
    assert answer.status_code == 400


async def test_a_lost_model_is_told_in_the_answer(
    secret: str, model: ScriptedLLM
) -> None:
    model._scripts.clear()
    model.enqueue(["The pump ", lost()])
    body = (await post(secret, "/ask", {"question": QUESTION})).json()
    assert body["state"] in {"failed", "interrupted"}
    assert body["error"]["code"] == "model_lost"
    assert body["error"]["reference"]


@pytest.mark.parametrize("path", ["/ask", "/search"])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"question": ""}, 422, "empty_question"),
        ({"question": "   "}, 422, "empty_question"),
        ({"question": "file:pump"}, 422, "empty_question"),
        ({"question": "x" * 100_000}, 422, "question_too_long"),
        ({"question": "x", "temperature": 2}, 422, "validation_failed"),
        ({"question": "x", "collections": ["nonsense"]}, 422, "validation_failed"),
        ({"question": "x", "collections": []}, 422, "validation_failed"),
        (
            {"question": "x", "collections": ["7d444840-9dc0-11d1-b245-5ffdce74fad2"]},
            404,
            "not_found",
        ),
        ({"question": "a\x00b"}, 422, "validation_failed"),
        ({"question": ["x"]}, 422, "validation_failed"),
        ([], 422, "validation_failed"),
    ],
)
async def test_a_bad_question_is_refused(
    secret: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = await post(secret, path, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not await Answer.objects.aexists()


async def test_a_question_in_a_chat_out_of_sight_is_not_found(secret: str) -> None:
    body = {"question": "x", "conversation": "7d444840-9dc0-11d1-b245-5ffdce74fad2"}
    answer = await post(secret, "/ask", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert not await Answer.objects.aexists()


@pytest.mark.parametrize("k", [0, 51])
async def test_a_search_for_no_hits_or_too_many_is_refused(secret: str, k: int) -> None:
    answer = await post(secret, "/search", {"question": "litres", "k": k})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "validation_failed")


async def test_with_nothing_to_search_it_says_so(model: ScriptedLLM) -> None:
    key = await sync_to_async(lambda: make_key(factories.charlie()))()
    answer = await post(key, "/ask", {"question": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        409,
        "nothing_to_search",
    )


async def test_the_same_idempotency_key_asks_once(secret: str) -> None:
    header = {"Idempotency-Key": "one"}
    first = (await post(secret, "/ask", {"question": QUESTION}, **header)).json()
    second = (await post(secret, "/ask", {"question": QUESTION}, **header)).json()
    assert first["id"] == second["id"]
    assert await Answer.objects.acount() == 1


async def test_the_same_key_asks_a_question_that_failed_again(
    secret: str, model: ScriptedLLM
) -> None:
    header = {"Idempotency-Key": "one"}
    model._scripts.clear()
    model.enqueue(["The pump ", lost()])
    failed = (await post(secret, "/ask", {"question": QUESTION}, **header)).json()
    assert failed["state"] == "failed"
    began = timezone.now()
    long_ago = began - 2 * ABANDONED_AFTER
    await RepeatableRequest.objects.aupdate(created_at=long_ago)
    model.enqueue(["The pump holds 40 litres of oil [1]."])
    for _ in range(2):
        made = (await post(secret, "/ask", {"question": QUESTION}, **header)).json()
        assert made["state"] == "done"
    assert await Answer.objects.acount() == 2
    # Begun anew, so that nobody takes it for one that died.
    assert (await RepeatableRequest.objects.aget()).created_at >= began


def test_of_two_who_ask_again_at_once_one_is_told_to_wait(rf: RequestFactory) -> None:
    asker = factories.asker(factories.alice())
    request = rf.post("/", headers={"Idempotency-Key": "one"})
    assert once(request, asker, {}, lambda: {"id": 1}) == {"id": 1}

    def overtaken(_made: object) -> bool:
        RepeatableRequest.objects.update(made=None)
        return False

    with pytest.raises(StillRunning):
        once(request, asker, {}, lambda: {"id": 2}, overtaken)


async def test_the_limit_of_questions_is_told_where_it_is_the_tighter_one(
    secret: str, settings: Settings
) -> None:
    settings.QUESTIONS_PER_MINUTE = 1
    asked = await post(secret, "/ask", {"question": QUESTION})
    assert (asked["RateLimit-Limit"], asked["RateLimit-Remaining"]) == ("1", "0")
    refused = await post(secret, "/ask", {"question": QUESTION})
    assert refused.status_code == 429
    assert (refused["RateLimit-Limit"], refused["RateLimit-Remaining"]) == ("1", "0")
    assert (await get(secret, "/conversations"))["RateLimit-Limit"] != "1"


async def test_feedback_and_the_life_of_a_conversation(secret: str) -> None:
    made = await post(secret, "/conversations", {})
    assert made.status_code == 201
    chat = made.json()["id"]
    body = (
        await post(secret, "/ask", {"question": QUESTION, "conversation": chat})
    ).json()
    assert body["conversation"] == chat
    path = f"/answers/{body['id']}/feedback"
    given = await post(secret, path, {"rating": "down", "reason": "wrong"})
    assert given.status_code == 201
    assert (await get(secret, f"/answers/{body['id']}")).json()[
        "feedback"
    ] == given.json()
    assert (await post(secret, path, {"rating": "sideways"})).status_code == 422
    listed = (await get(secret, "/conversations?q=litres")).json()["items"]
    assert [one["id"] for one in listed] == [chat]
    gone = await AsyncClient().delete(
        f"/api/v1/conversations/{chat}", headers={"Authorization": f"Bearer {secret}"}
    )
    assert gone.status_code == 204
    assert (await get(secret, f"/conversations/{chat}")).status_code == 404


async def test_a_limited_key_stays_inside_its_collections(
    secret: str, model: ScriptedLLM
) -> None:
    outside = (await post(secret, "/ask", {"question": QUESTION})).json()
    limited, inside = await sync_to_async(_limited)()
    for path in (
        f"/answers/{outside['id']}",
        f"/answers/{outside['id']}/events",
        f"/conversations/{outside['conversation']}",
    ):
        assert (await get(limited, path)).status_code == 404
    assert (await get(limited, "/conversations")).json()["items"] == []
    beyond = await post(
        limited, "/ask", {"question": "x", "conversation": outside["conversation"]}
    )
    assert beyond.status_code == 404
    model.enqueue(["Red [1]."])
    own = (
        await post(limited, "/ask", {"question": "What colour is the valve?"})
    ).json()
    assert {source["document"] for source in own["sources"]} <= {"valve.txt"}
    assert (await get(limited, f"/answers/{own['id']}")).status_code == 200
    chats = (await get(limited, "/conversations")).json()["items"]
    assert [(c["id"], c["collections"]) for c in chats] == [
        (own["conversation"], [inside])
    ]
    found = (
        await post(limited, "/search", {"question": "pump oil litres valve"})
    ).json()
    assert {hit["document"] for hit in found["hits"]} == {"valve.txt"}


def _limited() -> tuple[str, str]:
    collection = factories.make_collection(name="Valves")
    factories.make_ready_document(collection, "valve.txt", ["The valve is red."])
    key = make_key(factories.alice(), collections=[collection.pk])
    return key, str(collection.pk)


def test_search_returns_passages_inside_rights(model: ScriptedLLM) -> None:
    collection = factories.make_collection()
    document = factories.make_ready_document(collection)
    mine = client_of(factories.alice())
    body = {"question": "How many litres?", "collections": [str(collection.pk)], "k": 3}
    found = mine.post("/api/v1/search", body, content_type="application/json").json()
    assert found["hits"][0]["quote"] == "The pump holds 40 litres."
    assert found["hits"][0]["document_id"] == str(document.pk)
    strange = client_of(factories.charlie())
    refused = strange.post("/api/v1/search", body, content_type="application/json")
    assert refused.status_code == 404
    body = {"question": "How many litres?"}
    empty = strange.post("/api/v1/search", body, content_type="application/json").json()
    assert (empty["hits"], empty["documents"]) == ([], 0)
    body["filters"] = {"documents": [str(document.pk)]}  # type: ignore[assignment]
    hidden = strange.post("/api/v1/search", body, content_type="application/json")
    assert hidden.status_code == 404
    assert Conversation.objects.count() == 0


@pytest.mark.parametrize(
    ("question", "filters", "names"),
    [
        ("litres", {"file": ["PUMP"]}, ["pump.txt"]),
        ("litres file:tank", None, ["tank.txt"]),
        ("litres file:tank", {"type": ["txt"], "after": "2020"}, ["tank.txt"]),
        ("litres", {"before": "2020"}, []),
        ("litres", {"lang": ["de"]}, []),
    ],
)
def test_search_takes_filters_in_the_body_and_in_the_question(
    model: ScriptedLLM, question: str, filters: Any, names: list[str]
) -> None:
    collection = factories.make_collection()
    for name in ("pump.txt", "tank.txt"):
        factories.make_ready_document(collection, name, [f"{name} holds 40 litres."])
    body = {"question": question, "filters": filters}
    found = client_of(factories.alice()).post(
        "/api/v1/search", body, content_type="application/json"
    )
    assert [hit["document"] for hit in found.json()["hits"]] == names


@pytest.mark.parametrize("path", ["/search", "/ask"])
@pytest.mark.parametrize(
    "body",
    [
        {"question": "litres type:exe"},
        {"question": "litres", "filters": {"after": "soon"}},
        {"question": "litres", "filters": {"type": ["exe"]}},
    ],
)
async def test_a_malformed_filter_is_refused_in_words(
    secret: str, path: str, body: Any
) -> None:
    refused = await post(secret, path, body)
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "filter_invalid"


async def test_an_answer_keeps_to_its_filters_and_says_which(secret: str) -> None:
    await sync_to_async(_add_tank)()
    body = {"question": f"{QUESTION} type:txt", "filters": {"file": ["manual"]}}
    answer = (await post(secret, "/ask", body)).json()
    assert {source["document"] for source in answer["sources"]} == {"manual.txt"}
    assert answer["standalone_question"] == QUESTION
    assert answer["parameters"]["filters"] == {"names": ["manual"]}


def _add_tank() -> None:
    collection = factories.make_collection(name="Tanks")
    factories.make_ready_document(
        collection, "tank.txt", ["The pump of the tank holds 50 litres of oil."]
    )


async def test_an_answer_tells_where_sources_disagree(
    secret: str, model: ScriptedLLM
) -> None:
    plain = (await post(secret, "/ask", {"question": QUESTION})).json()
    assert plain["conflict"] is None
    collection = await sync_to_async(Collection.objects.get)()
    await sync_to_async(factories.make_ready_document)(
        collection, pages=["The pump holds 55 litres of oil."], name="new.txt"
    )
    model.enqueue(["The pump holds 40 litres of oil."])
    body = (await post(secret, "/ask", {"question": QUESTION})).json()
    statements = body["conflict"]["statements"]
    assert [one["quote"] for one in statements] == [
        "The pump holds 40 litres of oil.",
        "The pump holds 55 litres of oil.",
    ]
    assert {one["page"] for one in statements} == {1}
    documents = {one["n"]: one["document"] for one in body["sources"]}
    assert documents[statements[1]["n"]] == "new.txt"
    assert body["outcome"] == "partly"
