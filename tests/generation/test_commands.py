"""`manage.py ask`, end to end in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from generation.management.commands import ask as command
from generation.management.commands import replay as replaying
from generation.models import Answer
from ingestion.models import Collection
from tests import factories
from tests.fakes import HashEmbedder
from tests.fakes_llm import ScriptedLLM

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedLLM:
    """Answer with a script in place of the model server's process."""
    scripted = ScriptedLLM()

    @contextmanager
    def served(*, embeds: bool) -> Iterator[ScriptedLLM]:
        assert embeds
        yield scripted

    monkeypatch.setattr(command, "model_server", served)
    monkeypatch.setattr(command, "_of", lambda _model: HashEmbedder())
    collection = factories.make_collection(name="demo")
    factories.make_ready_document(collection)
    return scripted


def ask(*arguments: str) -> str:
    out = StringIO()
    call_command("ask", *arguments, stdout=out)
    return out.getvalue()


def test_json_is_one_document_of_the_contract(model: ScriptedLLM) -> None:
    model.enqueue(["40 litres."])
    printed = ask("How much does the pump hold?", "--collection", "demo", "--json")
    found = json.loads(printed)
    assert list(found) == [
        "answer",
        "refused",
        "sources",
        "citations",
        "timings",
        "model",
    ]
    assert found["answer"] == "40 litres [1]."
    assert found["refused"] is False
    assert found["sources"] == [
        {
            "n": 1,
            "document": "manual.txt",
            "page": 1,
            "quote": "The pump holds 40 litres.",
        }
    ]
    assert found["citations"] == [
        {"sentence": "40 litres.", "sources": [1], "supported": True}
    ]
    assert found["model"] == "scripted"


def test_text_shows_the_answer_and_its_sources(model: ScriptedLLM) -> None:
    model.enqueue(["40 ", "litres [1]."])
    printed = ask("How much does the pump hold?", "--user", "alice")
    assert printed.startswith("40 litres [1].")
    assert "[1] manual.txt, page 1" in printed


def test_sources_that_disagree_are_told(model: ScriptedLLM) -> None:
    collection = Collection.objects.get(name="demo")
    factories.make_ready_document(
        collection, pages=["The pump holds 55 litres."], name="new.txt"
    )
    arguments = ("How much does the pump hold?", "--collection", "demo")
    model.enqueue(["40 litres."])
    told = (
        "The sources disagree: [1] says “The pump holds 40 litres.”; "
        "[2] says “The pump holds 55 litres.”."
    )
    assert told in ask(*arguments)
    model.enqueue(["40 litres."])
    statements = json.loads(ask(*arguments, "--json"))["conflict"]
    assert [(one["n"], one["page"]) for one in statements] == [(1, 1), (2, 1)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["", "--collection", "demo"], "Type a question first"),
        (["How?", "--collection", "nowhere"], "no collection named"),
        (["How?", "--collection", "demo", "--user", "charlie"], "no collection named"),
        (["How?", "--user", "nobody"], "no active user"),
    ],
)
def test_what_cannot_be_asked_is_said(
    model: ScriptedLLM, arguments: list[str], says: str
) -> None:
    factories.charlie()
    with pytest.raises(CommandError, match=says) as raised:
        ask(*arguments)
    assert raised.value.returncode == 2
    assert not model.prompts


def test_a_replay_goes_on_after_an_answer_that_cannot_be_made_again(
    model: ScriptedLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.enqueue(["40 litres [1]."])
    ask("How much does the pump hold?", "--user", "alice")
    model.enqueue(["40 litres [1]."])

    @contextmanager
    def served(_name: str) -> Iterator[ScriptedLLM]:
        yield model

    monkeypatch.setattr(replaying, "model_server", served)
    out, gone, kept = StringIO(), str(uuid4()), str(Answer.objects.get().pk)
    with pytest.raises(CommandError, match="1 of 2 answers came out the same"):
        call_command("replay", gone, kept, "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert (report["same"], report["different"], report["failed"]) == (1, 0, 1)
    first, second = report["answers"]
    assert (first["answer_id"], first["error"]["code"]) == (gone, "not_found")
    assert (second["answer_id"], second["same"]) == (kept, True)
