"""`manage.py evaluate modes`, and what must hold of every answer of a run."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from generation.answering import Asked
from generation.evaluating import invariants
from generation.evaluating import modes as mode_evaluation
from generation.evaluating.given import gather_given, hit_of
from generation.evaluating.invariants import held_of, summed
from generation.evaluating.modes import Case, Reply
from generation.types import CitationFound, Conflict, Done, Event, Sources
from retrieval.corpora import Text
from tests.fakes_llm import ScriptedLLM
from tests.judged_sets import judged_set

ASKED = Asked(question="How many litres does the pump hold?", user="u")
HITS = [
    hit_of(1, "The pump holds 40 litres of oil."),
    hit_of(2, "The pump holds 55 litres of oil."),
]


def stored(version: object, start: int, end: int) -> str:
    return next(h.text for h in HITS if h.version_id == version)[start:end]


@pytest.fixture
def events() -> list[Event]:
    model = ScriptedLLM()
    model.enqueue(["It holds 40 litres [1]."])
    return list(asyncio.run(gather_given(ASKED, HITS, model)).events)


def test_what_must_hold_of_an_answer_holds(events: list[Event]) -> None:
    held = held_of(ASKED, events, stored)
    assert held == {
        # Two sources, the words that bear the sentence, both statements.
        "quotes": 5,
        "quotes_found": 5,
        # In the text, beside it, and in the conflict.
        "citation_numbers": 4,
        "citation_numbers_listed": 4,
        "prompts": 1,
        "prompts_as_shown": 1,
    }
    assert summed([held, held])["violations"] == 0
    assert summed([held, held])["invariants"]["quotes"] == 10


def test_an_answer_by_a_model_that_doubts_was_asked_what_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from generation import deciding

    rule = deciding.Rule(intercept=-3.0, says_yes=1.5, says_true=0.0)
    monkeypatch.setitem(deciding.FITTED, "scripted", rule)
    model = ScriptedLLM()
    model.check = {"no": -0.01, "yes": -0.5}
    made = asyncio.run(gather_given(ASKED, HITS, model, threshold=0.4))
    assert made.end.refused
    assert summed([held_of(ASKED, made.events, stored)])["violations"] == 0


def _other_words(event: Event) -> Event:
    if isinstance(event, Conflict):
        first = replace(event.statements[0], quote="Another quote.")
        return replace(event, statements=(first, *event.statements[1:]))
    return event


def _other_number(event: Event) -> Event:
    return replace(event, sources=(7,)) if isinstance(event, CitationFound) else event


def _number_in_text(event: Event) -> Event:
    return replace(event, text="40 [1][9].") if isinstance(event, Done) else event


def _one_source_less(event: Event) -> Event:
    if isinstance(event, Sources):
        unread = replace(event.sources[1], in_prompt=False)
        return replace(event, sources=(event.sources[0], unread))
    return event


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        (_other_words, "quotes_found"),
        (_other_number, "citation_numbers_listed"),
        (_number_in_text, "citation_numbers_listed"),
        (_one_source_less, "prompts_as_shown"),
    ],
)
def test_what_does_not_hold_is_counted(
    events: list[Event], change: Callable[[Event], Event], lost: str
) -> None:
    report = summed([held_of(ASKED, [change(event) for event in events], stored)])
    assert report["violations"] == 1
    wanted = {right: name for name, right in invariants.PAIRS.items()}
    counts = report["invariants"]
    assert counts[wanted[lost]] - counts[lost] == 1


def case(mode: str, **fields: Any) -> Case:
    values: dict[str, Any] = {
        "id": mode,
        "mode": mode,
        "question": ASKED.question,
        "answers": ("40 litres",),
        "planted": "55 litres",
        "passages": (Text(id="1", title="Pump", text=HITS[0].text),),
    }
    return Case(**{**values, **fields})


def reply(answer: str, **fields: Any) -> Reply:
    values: dict[str, Any] = {
        "answer": answer,
        "is_refused": False,
        "contested": (),
        "seconds": 1.0,
        "prompt_tokens": 100.0,
    }
    return Reply(**{**values, **fields})


def test_each_mode_has_the_figures_that_it_can_have() -> None:
    cases = [case(mode) for mode in ("clean", "reject", "counterfactual", "conflict")]
    replies = [
        reply("40 litres [1]."),
        reply("Not in your documents.", is_refused=True),
        reply("55 litres [1]."),
        reply("40 litres [1].", contested=("It holds 40 litres.", "55 litres it is.")),
    ]
    modes = mode_evaluation.summarise(cases, replies)["modes"]
    assert modes["clean"]["original"]["f1"]["mean"] == 1.0
    assert modes["clean"]["reported_as_conflict"]["share"] == 0.0
    assert modes["reject"]["refused"]["share"] == 1.0
    assert "original" not in modes["reject"]
    assert modes["counterfactual"]["faithful"]["exact_match"]["mean"] == 1.0
    assert modes["counterfactual"]["original"]["exact_match"]["mean"] == 0.0
    assert modes["conflict"]["reported_as_conflict"]["share"] == 1.0
    assert modes["conflict"]["both_answers_shown"]["share"] == 1.0
    alone = [reply("40 litres")]
    modes = mode_evaluation.summarise([case("conflict")], alone)["modes"]
    assert modes["conflict"]["both_answers_shown"]["share"] == 0.0


def test_the_passage_that_speaks_of_the_question_comes_first() -> None:
    aside = Text(id="2", title="Cats", text="Cats sleep for most of the day.")
    right = Text(id="1", title="Pump", text=HITS[0].text)
    found = mode_evaluation.ranked(case("noise80", passages=(aside, right)))
    assert [text.id for text in found] == ["1", "2"]


class Named(ScriptedLLM):
    name = "scripted"


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Named:
    model = Named()
    served = contextlib.nullcontext(model)
    monkeypatch.setattr(mode_evaluation, "model_server", lambda _name: served)
    return model


def evaluate(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("evaluate", "modes", *arguments, "--json", stdout=out)
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def test_the_command_goes_on_where_its_rows_end(model: Named, tmp_path: Path) -> None:
    folder, rows = str(judged_set("squad_modes")), str(tmp_path / "rows.jsonl")
    report = evaluate(folder, "--limit", "3", "--rows", rows)
    assert report["questions"] == 3
    assert set(report["modes"]) == {"clean", "noise80", "reject"}
    assert report["invariants"]["prompts_as_shown"] == 3
    asked = len(model.prompts)
    assert evaluate(folder, "--limit", "3", "--rows", rows) == report
    assert len(model.prompts) == asked
    assert evaluate(folder, "--limit", "4", "--rows", rows)["questions"] == 4
    assert len(model.prompts) == asked + 1


def test_a_run_in_which_something_does_not_hold_fails(
    model: Named, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        mode_evaluation, "_stored_in", lambda _hits: lambda *_span: "other words"
    )
    with pytest.raises(CommandError, match="does not"):
        evaluate(str(judged_set("squad_modes")), "--limit", "1")
