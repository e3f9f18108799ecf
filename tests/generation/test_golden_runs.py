"""Runs of golden answers: through the real pipeline, with a scripted model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from pytest_django import Settings

from generation import config, tasks
from generation.curating import golden_answer_reports, golden_running, golden_runs
from generation.curating.golden_runs import NoGoldenAnswers, RunReplaced, RunUnderWay
from generation.curating.models import AnswerRun, RunAnswer
from generation.errors import ContextTooLong, ModelUnavailable
from generation.llm import Message, SamplingParams
from generation.parts import using
from ingestion.models import Collection, Membership, Role
from rag_site.errors import NotFound
from rag_site.models import RepeatableRequest
from retrieval import golden_answers
from retrieval.models import GoldenQuestion
from tests import factories
from tests.fakes import HashEmbedder
from tests.fakes_llm import ScriptedLLM

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = ("The pump holds 40 litres of oil.\n\nThe valve was made by Ada Berg in 1987.",)
HOLDS = "How many litres of oil does the pump hold?"
MADE = "Who made the valve?"
UNKNOWN = "What is the capital of Peru?"
State = AnswerRun.State


@pytest.fixture
def model() -> Iterator[ScriptedLLM]:
    model = ScriptedLLM()
    with using(model, embedder=HashEmbedder()):
        yield model


@pytest.fixture
def collection(model: ScriptedLLM) -> Collection:
    made = factories.make_collection(
        shared_with=factories.bob(), role=Role.WRITER, name="Pumps"
    )
    document = factories.make_ready_document(made, "pump.txt", pages=PAGES)
    GoldenQuestion.objects.create(
        collection=made, question=HOLDS, document=document, passage=PAGES[0]
    )
    for question, accepted in ((HOLDS, ["40 litres", "forty"]), (UNKNOWN, [])):
        save(made, question, *accepted)
    return made


def save(collection: Collection, question: str, *accepted: str) -> bool:
    return golden_answers.save(
        collection,
        question=question,
        accepted=accepted,
        added_by=collection.owner_id,
    )


def start(collection: Collection) -> AnswerRun:
    return golden_runs.start(factories.asker(factories.alice()), collection)


def ran(collection: Collection) -> AnswerRun:
    run = start(collection)
    golden_running.work()
    run.refresh_from_db()
    return run


def test_a_run_keeps_what_was_answered_and_what_made_it(
    collection: Collection, model: ScriptedLLM
) -> None:
    model.enqueue(["It holds 40 litres of oil [1]."])
    run = ran(collection)
    assert (run.state, run.failure_message) == (State.DONE, "")
    first, second = run.answers.all()
    assert first.text == "It holds 40 litres of oil [1]."
    assert first.f1 == pytest.approx(0.5)
    assert (first.exact_match, first.is_refused) == (0.0, False)
    assert first.verdicts == ["supported"]
    (document,) = collection.documents.all()
    assert [s["document"] for s in first.sources if s["is_cited"]] == [str(document.pk)]
    assert first.contexts == [str(document.pk)]
    assert first.prompt_tokens > 0
    assert first.answer_tokens == 1
    assert first.seconds > 0
    assert (second.is_refused, second.f1, second.accepted) == (True, None, [])
    assert run.config["model digest"] == "0" * 64
    assert run.config["prompt"].startswith("answer-")
    assert run.config["embedder digest"] == HashEmbedder.digest
    threshold = config.generation_config().refusal_threshold
    assert run.config["answer: refusal_threshold"] == threshold
    assert (run.config["documents"], run.config["passages"]) == (1, 2)
    figures = run.figures
    assert figures["f1"] == {
        "n": 1,
        "mean": 0.5,
        "low": 0.5,
        "high": 0.5,
    }
    assert figures["refusal_recall"]["mean"] == 1.0
    assert figures["citation_precision"]["mean"] == 1.0
    assert figures["support_rate"]["n"] == 1
    assert set(model.users) == {f"run-{run.pk}"}
    assert not model.params[0].is_urgent


def test_two_runs_of_one_configuration_send_the_same(
    collection: Collection, model: ScriptedLLM
) -> None:
    ran(collection)
    ran(collection)
    first, second = model.prompts
    assert first == second


def test_a_run_asks_of_its_collection_alone(
    collection: Collection, model: ScriptedLLM
) -> None:
    other = factories.make_collection(name="Other")
    factories.make_ready_document(other, "peru.txt", ["The capital of Peru is Lima."])
    run = ran(collection)
    assert run.answers.get(question=UNKNOWN).is_refused
    assert all("Lima" not in message.content for message in model.prompts[0])


def test_there_must_be_something_to_ask_and_one_run_at_a_time(
    collection: Collection,
) -> None:
    with pytest.raises(NoGoldenAnswers):
        start(factories.make_collection(name="Empty"))
    start(collection)
    with pytest.raises(RunUnderWay):
        start(collection)


def test_a_run_is_stopped_before_anybody_has_it(
    collection: Collection, model: ScriptedLLM
) -> None:
    run = start(collection)
    golden_runs.request_stop(collection, run.pk)
    golden_running.work()
    run.refresh_from_db()
    assert run.state == State.STOPPED
    assert model.prompts == []
    with pytest.raises(NotFound):
        golden_runs.request_stop(factories.make_collection(name="Other"), run.pk)


def test_a_run_is_stopped_while_a_question_is_answered(
    collection: Collection, model: ScriptedLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden_running, "PULSE_S", 0.02)
    run = start(collection)

    class Stopping(ScriptedLLM):
        async def stream(  # type: ignore[override]
            self, messages: list[Message], params: SamplingParams, *, user: str
        ) -> Any:
            await golden_running.in_thread(golden_runs.request_stop, collection, run.pk)
            async for item in super().stream(messages, params, user=user):
                yield item

    slow = Stopping(delay_s=20)
    with using(slow, embedder=HashEmbedder()):
        golden_running.work()
    run.refresh_from_db()
    assert slow.cancelled == 1
    assert run.state == State.STOPPED
    assert not run.answers.exclude(answered_at=None).exists()


def test_what_a_dead_worker_left_is_gone_on_with(
    collection: Collection, model: ScriptedLLM
) -> None:
    run = start(collection)
    dead = golden_runs.claim_next()
    assert dead
    golden_runs.failed(dead, run.answers.get(ordinal=1), "some_code")
    golden_running.work()
    run.refresh_from_db()
    assert run.state == State.RUNNING, "it has a lease still"
    AnswerRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    golden_running.work()
    run.refresh_from_db()
    assert run.state == State.DONE
    assert run.answers.get(ordinal=1).failure_code == "some_code"
    with pytest.raises(RunReplaced):
        golden_runs.failed(dead, run.answers.get(ordinal=2), "late")
    assert golden_runs.pulse(dead), "the dead one must leave it"


def test_a_worker_that_stops_gives_the_run_back(
    collection: Collection, model: ScriptedLLM
) -> None:
    run = start(collection)
    golden_running.work(lambda: True)
    run.refresh_from_db()
    assert (run.state, run.lease_until) == (State.RUNNING, None)
    golden_running.work()
    run.refresh_from_db()
    assert run.state == State.DONE


def test_what_may_pass_is_tried_again_and_then_given_up(
    collection: Collection, model: ScriptedLLM
) -> None:
    run = start(collection)
    for _ in range(golden_runs.MAX_TRIES):
        model.enqueue([ModelUnavailable("It is away.")])
        golden_running.work()
        run.refresh_from_db()
        assert (run.state, run.failure_message) == (State.RUNNING, "It is away.")
    golden_running.work()
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert run.failure_message == "It broke off 5 times without an answer. It is away."
    assert run.figures == {}


def test_a_question_that_cannot_be_answered_counts_as_wrong(
    collection: Collection, model: ScriptedLLM
) -> None:
    model.enqueue([ContextTooLong()])
    run = ran(collection)
    row = run.answers.get(question=HOLDS)
    assert (run.state, row.failure_code, row.f1) == (
        State.DONE,
        ContextTooLong.code,
        0.0,
    )
    assert run.figures["f1"]["mean"] == 0.0
    # It took no time that could be compared with that of an answer.
    assert (run.figures["seconds"]["n"], run.figures["tokens"]["n"]) == (1, 1)
    assert run.figures["seconds"]["mean"] > 0


def test_a_run_does_not_go_on_under_another_configuration(
    collection: Collection, model: ScriptedLLM, settings: Settings
) -> None:
    run = start(collection)
    claim = golden_runs.claim_next()
    assert claim
    golden_running._work_through(claim, golden_running.current(), lambda: True)
    settings.REFUSAL_THRESHOLD = 0.9
    # Documents that came meanwhile are no reason.
    factories.make_ready_document(collection, "more.txt", ["More."])
    golden_running.work()
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert run.failure_message.endswith("meanwhile: answer: refusal_threshold.")


def test_a_run_ends_with_the_rights_of_whoever_began_it(
    collection: Collection, model: ScriptedLLM
) -> None:
    run = golden_runs.start(factories.asker(factories.bob()), collection)
    Membership.objects.filter(user=factories.bob()).update(role=Role.READER)
    golden_running.work()
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert "may not look after" in run.failure_message
    assert model.prompts == []


def test_one_run_at_a_time_is_worked_on(
    collection: Collection, model: ScriptedLLM
) -> None:
    other = factories.make_collection(name="Other")
    factories.make_ready_document(other, "other.txt", ["Red."])
    save(other, "What colour is it?", "red")
    first, second = start(collection), start(other)
    assert golden_runs.claim_next() is not None
    assert golden_runs.claim_next() is None
    AnswerRun.objects.filter(pk=first.pk).delete()
    tasks.run_golden_answers()
    second.refresh_from_db()
    assert second.state == State.DONE


def test_the_timer_calls_a_worker_when_a_run_waits(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(tasks, "send_runs", lambda: sent.append("sent"))
    tasks.sweep_answers()
    assert sent == []
    start(collection)
    tasks.sweep_answers()
    assert sent == ["sent"]


def test_the_timer_forgets_sessions_and_repeats_whose_time_is_over() -> None:
    now, day = timezone.now(), timedelta(hours=24)
    for name, age in (("old", 1.1 * day), ("young", 0.9 * day)):
        row = RepeatableRequest.objects.create(
            user=factories.alice(), key=name, path="/", digest="", made={}
        )
        RepeatableRequest.objects.filter(pk=row.pk).update(created_at=now - age)
        Session.objects.create(session_key=name, expire_date=now + day - age)
    tasks.sweep_answers()
    assert [row.key for row in RepeatableRequest.objects.all()] == ["young"]
    assert [row.session_key for row in Session.objects.all()] == ["young"]


def test_old_runs_go_when_others_begin(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden_runs, "KEPT", 2)
    made = []
    for _ in range(3):
        made.append(start(collection))
        golden_runs.request_stop(collection, made[-1].pk)
    kept = set(AnswerRun.objects.values_list("pk", flat=True))
    assert kept == {run.pk for run in made[1:]}
    assert RunAnswer.objects.count() == 4


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, model: ScriptedLLM) -> ScriptedLLM:
    @contextmanager
    def scripted(*, embeds: bool) -> Iterator[ScriptedLLM]:
        assert embeds
        yield model

    monkeypatch.setattr(golden_answer_reports, "model_server", scripted)
    monkeypatch.setattr(golden_answer_reports, "_of", lambda _: HashEmbedder())
    return model


def evaluate(*args: str) -> Any:
    out = StringIO()
    command = ("evaluate", "golden-answers", "--collection", "Pumps", "--json")
    call_command(*command, *args, stdout=out)
    return json.loads(out.getvalue())


def test_the_command_runs_the_set_and_prints_the_figures(
    collection: Collection, served: ScriptedLLM
) -> None:
    served.enqueue(["It holds 40 litres of oil [1]."])
    first = evaluate("--user", "alice")
    assert (first["state"], first["questions"]) == ("done", 2)
    assert first["figures"]["f1"]["mean"] == 0.5
    assert first["config"]["model"] == "scripted"
    assert first["previous"] is None
    assert [row["question"] for row in first["answers"]] == [HOLDS, UNKNOWN]
    served.enqueue(["40 litres [1]."])
    second = evaluate("--user", "alice")
    assert second["previous"]["run"] == first["run"]
    assert second["previous"]["differences"]["f1"]["mean"] == 0.5
    assert second["previous"]["changed_config"] == []
    assert AnswerRun.objects.filter(state=State.DONE).count() == 2


def test_the_command_says_what_is_wrong(
    collection: Collection, served: ScriptedLLM
) -> None:
    factories.charlie()
    with pytest.raises(CommandError, match="looks after no collection"):
        evaluate("--user", "charlie")
    served.enqueue([ModelUnavailable("It is away.")])
    with pytest.raises(CommandError, match="It is away"):
        evaluate("--user", "alice")
    assert AnswerRun.objects.get().state == State.FAILED
