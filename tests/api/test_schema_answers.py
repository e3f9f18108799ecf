"""Answers in the form of a JSON schema over REST, the shell and the pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import RequestFactory

from generation import api, running, services
from generation import api_shapes as shapes
from generation.models import Answer
from generation.turns import turn_of
from rag_site.asking import Asker
from tests import factories
from tests.api.test_answers import QUESTION, events_of, get, post
from tests.fakes_llm import ScriptedLLM
from tests.keyed import make_key

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "litres": {"type": "integer"},
        "fluid": {"type": "string", "maxLength": 40},
        "unit": {"enum": ["litres", "gallons"]},
    },
    "required": ["litres", "fluid", "unit"],
    "additionalProperties": False,
}
GOOD = '{"litres": 40, "fluid": "oil", "unit": "litres"}'
ASKED = {"question": QUESTION, "schema": SCHEMA}


@pytest.fixture
def secret(model: ScriptedLLM) -> str:
    collection = factories.make_collection()
    factories.make_ready_document(
        collection, pages=["The pump holds 40 litres of oil. Write to pump@corp.org."]
    )
    return make_key(factories.alice())


async def test_the_answer_is_json_with_evidence(
    secret: str, model: ScriptedLLM
) -> None:
    model.enqueue([GOOD[:20], GOOD[20:]])
    body = (await post(secret, "/ask", ASKED)).json()
    assert body["data"] == json.loads(GOOD) == json.loads(body["text"])
    assert body["parameters"]["schema"] == SCHEMA
    assert model.params[0].schema == SCHEMA
    assert body["receipt"]["asked_for"] == "form"
    said = [(c["sentence"], c["sources"], c["verdict"]) for c in body["citations"]]
    assert said == [("40", [1], "supported"), ("oil", [1], "supported")]
    for citation in body["citations"]:
        span = body["text"][citation["start"] : citation["end"]]
        assert span == citation["sentence"]
    again = await get(secret, f"/answers/{body['id']}")
    assert again.json() == body


async def test_a_stream_gives_the_form_whole(secret: str, model: ScriptedLLM) -> None:
    model.enqueue(["not json"])
    model.enqueue([GOOD])
    events = await events_of(await post(secret, "/ask", {**ASKED, "stream": True}))
    tokens = [e["data"]["text"] for e in events if e["event"] == "token"]
    assert tokens == [GOOD]
    assert events[-1]["data"]["text"] == GOOD


async def test_a_form_that_does_not_hold_is_asked_for_once_more(
    secret: str, model: ScriptedLLM
) -> None:
    model.enqueue([GOOD.replace("40", '"forty"')])
    model.enqueue([GOOD])
    body = (await post(secret, "/ask", ASKED)).json()
    assert (body["state"], body["data"]["litres"]) == ("done", 40)
    first, second = model.params
    assert (first.temperature, first.seed) != (second.temperature, second.seed)


async def test_twice_wrong_is_an_error_and_no_answer(
    secret: str, model: ScriptedLLM
) -> None:
    model.enqueue([GOOD[:-1]])
    model.enqueue(["{}"])
    body = (await post(secret, "/ask", ASKED)).json()
    assert (body["state"], body["text"], body["data"]) == ("failed", "", None)
    assert body["error"]["code"] == "schema_unmet"
    assert len(model.prompts) == 2


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ({"type": "string", "pattern": "(a|aa)+$"}, "pattern"),
        ({"type": "object", "properties": {"a": {"$ref": "http://x"}}}, "$.a"),
        ({"type": "object", "additionalProperties": {"$ref": "http://x"}}, "$"),
        ({"properties": {"a": {"$ref": "http://x"}}, "type": ["string", "null"]}, "$"),
        ({"enum": ["x" * 400] * 60}, "16,384"),
    ],
)
async def test_a_schema_that_cannot_be_used_is_refused_at_once(
    secret: str, model: ScriptedLLM, schema: dict[str, Any], word: str
) -> None:
    answer = await post(secret, "/ask", {"question": QUESTION, "schema": schema})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "schema_invalid"
    assert word in error["message"]
    assert not model.prompts


async def test_nothing_found_refuses_without_a_form(
    secret: str, model: ScriptedLLM
) -> None:
    asked = {"question": "Who wrote the Latin mass?", "schema": SCHEMA}
    body = (await post(secret, "/ask", asked)).json()
    assert (body["refused"], body["data"]) == (True, None)


async def test_asking_again_keeps_the_schema_and_pages_show_it_as_code(
    secret: str, model: ScriptedLLM
) -> None:
    model.enqueue([GOOD.replace("oil", "<b>oil</b>")])
    body = (await post(secret, "/ask", ASKED)).json()

    def look() -> tuple[Any, str]:
        asker = Asker(user_id=factories.alice().pk)
        again = services.retry_answer(asker, body["id"])
        return again.parameters, str(
            turn_of(services.get_answer_for(asker, body["id"]), asker).html
        )

    parameters, html = await sync_to_async(look)()
    assert parameters == {"schema": SCHEMA}
    assert html.startswith("<pre><code>{")
    assert "<b>" not in html


@pytest.mark.parametrize("is_retry", [False, True])
async def test_no_question_is_kept_without_its_schema(
    secret: str, model: ScriptedLLM, is_retry: bool
) -> None:
    """The statement that stores the schema fails, as it would if the process died."""
    asker = Asker(user_id=(await sync_to_async(factories.alice)()).pk)
    model.enqueue([GOOD])
    made = (await post(secret, "/ask", ASKED)).json()["id"] if is_retry else None
    body = shapes.AskIn.model_validate(ASKED)
    request = RequestFactory().post("/api/v1/ask")
    request.asker = asker  # type: ignore[attr-defined]  # as the door leaves it

    def fail(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith('UPDATE "generation_answer"'):
            raise OperationalError
        return execute(sql, *rest)

    def ask() -> tuple[int, int]:
        before = Answer.objects.count()
        with connection.execute_wrapper(fail), pytest.raises(OperationalError):
            services.retry_answer(asker, made) if made else api._accepted(request, body)
        return before, Answer.objects.count()

    before, after = await sync_to_async(ask)()
    assert after == before == int(is_retry)


def test_the_shell_takes_a_schema_from_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "schema.json"
    path.write_text("[1]")
    with pytest.raises(CommandError, match="JSON object"):
        call_command("ask", "Who?", "--schema", str(path))
    path.write_text('{"type": "tuple"}')
    with pytest.raises(CommandError, match="cannot be used"):
        call_command("ask", "Who?", "--schema", str(path))


async def test_a_canary_in_a_form_withholds_it(
    secret: str, model: ScriptedLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "canary_of", lambda *_: "canaryabc2345")
    model.enqueue([GOOD.replace("oil", "canary-abc-2345")])
    body = (await post(secret, "/ask", ASKED)).json()
    assert (body["refused"], body["data"]) == (True, None)
    assert body["notices"][-1]["code"] == "answer_withheld"
