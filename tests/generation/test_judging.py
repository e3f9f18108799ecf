"""What a fitted model says of its own answer decides whether it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest

from generation import deciding, judging, prompting, running, services
from generation.answering import HELD_CHARS
from generation.database import in_thread
from generation.deciding import Rule
from generation.judging import bearing_text
from generation.models import Answer
from generation.parts import using
from generation.readouts import Readout
from generation.receipts import shown_of
from generation.replay import replay
from generation.types import SourceRef
from rag_site.asking import Asker
from tests import factories
from tests.fakes import HashEmbedder
from tests.fakes_llm import ScriptedLLM

QUESTION = "How many litres of oil does the pump hold?"
PAGE = "The pump holds 40 litres of oil. The valve was made by Ada Berg in 1987."
SURE_YES, SURE_TRUE = {"yes": -0.05, "no": -3.0}, {"true": -0.05, "false": -3.0}
SURE_FALSE = {"true": -5.0, "false": -0.01}
REFUSAL = ["Not in ", "your documents."]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedLLM]:
    """A model with a rule that sure words lift well over the threshold, or under it."""
    rule = Rule(intercept=0.0, says_yes=0.6, says_true=1.0)
    monkeypatch.setitem(deciding.FITTED, "scripted", rule)
    model = ScriptedLLM()
    with using(model, embedder=HashEmbedder()):
        yield model


@pytest.fixture
def alice(db: None, model: ScriptedLLM) -> Asker:
    factories.make_ready_document(factories.make_collection(), pages=(PAGE,))
    return factories.asker(factories.alice())


async def told(asker: Asker, question: str = QUESTION) -> tuple[Answer, list[str]]:
    """Return the settled answer, and the tokens as a reader at the page got them."""
    answer = await in_thread(services.ask, asker, question=question, via="web")
    running.start(answer.pk, asker)
    events = [event async for event in running.events(answer.pk, asker)]
    tokens = [data["text"] for _, kind, data in events if kind == "token"]
    return await in_thread(Answer.objects.get, pk=answer.pk), tokens


@pytest.mark.django_db(transaction=True)
class TestShortAnswers:
    async def test_one_that_is_found_true_is_shown_whole(
        self, alice: Asker, model: ScriptedLLM
    ) -> None:
        model.check = SURE_YES | SURE_TRUE
        model.enqueue(["40 ", "litres ", "[1]"])
        row, tokens = await told(alice)
        assert tokens == ["40 litres [1]"]
        assert (row.text, row.outcome) == ("40 litres [1]", Answer.Outcome.ANSWERED)
        judgement = row.receipt["judgement"]
        assert judgement["says_yes"] == judgement["says_true"] == pytest.approx(2.95)
        assert judgement["confidence"] > 0.95

    @pytest.mark.parametrize(
        ("read", "is_shown"),
        [
            pytest.param((1.0, -0.5), True, id="the reading is sure, the word is not"),
            pytest.param(
                (-4.0, -3.0), False, id="the word is sure, the reading is not"
            ),
        ],
    )
    async def test_more_than_the_word_is_read_where_it_is_told(
        self,
        alice: Asker,
        model: ScriptedLLM,
        monkeypatch: pytest.MonkeyPatch,
        read: tuple[float, ...],
        is_shown: bool,
    ) -> None:
        readout = Readout(intercept=0.5, weights=(1.0, 2.0))
        monkeypatch.setattr(judging, "readout_of", lambda _model: readout)
        rule = Rule(intercept=0.0, says_yes=0.6, says_true=2.0)
        monkeypatch.setitem(deciding.READ, "scripted", rule)
        model.check = SURE_YES | (SURE_FALSE if is_shown else SURE_TRUE)
        model.wanted = read
        model.enqueue(["40 ", "litres [1]"])
        row, tokens = await told(alice)
        assert tokens == (["40 litres [1]"] if is_shown else [])
        expected = 0.5 + read[0] + 2 * read[1]
        assert row.receipt["judgement"]["says_true"] == pytest.approx(expected)

    async def test_words_that_the_passages_do_not_bear_out_count_and_are_told(
        self, alice: Asker, model: ScriptedLLM, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rule = Rule(intercept=0.0, says_yes=0.1, says_true=0.1, unborne=-3.0)
        monkeypatch.setitem(deciding.FITTED, "scripted", rule)
        model.check = SURE_YES | SURE_TRUE
        model.enqueue(["40 ", "litres [1]"])
        model.enqueue(["40 ", "litres [1]"])
        row, _ = await told(alice)
        assert "unborne" not in row.receipt["judgement"]
        assert row.outcome == Answer.Outcome.ANSWERED
        row, _ = await told(alice, "How many litres of oil does the pump not hold?")
        assert row.receipt["judgement"]["unborne"] == ["not"]
        assert row.is_refused

    async def test_the_word_counts_where_no_more_is_told(
        self, alice: Asker, model: ScriptedLLM, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        readout = Readout(intercept=-99.0, weights=(1.0, 2.0))
        monkeypatch.setattr(judging, "readout_of", lambda _model: readout)
        rule = Rule(intercept=0.0, says_yes=0.6, says_true=2.0)
        monkeypatch.setitem(deciding.READ, "scripted", rule)
        model.check = SURE_YES | SURE_TRUE
        model.enqueue(["40 ", "litres [1]"])
        row, _ = await told(alice)
        assert row.outcome == Answer.Outcome.ANSWERED
        assert row.receipt["judgement"]["says_true"] == pytest.approx(2.95)

    async def test_one_that_is_found_false_is_never_shown(
        self, alice: Asker, model: ScriptedLLM
    ) -> None:
        model.check = SURE_YES | SURE_FALSE
        model.enqueue(["40 ", "litres [1]"])
        row, tokens = await told(alice)
        assert tokens == []
        assert row.is_refused
        assert row.receipt["judgement"]["confidence"] < 0.1
        assert "40 litres" not in str(shown_of(row.receipt))
        model.enqueue(["40 ", "litres [1]"])
        assert (await in_thread(replay, row.pk, model)).is_same

    async def test_nothing_is_written_where_nothing_could_make_it_sure(
        self, alice: Asker, model: ScriptedLLM
    ) -> None:
        model.check = {"yes": -9.0, "no": -0.01} | SURE_TRUE
        row, tokens = await told(alice)
        assert row.is_refused
        assert (tokens, model.prompts) == ([], [])

    async def test_a_refusal_is_asked_again_for_the_best_there_is(
        self, alice: Asker, model: ScriptedLLM
    ) -> None:
        model.check = SURE_YES | SURE_TRUE
        model.enqueue(REFUSAL)
        model.enqueue(["40 litres [1]"])
        row, tokens = await told(alice)
        assert (tokens, row.text) == (["40 litres [1]"], "40 litres [1]")
        assert not row.is_refused
        assert row.receipt["asked_for"] == "insist"
        first, second = (prompt[-1].content for prompt in model.prompts)
        assert "Not in your documents." in first
        assert "Not in your documents." not in second
        model.enqueue(["40 litres [1]"])
        assert (await in_thread(replay, row.pk, model)).is_same

    async def test_what_is_refused_twice_is_refused(
        self, alice: Asker, model: ScriptedLLM
    ) -> None:
        model.check = SURE_YES | SURE_TRUE
        model.enqueue(REFUSAL)
        model.enqueue(REFUSAL)
        row, tokens = await told(alice)
        assert row.is_refused
        assert tokens == []
        assert "says_true" not in row.receipt["judgement"]

    async def test_a_server_that_tells_no_chances_has_its_answer_shown(
        self, alice: Asker, model: ScriptedLLM
    ) -> None:
        model.enqueue(["40 ", "litres [1]"])
        row, tokens = await told(alice)
        assert tokens == ["40 ", "litres [1]"]
        assert "confidence" not in row.receipt["judgement"]


@pytest.mark.django_db(transaction=True)
class TestLongerAnswers:
    async def test_an_explanation_is_shown_as_it_comes(
        self, alice: Asker, model: ScriptedLLM
    ) -> None:
        model.check = SURE_YES | SURE_FALSE
        model.enqueue(["The pump ", "holds 40 litres of oil [1]."])
        row, tokens = await told(alice, "Explain how much oil the pump holds.")
        assert tokens == ["The pump ", "holds 40 litres of oil [1]."]
        assert not row.is_refused
        assert "says_true" not in row.receipt["judgement"]

    async def test_an_explanation_refused_is_asked_for_again_and_must_be_borne(
        self, alice: Asker, model: ScriptedLLM
    ) -> None:
        model.check = SURE_YES
        question = "Explain how much oil the pump holds."
        for said, is_refused in (
            ("The pump holds 40 litres of oil [1].", False),
            ("A valve turns the wheel of the mill [1].", True),
        ):
            model.enqueue(REFUSAL)
            model.enqueue([said])
            row, tokens = await told(alice, question)
            assert row.is_refused == is_refused
            assert tokens == ([] if is_refused else [said])
            assert row.receipt["asked_for"] == "insist"
            model.enqueue([said])
            assert (await in_thread(replay, row.pk, model)).is_same

    async def test_more_than_a_few_words_are_not_held_back(
        self, alice: Asker, model: ScriptedLLM
    ) -> None:
        model.check = SURE_YES | SURE_FALSE
        words = [f"The pump of hall {n} holds 40 litres of oil. " for n in range(1, 9)]
        model.enqueue(words)
        row, tokens = await told(alice)
        assert len(tokens[0]) > HELD_CHARS
        assert tokens[1:] == words[len(tokens[0]) // len(words[0]) :]
        assert not row.is_refused


def source(text: str, n: int = 1) -> SourceRef:
    return SourceRef(
        n=n,
        document_id=UUID(int=n),
        version_id=UUID(int=n),
        document="pump.txt",
        heading="",
        page=1,
        start=0,
        end=len(text),
        quote=text,
        score=1.0,
    )


def test_what_bears_an_answer_comes_with_the_sentence_before() -> None:
    text = "It is a long story. The pump is old. It was made by Ada Berg. It is red."
    found = bearing_text("Who made the pump?", "Ada Berg [1]", [source(text)])
    assert found == "The pump is old. It was made by Ada Berg."


def test_a_title_leads_where_the_question_names_it_and_the_words_do_not() -> None:
    page = replace(source("It holds 40 litres."), heading="Pump P-7 › Oil")
    named = bearing_text("How many litres does the P-7 hold?", "40 litres [1]", [page])
    assert named == "Pump P-7 › Oil: It holds 40 litres."
    unnamed = bearing_text("How many litres does it hold?", "40 litres [1]", [page])
    assert unnamed == "It holds 40 litres."


def test_a_row_of_a_table_bears_an_answer_with_the_names_of_its_columns() -> None:
    rows = "Germany | 28 euros | 14 euros\nFrance | 39 euros | 20 euros"
    whole = source(f"Country | Full day | Half day\n{rows}")
    found = bearing_text("What is the half day in France?", "20 euros [1]", [whole])
    assert found == "Country: France | Full day: 39 euros | Half day: 20 euros"
    # It goes on with a table whose first row is in the passage before.
    heading = "Rules › Allowance\nCountry | Full day | Half day"
    later = replace(source(rows), heading=heading)
    assert (
        bearing_text("What is half a day in France?", "20 euros [1]", [later]) == found
    )


def test_where_nothing_bears_an_answer_the_first_source_stands_for_it() -> None:
    sources = [source("The pump\n is old. " * 100), source("The valve is new.", 2)]
    found = bearing_text("Who made the pump?", "Karl Holm", sources)
    assert found.startswith("The pump is old. The pump")
    assert len(found) < 700


def test_all_of_a_claim_but_the_case_is_shared_with_everybody() -> None:
    messages = prompting.claim_of_answer("Who?", "Ada <|im_end|>", "Ada did it.")
    *examples, case = messages
    roles = [message.role for message in messages]
    assert roles == ["system", *["user", "assistant"] * (len(examples) // 2), "user"]
    assert {m.content for m in examples if m.role == "assistant"} == {"true", "false"}
    assert all(m.scope == "everybody" for m in examples)
    assert all(m.shared_chars == len(m.content) for m in examples)
    assert (case.scope, case.shared_chars) == ("", 0)
    # A case looks as the examples do, and holds no special token.
    assert (
        case.content
        == 'Text: Ada did it.\nClaim: the answer to "Who?" is "Ada < |im_end|>".'
    )
    assert examples[1].content.splitlines()[1].startswith('Claim: the answer to "')
