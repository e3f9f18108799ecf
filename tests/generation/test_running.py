from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from generation import deciding, hub, replaying, running, services
from generation.database import in_thread
from generation.errors import (
    ModelUnavailable,
    NothingToSearch,
)
from generation.models import Answer, AnswerEvent, Source
from generation.parts import using
from generation.receipts import shown_of
from generation.replay import replay
from generation.selectors import (
    WITHDRAWN,
    citations_of,
    conflict_of,
    get_answer_for,
    sources_of,
)
from generation.turns import turn_of
from ingestion.models import Membership
from ingestion.services import delete_collection
from ingestion.sharing import share
from ingestion.visibility import collections_visible_to
from rag_site import keys
from rag_site.asking import Asker
from rag_site.errors import NotFound
from rag_site.models import ApiKey
from retrieval.questions import EmptyQuestion, QuestionTooLong
from tests import factories
from tests.fakes import HashEmbedder
from tests.fakes_llm import ScriptedLLM, lost
from tests.keyed import make_key

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = (
    "The pump holds 40 litres of oil.\n\nThe valve was made by Ada Berg in 1987.",
    "Service the pump twice a year.",
)
QUESTION = "How many litres of oil does the pump hold?"


@pytest.fixture
def model() -> Iterator[ScriptedLLM]:
    model = ScriptedLLM()
    with using(model, embedder=HashEmbedder()):
        yield model


@pytest.fixture
def alice(model: ScriptedLLM) -> Asker:
    collection = factories.make_collection(shared_with=factories.bob())
    factories.make_ready_document(collection, pages=PAGES)
    return factories.asker(factories.alice())


async def ask(asker: Asker, question: str = QUESTION, **options: object) -> Answer:
    return await in_thread(
        services.ask,
        asker,
        question=question,
        via="web",
        **options,  # type: ignore[arg-type]
    )


async def collect(
    answer: Answer, asker: Asker, *, after: int = 0
) -> list[tuple[int, str, dict]]:
    return [e async for e in running.events(answer.pk, asker, after=after)]


async def settled(answer_id: UUID) -> Answer:
    return await wait_for(answer_id, lambda row: row.state in Answer.SETTLED)


async def wait_for(answer_id: UUID, ready: Callable[[Answer], bool]) -> Answer:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        row = await in_thread(Answer.objects.get, pk=answer_id)
        if ready(row):
            return row
        await asyncio.sleep(0.05)
    raise AssertionError(f"still {row.state}")


@pytest.fixture
def reader_of_one(model: ScriptedLLM) -> Asker:
    """Bob, who may read one document of a collection that masks, and not the rest."""
    text = "The pump holds 40 litres of oil; ask jane.doe@example.org for more."
    collection = factories.make_collection(masking="answers")
    document = factories.make_ready_document(collection, pages=(text,))
    share(factories.asker(factories.alice()), document.pk, user=factories.bob())
    return factories.asker(factories.bob())


async def test_one_shared_document_is_masked_as_its_collection_says(
    reader_of_one: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["It holds 40 litres of oil; ask jane.doe@example.org for more [1]."])
    answer = await ask(reader_of_one)
    running.start(answer.pk, reader_of_one)
    row = await settled(answer.pk)
    assert "40 litres" in row.text
    assert "jane.doe" not in row.text
    assert "written" not in row.receipt


async def test_an_answer_is_streamed_cited_and_saved(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.place = 2
    model.enqueue(["It holds ", "40 litres", "."])
    answer = await ask(alice)
    running.start(answer.pk, alice)
    events = await collect(answer, alice)

    kinds = [kind for _, kind, _ in events]
    assert kinds[:3] == ["searching", "sources", "queued"]
    assert kinds[3:] == ["token", "token", "token", "citation", "done"]
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    source = events[1][2]["sources"][0]
    assert source["quote"] == "The pump holds 40 litres of oil."
    assert events[2][2]["position"] == 2
    done = events[-1][2]
    assert done["text"] == "It holds 40 litres [1]."
    assert done["refused"] is False
    assert done["answer_id"] == str(answer.pk)

    row = await in_thread(get_answer_for, alice, answer.pk)
    assert (row.state, row.text) == (Answer.State.DONE, done["text"])
    assert row.model_name == "scripted"
    assert row.prompt_version.startswith("answer-")
    assert row.embedder_digest == HashEmbedder.digest
    assert row.timings["answer_tokens"] == 3
    cited = await in_thread(sources_of, row, alice)
    assert cited[0].quote == source["quote"]
    found = await in_thread(citations_of, row, cited)
    assert [(c.sources, c.verdict) for c in found] == [((1,), "supported")]
    assert await in_thread(Source.objects.filter(answer=row, is_cited=True).count) == 1
    assert model.users == [f"user-{alice.user_id}"]


async def test_the_prompt_holds_the_listed_sources_and_nothing_else(
    alice: Asker, model: ScriptedLLM
) -> None:
    answer = await ask(alice)
    await running.run_to_end(answer.pk, alice)
    sources = await in_thread(sources_of, answer, alice)
    sent = model.prompts[0][1].content
    assert sent.count("<passage ") == len(sources)
    assert all(source.quote in sent for source in sources)


async def test_a_stranger_finds_nothing(alice: Asker, model: ScriptedLLM) -> None:
    charlie = factories.asker(await in_thread(factories.charlie))
    answer = await ask(alice)
    for call in (
        lambda: services.stop(charlie, answer.pk),
        lambda: services.retry_answer(charlie, answer.pk),
        lambda: services.give_feedback(charlie, answer.pk, "up"),
        lambda: services.delete_conversation(charlie, answer.conversation_id),
        lambda: services.undelete_conversation(charlie, answer.conversation_id),
        lambda: services.rename_conversation(charlie, answer.conversation_id, "x"),
        lambda: services.ask(
            charlie, question="x", conversation_id=answer.conversation_id, via="web"
        ),
    ):
        with pytest.raises(NotFound):
            await in_thread(call)
    with pytest.raises(NotFound):
        await collect(answer, charlie)
    with pytest.raises(NothingToSearch):
        await ask(charlie)
    bob = factories.asker(await in_thread(factories.bob))
    with pytest.raises(NotFound):
        await collect(answer, bob)


async def test_a_chat_over_a_deleted_collection_does_not_search_the_others(
    alice: Asker,
) -> None:
    def follow_up() -> None:
        other = factories.make_collection(name="Other")
        factories.make_ready_document(other, "other.txt")
        first = services.ask(alice, question="a?", collections=[other.pk], via="api")
        delete_collection(alice, other.pk)
        chat = first.conversation_id
        with pytest.raises(NothingToSearch):
            services.ask(alice, question="b?", conversation_id=chat, via="api")

    await in_thread(follow_up)


async def test_bad_questions_are_refused_with_the_limit(alice: Asker) -> None:
    with pytest.raises(EmptyQuestion):
        await ask(alice, " \x00\n ")
    with pytest.raises(QuestionTooLong, match="4,000"):
        await ask(alice, "x" * 100_000)
    with pytest.raises(NotFound):
        await ask(alice, collections=[uuid4()])


def test_a_line_break_of_a_form_is_one_character() -> None:
    lines = "\r\n".join(["long"] * 800)
    assert services.checked_question(lines) == lines.replace("\r", "")


async def test_stop_ends_it_and_keeps_what_was_written(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.delay_s = 0.1
    model.enqueue(["It holds ", "40 litres "] + ["and more "] * 200)
    answer = await ask(alice)
    running.start(answer.pk, alice)
    async for _, kind, _ in running.events(answer.pk, alice):
        if kind == "token":
            break
    await in_thread(services.stop, alice, answer.pk)
    row = await settled(answer.pk)
    assert row.state == Answer.State.STOPPED
    assert row.text.startswith("It holds")
    assert len(row.text) < 400
    assert model.cancelled == 1
    assert (await collect(answer, alice))[-1][2]["stopped"] is True


async def test_a_stop_from_another_process_is_seen_in_the_row(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.delay_s = 0.1
    model.enqueue(["more "] * 200)
    answer = await ask(alice)
    running.start(answer.pk, alice)
    await wait_for(answer.pk, lambda row: row.state == Answer.State.WRITING)
    rows = Answer.objects.filter(pk=answer.pk)
    await in_thread(rows.update, stop_requested=True)
    assert (await settled(answer.pk)).state == Answer.State.STOPPED


async def test_stopping_one_that_nobody_took_up_settles_it(alice: Asker) -> None:
    answer = await ask(alice)
    await in_thread(services.stop, alice, answer.pk)
    assert (await settled(answer.pk)).state == Answer.State.STOPPED


async def test_a_reader_resumes_after_any_event(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["It ", "holds ", "40 ", "litres", "."])
    answer = await ask(alice)
    running.start(answer.pk, alice)
    whole = await collect(answer, alice)
    text = "".join(data["text"] for _, kind, data in whole if kind == "token")
    for number, _, _ in whole[:-1]:
        seen = "".join(d["text"] for n, k, d in whole if k == "token" and n <= number)
        rest = await collect(answer, alice, after=number)
        missing = "".join(data["text"] for _, kind, data in rest if kind == "token")
        assert seen + missing == text
        assert rest[-1][1] == "done"
        assert all(n > number for n, _, _ in rest)


async def test_events_are_rebuilt_when_their_rows_are_gone(
    alice: Asker, model: ScriptedLLM
) -> None:
    answer = await ask(alice)
    await running.run_to_end(answer.pk, alice)
    old = timezone.now() - timedelta(hours=2)
    await in_thread(Answer.objects.filter(pk=answer.pk).update, finished_at=old)
    await in_thread(services.purge)
    assert not await in_thread(AnswerEvent.objects.exists)
    events = await collect(answer, alice)
    kinds = [kind for _, kind, _ in events]
    assert kinds == ["searching", "sources", "token", "citation", "done"]
    assert events[1][2]["sources"][0]["quote"]


async def test_a_lost_model_keeps_the_text_and_can_be_retried(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["It holds ", lost()])
    answer = await ask(alice)
    running.start(answer.pk, alice)
    events = await collect(answer, alice)
    _, kind, data = events[-1]
    assert (kind, data["code"], data["retryable"]) == ("error", "model_lost", True)
    row = await settled(answer.pk)
    assert (row.state, row.text) == (Answer.State.FAILED, "It holds ")
    assert row.failure_code == "model_lost"
    assert row.failure_reference == data["reference"]
    again = await in_thread(services.retry_answer, alice, answer.pk)
    done = await running.run_to_end(again.pk, alice)
    assert done.state == Answer.State.DONE
    assert done.conversation_id == answer.conversation_id


async def test_a_retry_searches_where_the_question_did(
    alice: Asker, model: ScriptedLLM
) -> None:
    """Also a question over all, in a conversation that began over one collection."""

    def asked_again() -> list[list[str]]:
        [first] = collections_visible_to(alice)
        factories.make_ready_document(factories.make_collection(name="Other"))
        over_one = services.ask(
            alice, question=QUESTION, collections=[first.pk], via="web"
        )
        over_all = services.ask(
            alice,
            question=QUESTION,
            conversation_id=over_one.conversation_id,
            collections=[],
            via="web",
        )
        Answer.objects.update(state=Answer.State.DONE)
        again = [services.retry_answer(alice, row.pk) for row in (over_one, over_all)]
        assert again[1].asked_of == over_all.asked_of
        return [row.collections for row in (over_one, over_all, *again)]

    one, every, one_again, all_again = await in_thread(asked_again)
    assert (one_again, all_again) == (one, every) == (one, [])


async def test_a_model_that_does_not_answer_is_named(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.enqueue([ModelUnavailable()])
    answer = await ask(alice)
    row = await running.run_to_end(answer.pk, alice)
    assert (row.state, row.failure_code) == (Answer.State.FAILED, "model_unavailable")


async def test_rights_withdrawn_in_the_middle_end_the_answer(
    alice: Asker, model: ScriptedLLM
) -> None:
    bob = factories.asker(await in_thread(factories.bob))
    model.delay_s = 0.1
    model.enqueue(["more "] * 200)
    answer = await ask(bob)
    running.start(answer.pk, bob)
    await wait_for(answer.pk, lambda row: row.state == Answer.State.WRITING)
    await in_thread(Membership.objects.all().delete)
    row = await settled(answer.pk)
    assert (row.state, row.failure_code) == (Answer.State.FAILED, "withdrawn")
    assert row.text.count("more") < 100
    assert model.cancelled == 1
    sources = await in_thread(sources_of, row, bob)
    assert {source.quote for source in sources} == {""}
    assert not any("manual" in source.document for source in sources)


async def test_a_key_revoked_in_the_middle_ends_its_answer_and_what_it_follows(
    alice: Asker, model: ScriptedLLM
) -> None:
    user = await in_thread(factories.alice)
    await in_thread(make_key, user)
    key = await in_thread(ApiKey.objects.get)
    by_key = replace(alice, key_id=key.pk, via="api")
    model.delay_s = 0.1
    model.enqueue(["more "] * 200)
    model.enqueue(["more "] * 200)
    own, others = await ask(by_key), await ask(alice)
    running.start(own.pk, by_key)
    await wait_for(own.pk, lambda row: row.state == Answer.State.WRITING)
    await in_thread(lambda: keys.revoke(key, asker=alice))
    row = await settled(own.pk)
    assert (row.state, row.failure_code) == (Answer.State.FAILED, "withdrawn")
    assert row.text.count("more") < 100
    running.start(others.pk, alice)
    with pytest.raises(running.Withdrawn):
        await collect(others, by_key)
    await in_thread(services.stop, alice, others.pk)
    assert (await settled(others.pk)).state == Answer.State.STOPPED


async def test_a_dead_writer_leaves_an_interrupted_answer(
    alice: Asker, model: ScriptedLLM
) -> None:
    answer = await ask(alice)
    past = timezone.now() - timedelta(seconds=1)
    rows = Answer.objects.filter(pk=answer.pk)
    await in_thread(rows.update, state=Answer.State.WRITING, lease_until=past)
    await in_thread(
        AnswerEvent.objects.create,
        answer=answer,
        sequence=2,
        kind="token",
        data={"pieces": ["It ", "holds"]},
    )
    events = await collect(answer, alice)
    assert [kind for _, kind, _ in events] == ["token", "error"]
    assert events[-1][2]["code"] == "interrupted"
    row = await settled(answer.pk)
    assert (row.state, row.text) == (Answer.State.INTERRUPTED, "It holds")


async def test_an_answer_that_was_never_taken_up_is_interrupted(alice: Asker) -> None:
    answer = await ask(alice)
    assert await in_thread(services.interrupt_lapsed) == 0
    old = timezone.now() - timedelta(minutes=2)
    await in_thread(Answer.objects.filter(pk=answer.pk).update, created_at=old)
    assert await in_thread(services.interrupt_lapsed) == 1


async def test_it_is_answered_once_however_often_it_is_begun(
    alice: Asker, model: ScriptedLLM
) -> None:
    answer = await ask(alice)
    for _ in range(3):
        running.start(answer.pk, alice)
    await running.run_to_end(answer.pk, alice)
    await running.run_to_end(answer.pk, alice)
    assert len(model.prompts) == 1
    assert hub.live_answer(answer.pk) is None


async def test_without_evidence_no_model_is_asked(
    alice: Asker, model: ScriptedLLM
) -> None:
    answer = await ask(alice, "Who painted the Mona Lisa in Florence?")
    row = await running.run_to_end(answer.pk, alice)
    assert row.is_refused
    assert not model.prompts
    closest = await in_thread(sources_of, row, alice)
    assert closest
    assert not any(source.in_prompt for source in closest)


async def test_a_refusal_of_the_model_is_one_and_is_never_shown_in_pieces(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["Not ", "in ", "your ", "documents."])
    answer = await ask(alice)
    running.start(answer.pk, alice)
    events = await collect(answer, alice)
    assert "token" not in [kind for _, kind, _ in events]
    assert events[-1][2]["refused"] is True


async def test_a_model_that_goes_round_is_ended_and_says_it_once(
    alice: Asker, model: ScriptedLLM
) -> None:
    said = "It holds 40 litres of oil [1]. "
    model.enqueue([said] * 50)
    answer = await ask(alice)
    row = await running.run_to_end(answer.pk, alice)
    assert row.text == said.strip()
    assert row.receipt["written"] == said * 3
    model.enqueue([said] * 50)
    assert (await in_thread(replay, answer.pk, model)).is_same


async def test_marks_without_words_are_no_answer(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["[1]"] * 50 + ["["])
    row = await running.run_to_end((await ask(alice)).pk, alice)
    assert row.is_refused


async def test_a_follow_up_finds_its_passage(alice: Asker, model: ScriptedLLM) -> None:
    model.enqueue(["Ada Berg [1]."])
    first = await ask(alice, "Who made the valve?")
    await running.run_to_end(first.pk, alice)
    second = await ask(
        alice, "When did she make it?", conversation_id=first.conversation_id
    )
    row = await running.run_to_end(second.pk, alice)
    assert "Ada Berg" in row.standalone_question
    sources = await in_thread(sources_of, row, alice)
    assert "1987" in sources[0].quote


async def test_thanks_are_not_searched_and_no_turn_to_lean_on(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["Ada Berg [1]."])
    first = await ask(alice, "Who made the valve?")
    await running.run_to_end(first.pk, alice)
    thanks = await ask(alice, "Thank you!", conversation_id=first.conversation_id)
    said = await running.run_to_end(thanks.pk, alice)
    assert said.text.startswith("You are welcome.")
    assert (said.state, said.outcome, len(model.prompts)) == ("done", "answered", 1)
    assert await in_thread(sources_of, said, alice) == []
    again = await ask(
        alice, "And when did she make it?", conversation_id=first.conversation_id
    )
    row = await running.run_to_end(again.pk, alice)
    assert "Ada Berg" in row.standalone_question


async def test_documents_that_are_still_being_read_are_named(
    alice: Asker, model: ScriptedLLM
) -> None:
    collection = await in_thread(factories.make_collection, name="More")
    await in_thread(factories.make_document, collection, "late.txt")
    row = await running.run_to_end((await ask(alice)).pk, alice)
    assert row.notices[0]["code"] == "documents_unread"
    assert "late.txt" in row.notices[0]["message"]


async def test_two_readers_see_the_same(alice: Asker, model: ScriptedLLM) -> None:
    model.delay_s = 0.02
    model.enqueue(["a ", "b ", "c ", "40 litres."])
    answer = await ask(alice)
    running.start(answer.pk, alice)
    first, second = await asyncio.gather(collect(answer, alice), collect(answer, alice))
    assert first == second


async def test_a_reader_of_another_process_polls_the_rows(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.delay_s = 0.05
    model.enqueue(["a "] * 20)
    answer = await ask(alice)
    running.start(answer.pk, alice)

    async def polled() -> AsyncIterator[tuple[int, str, dict]]:
        async for event in replaying.stored(answer.pk, alice, 0):
            yield event

    events = [event async for event in polled()]
    text = "".join(data["text"] for _, kind, data in events if kind == "token")
    assert text == "a " * 20
    assert events[-1][1] == "done"


async def test_what_bears_a_sentence_is_kept_with_page_and_span(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["It holds 40 litres [1]."])
    answer = await ask(alice)
    row = await running.run_to_end(answer.pk, alice)
    sources = await in_thread(sources_of, row, alice)
    (citation,) = await in_thread(citations_of, row, sources)
    (words,) = citation.evidence
    assert (words.quote, words.page) == ("The pump holds 40 litres of oil.", 1)
    assert (row.outcome, row.missing) == (Answer.Outcome.ANSWERED, [])
    events = await collect(answer, alice)
    assert all("quote" not in str(data) for _, kind, data in events if kind == "token")


async def test_a_model_that_no_rule_was_fitted_for_is_not_asked(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.check = {"no": -0.01, "yes": -5.0}
    model.enqueue(["It holds 40 litres [1]."])
    answer = await ask(alice)
    row = await running.run_to_end(answer.pk, alice)
    assert not row.is_refused
    assert "confidence" not in row.receipt["judgement"]
    model.enqueue(["It holds 40 litres [1]."])
    assert (await in_thread(replay, answer.pk, model)).is_same


async def test_an_answer_that_the_model_doubts_is_refused_before_it_is_shown(
    alice: Asker, model: ScriptedLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = deciding.Rule(intercept=-0.7, says_yes=1.5, says_true=0.0)
    monkeypatch.setitem(deciding.FITTED, "scripted", rule)
    model.check = {"no": -0.01, "yes": -5.0}
    model.enqueue(["40 ", "litres [1]."])
    answer = await ask(alice)
    row = await running.run_to_end(answer.pk, alice)
    assert row.is_refused
    assert row.outcome == Answer.Outcome.NOT_IN_DOCUMENTS
    assert row.receipt["judgement"]["confidence"] < 0.1
    assert row.receipt["guards"] == {"masked": {}, "is_blocked": False}
    kinds = [kind for _, kind, _ in await collect(answer, alice)]
    assert "token" not in kinds
    assert model.prompts == []
    assert (await in_thread(replay, answer.pk, model)).is_same


async def test_a_few_words_that_the_marker_takes_back_are_refused(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["It holds 40 litres [1]. ", "Not in your documents."])
    answer = await ask(alice)
    row = await running.run_to_end(answer.pk, alice)
    assert (row.is_refused, row.text) == (True, "Not in your documents.")


async def test_an_explanation_is_stored_without_the_marker_behind_it(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["The pump holds 40 litres [1].\n", "Not in your documents."])
    answer = await ask(alice, "Explain what the pump holds.")
    row = await running.run_to_end(answer.pk, alice)
    assert (row.is_refused, row.text) == (False, "The pump holds 40 litres [1].")


async def test_an_answer_is_made_again_from_its_receipt(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["It holds ", "40 litres."])
    answer = await ask(alice)
    await running.run_to_end(answer.pk, alice)
    sent = model.prompts[-1]
    model.enqueue(["It holds ", "40 litres."])
    again = await in_thread(replay, answer.pk, model)
    assert again.is_same
    again_sent = [(one.role, one.content) for one in model.prompts[-1]]
    assert again_sent == [(one.role, one.content) for one in sent]
    # Nothing that others had evaluated is reused, and nobody's place in line.
    assert not any(one.scope for one in model.prompts[-1])
    assert len({user for user in model.users if user.startswith("replay-")}) == 1
    assert again.shortfall is None


@pytest.mark.parametrize(
    ("likeliest", "is_same", "text"),
    [(-0.8, True, "It holds 40 litres."), (-0.4, False, "It holds 41 litres.")],
)
async def test_a_text_that_comes_out_otherwise_is_the_same_but_for_rounding(
    alice: Asker, model: ScriptedLLM, likeliest: float, is_same: bool, text: str
) -> None:
    model.enqueue(["It holds ", "40 litres."])
    answer = await ask(alice)
    await running.run_to_end(answer.pk, alice)
    model.score_each, model.likeliest = -1.0, likeliest
    model.enqueue(["It holds ", "41 litres."])
    other = await in_thread(replay, answer.pk, model)
    assert (other.is_same_prompt, other.is_same_text) == (True, is_same)
    assert (other.text, other.shortfall) == (text, pytest.approx(likeliest + 1.0))


async def test_a_server_that_cannot_score_leaves_another_text_another(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["It holds 40 litres."])
    answer = await ask(alice)
    await running.run_to_end(answer.pk, alice)
    model.score_each = None
    model.enqueue(["It holds 41 litres."])
    other = await in_thread(replay, answer.pk, model)
    assert (other.is_same_text, other.shortfall) == (False, None)


DISAGREEING = (
    "The main pump of the north hall holds 40 litres of oil when it is warm.",
    "The main pump of the north hall holds 55 litres of oil when it is warm.",
)


async def test_sources_that_disagree_are_reported_and_kept(
    model: ScriptedLLM,
) -> None:
    collection = await in_thread(factories.make_collection)
    for number, text in enumerate(DISAGREEING):
        await in_thread(
            factories.make_ready_document,
            collection,
            pages=("An unrelated first page.", text),
            name=f"{number}.txt",
        )
    asker = factories.asker(await in_thread(factories.alice))
    model.enqueue(["It holds 55 litres."])
    answer = await ask(asker)
    row = await running.run_to_end(answer.pk, asker)
    assert row.outcome == Answer.Outcome.PARTLY
    sources = await in_thread(sources_of, row, asker)
    conflict = await in_thread(conflict_of, row, sources)
    assert [s.quote for s in conflict.statements] == [DISAGREEING[1], DISAGREEING[0]]
    assert [s.page for s in conflict.statements] == [2, 2]
    assert conflict.statements[0].added_on == timezone.localdate()
    cited = Source.objects.filter(answer=row, is_cited=True)
    numbers = await in_thread(lambda: set(cited.values_list("n", flat=True)))
    assert numbers == set(conflict.sources)
    # A reader sees it as an event, now and when the rows of the events are gone.
    spans = conflict.spans()
    live = await collect(answer, asker)
    assert [data for _, kind, data in live if kind == "conflict"] == [spans]
    await in_thread(AnswerEvent.objects.filter(answer=row).delete)
    later = await in_thread(replaying.rebuilt, answer.pk, asker, 0)
    assert [data for _, kind, data in later if kind == "conflict"] == [spans]
    # It is no part of what the model wrote.
    assert (
        await in_thread(replay, answer.pk, model_saying("It holds 55 litres."))
    ).is_same


def model_saying(text: str) -> ScriptedLLM:
    model = ScriptedLLM()
    model.enqueue([text])
    return model


async def test_a_near_copy_that_disagrees_is_shown_but_was_not_read(
    model: ScriptedLLM,
) -> None:
    """A search leaves it out as a copy, so it comes as a source of its own."""
    text = (
        f"{DISAGREEING[0]} Filters are changed twice a year by whoever is on duty, and "
        "every change is written into the blue book beside the door of the hall. "
        "The main pump was built by Ada Berg in the town of Linz."
    )
    collection = await in_thread(factories.make_collection)
    for number, page in enumerate((text, text.replace("Ada Berg", "Bo Ek"))):
        await in_thread(
            factories.make_ready_document,
            collection,
            pages=(page,),
            name=f"{number}.txt",
        )
    asker = factories.asker(await in_thread(factories.alice))
    question = "Who built the main pump of the north hall?"
    await running.run_to_end((await ask(asker, question)).pk, asker)
    (read,) = [n for n in ("Ada Berg", "Bo Ek") if n in model.prompts[0][1].content]
    model.enqueue([read])
    answer = await ask(asker, question)
    row = await running.run_to_end(answer.pk, asker)
    sources = await in_thread(sources_of, row, asker)
    conflict = await in_thread(conflict_of, row, sources)
    assert len(conflict.statements) == 2
    assert [read in s.quote for s in conflict.statements] == [True, False]
    assert sorted(source.in_prompt for source in sources) == [False, True]
    sent = model.prompts[-1][1].content
    assert sum(source.quote in sent for source in sources) == 1


async def test_a_withdrawn_document_takes_its_side_of_a_conflict_along(
    model: ScriptedLLM,
) -> None:
    collection = await in_thread(factories.make_collection)
    documents = [
        await in_thread(
            factories.make_ready_document, collection, pages=(text,), name=f"{n}.txt"
        )
        for n, text in enumerate(DISAGREEING)
    ]
    asker = factories.asker(await in_thread(factories.alice))
    model.enqueue(["It holds 40 litres."])
    answer = await ask(asker)
    row = await running.run_to_end(answer.pk, asker)
    await in_thread(documents[1].delete)
    sources = await in_thread(sources_of, row, asker)
    conflict = await in_thread(conflict_of, row, sources)
    assert [s.quote for s in conflict.statements] == [DISAGREEING[0], ""]
    turn = await in_thread(turn_of, row, asker)
    assert [row.source.document for row in turn.contested] == ["0.txt", WITHDRAWN]
    assert row.receipt["conflict"] == conflict.spans()
    assert "litres" not in str(shown_of(row.receipt))
