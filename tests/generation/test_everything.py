"""Questions over everything through the whole pipeline: rows, groups, sides, dates."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from generation import running, services
from generation.database import in_thread
from generation.errors import NothingToSearch
from generation.everything.collecting import grouped
from generation.everything.items import Items
from generation.everything.widening import trim_sides
from generation.management.commands.ask import report
from generation.models import Answer
from generation.parts import using
from generation.replay import NotReplayable, replay
from generation.selectors import citations_of, sources_of
from generation.turns import turn_of
from generation.types import SourceRef
from ingestion.models import Collection, Document, DocumentVersion
from rag_site.asking import Asker
from retrieval.filters import Filters
from tests import factories
from tests.fakes import HashEmbedder
from tests.fakes_llm import ScriptedLLM
from tests.gateway_fixtures import _plain_static  # noqa: F401 - pytest finds it here
from tests.generation.test_prompting import source
from tests.generation.test_running import ask, collect, settled
from tests.generation.test_trimming import hit

pytestmark = pytest.mark.django_db(transaction=True)

RED = "The red pump holds 40 litres of oil and weighs 12 kilograms."
BLUE = "The blue pump holds 30 litres of oil and weighs 9 kilograms."


@pytest.fixture
def model() -> Iterator[ScriptedLLM]:
    model = ScriptedLLM()
    with using(model, embedder=HashEmbedder()):
        yield model


@pytest.fixture
def library(model: ScriptedLLM) -> Collection:
    """Three documents of Alice's and Bob's, and one of a stranger's."""
    shared = factories.make_collection(shared_with=factories.bob())
    add(shared, "Red manual.txt", RED, "Paint is kept in the store.")
    add(shared, "Blue manual.txt", BLUE, "The oil pump has an oil filter.")
    add(shared, "Travel report.txt", "Trips are paid by the office.")
    foreign = factories.make_collection(factories.charlie(), "Charlie's")
    add(foreign, "Secret pump.txt", "The secret pump of Charlie holds oil, oil, oil.")
    return shared


@pytest.fixture
def alice(library: Collection) -> Asker:
    return factories.asker(factories.alice())


def add(collection: Collection, name: str, *paragraphs: str) -> Document:
    return factories.make_ready_document(collection, name, ["\n\n".join(paragraphs)])


def date(document: Document, day: str) -> None:
    at = timezone.make_aware(dt.datetime.fromisoformat(day))
    DocumentVersion.objects.filter(document=document).update(created_at=at)


async def told(asker: Asker, question: str, **options: object) -> Answer:
    answer = await ask(asker, question, **options)
    return await running.run_to_end(answer.pk, asker)


def codes(answer: Answer) -> list[str]:
    return [notice["code"] for notice in answer.notices]


def message(answer: Answer, code: str) -> str:
    return next(n["message"] for n in answer.notices if n["code"] == code)


# --- Documents ---------------------------------------------------------------


async def test_documents_are_counted_without_a_model(
    alice: Asker, model: ScriptedLLM
) -> None:
    row = await told(alice, "How many documents mention the pump?")
    assert row.text.startswith("2 documents mention “pump”:\n\n- “")
    assert (row.state, row.outcome, row.is_refused) == ("done", "answered", False)
    assert (row.model_name, model.prompts) == ("", [])
    assert row.receipt["way"] == "documents counted"
    assert row.receipt["documents"] == {"found": 2, "searched": 3}
    assert message(row, "coverage").startswith("All 3 documents that you may read")
    sources = await in_thread(sources_of, row, alice)
    assert {s.document for s in sources} == {"Red manual.txt", "Blue manual.txt"}
    # Nothing went to a model, and every item is held to words of its document.
    assert not any(s.in_prompt for s in sources)
    found = await in_thread(citations_of, row, sources)
    assert [c.sources for c in found] == [(1,), (2,)]
    for item in found:
        assert item.verdict == "supported"
        assert row.text[item.start : item.end].endswith(f"[{item.sources[0]}]")
        assert "pump" in item.evidence[0].quote
    turn = await in_thread(turn_of, row, alice)
    assert (len(turn.cited), turn.read, turn.closest) == (2, [], [])


async def test_events_are_those_of_any_answer(alice: Asker) -> None:
    answer = await ask(alice, "List all documents")
    running.start(answer.pk, alice)
    events = await collect(answer, alice)
    kinds = [kind for _, kind, _ in events]
    assert kinds == [
        *("searching", "sources", "notice", "token"),
        *("citation", "citation", "citation", "done"),
    ]
    assert len(events[1][2]["sources"]) == 3
    done = events[-1][2]
    assert done["text"] == events[3][2]["text"]
    assert done["text"].startswith("3 documents were found:")
    assert "Secret" not in done["text"]


async def test_page_and_shell_tell_which_way_it_was_answered(
    alice: Asker, library: Collection
) -> None:
    row = await told(alice, "How many documents mention the pump?")

    def page() -> str:
        client = Client()
        client.force_login(factories.alice())
        return client.get(f"/c/{row.conversation_id}").content.decode()

    shown = await in_thread(page)
    assert "documents counted: 2 of 3 documents, read from the database" in shown
    assert "none was asked" in shown
    # How it was answered is told without a warning.
    assert '<p class="note">' in shown
    assert "note-warn" not in shown
    assert "Cited in the answer" in shown
    printed = await in_thread(report, row, alice)
    assert printed["answer"] == row.text
    assert [c["supported"] for c in printed["citations"]] == [True, True]
    assert {s["document"] for s in printed["sources"]} == {
        *("Red manual.txt", "Blue manual.txt"),
    }


async def test_a_phrase_in_quotation_marks_is_meant_word_for_word(
    alice: Asker,
) -> None:
    loose = await told(alice, "Which documents mention pump oil?")
    assert loose.text.startswith("2 documents")
    exact = await told(alice, "Which documents mention “oil filter”?")
    assert exact.text.startswith("1 document mentions “oil filter”")
    either = await told(alice, "Which documents mention “oil filter” or trips?")
    assert either.text.startswith("2 documents mention")
    assert "Travel report" in either.text


async def test_mentions_are_counted_in_the_text_not_in_headings(
    alice: Asker, library: Collection
) -> None:
    await in_thread(add, library, "Pump.txt", "A pump. Two pumps, one oil pump.", "No.")
    row = await told(alice, "How many times is the pump mentioned?")
    assert row.text.startswith("“pump” is mentioned 6 times in 3 documents:")
    row = await told(alice, "How many times is “oil pump” mentioned?")
    assert row.text.startswith("“oil pump” is mentioned 2 times in 2 documents:")


async def test_none_is_a_refusal_with_the_closest_passages(alice: Asker) -> None:
    row = await told(alice, "How many documents mention unicorns and pumps?")
    assert row.is_refused
    assert row.outcome == "not_in_documents"
    assert codes(row) == ["coverage"]
    closest = await in_thread(sources_of, row, alice)
    assert closest
    assert not any(s.in_prompt for s in closest)


async def test_filters_collections_types_and_days_narrow(
    alice: Asker, library: Collection
) -> None:
    other = await in_thread(factories.make_collection, name="Letters")
    old = await in_thread(add, other, "Old letter.txt", "The pump is old.")
    await in_thread(date, old, "2023-05-01")
    everywhere = await told(alice, "How many documents mention pumps?")
    assert everywhere.text.startswith("3 documents")
    named = await told(alice, "How many documents are in the letters collection?")
    assert "1 document was found, in the collection “letters”" in named.text
    since = await told(alice, "How many documents about pumps since 2024?")
    assert since.text.startswith("2 documents mention “pumps”, added since 2024-01-01:")
    chosen = await told(
        alice, "How many documents mention pumps?", collections=[other.pk]
    )
    assert chosen.text.startswith("1 document mentions")
    filtered = await told(
        alice, "List all documents", filters=Filters(names=("manual",))
    )
    assert filtered.text.startswith("2 documents were found")
    typed = await told(alice, "List all documents file:travel")
    assert typed.text.startswith("1 document was found")
    pdfs = await told(alice, "How many PDFs mention pumps?")
    assert pdfs.is_refused
    texts = await told(alice, "How many text files mention pumps?")
    assert texts.text.startswith("3 documents of type text mention “pumps”")


async def test_reports_are_documents_that_are_named_so(
    alice: Asker, model: ScriptedLLM
) -> None:
    row = await told(alice, "How many reports are there?")
    assert row.text.startswith("1 document was found")
    row = await told(alice, "Which manuals mention oil?")
    assert row.text.startswith("2 documents")
    assert "“manuals” in their name" in message(row, "documents_named")
    # No document is named a contract: all that match, and it says so.
    row = await told(alice, "Which contracts mention oil?")
    assert row.text.startswith("2 documents")
    assert "No document has “contracts”" in message(row, "documents_named")
    # With nothing to look for, passages answer, and it says so.
    row = await told(alice, "How many contracts are there?")
    assert codes(row) == ["documents_unknown"]
    assert "way" not in row.receipt


async def test_what_cannot_be_told_is_said(alice: Asker, model: ScriptedLLM) -> None:
    row = await told(alice, "Which documents do not mention pumps?")
    assert codes(row) == ["documents_negated"]
    row = await told(alice, "How many documents from 2023 mention pumps?")
    assert codes(row) == ["documents_dated"]
    row = await told(alice, "Which documents mention the of and?")
    assert codes(row) == ["documents_unknown"]


async def test_a_long_list_is_cut_and_says_so(
    alice: Asker, library: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generation.everything.listing.LISTED", 2)
    row = await told(alice, "List all documents")
    assert row.text.startswith("3 documents were found:")
    assert row.text.endswith("And 1 more.")
    assert message(row, "list_cut").startswith("2 of 3 documents are listed")
    assert len(await in_thread(sources_of, row, alice)) == 2


async def test_the_latest_document_tells_by_which_date(
    alice: Asker, library: Collection
) -> None:
    for name, text in (
        ("Figures 2022.txt", "Oil was 10 barrels."),
        ("Figures 2024.txt", "Oil was 30 barrels."),
        ("Figures 2023.txt", "Oil was 20 barrels."),
    ):
        await in_thread(add, library, name, text)
    row = await told(alice, "What is the latest document about barrels?")
    assert row.text == "- “Figures 2024.txt”, dated 2024 in its name [1]"
    assert "by the date in its name, 2024." in message(row, "latest_by")
    row = await told(alice, "What is the oldest document about barrels?")
    assert "Figures 2022.txt" in row.text
    newest = await in_thread(add, library, "Last.txt", "Trips are long.")
    await in_thread(date, newest, "2030-01-01")
    row = await told(alice, "What is the newest document about trips?")
    assert row.text == "- “Last.txt”, added 2030-01-01 [1]"
    assert "by the day it was added" in message(row, "latest_by")


async def test_both_spellings_are_counted(alice: Asker, library: Collection) -> None:
    await in_thread(add, library, "First.txt", "Liability ends in Zürich, in ZÜRICH.")
    await in_thread(add, library, "Second.txt", "Liability ends in Zurich.")
    for city in ("Zurich", "zürich"):
        row = await told(alice, f"How many documents mention {city}?")
        assert row.text.startswith(f"2 documents mention “{city}”:")
        row = await told(alice, f"How often is {city} mentioned?")
        assert f"“{city}” is mentioned 3 times in 2 documents:" in row.text


async def test_what_is_spelled_otherwise_is_not_said_to_be_away(
    alice: Asker, library: Collection, model: ScriptedLLM
) -> None:
    await in_thread(add, library, "Contract.txt", "7.3 Liability ends in Zürich.")
    row = await told(alice, "Which documents mention clause 7.3?")
    assert codes(row)[0] == "documents_unknown"
    assert "as it is spelled here" in message(row, "documents_unknown")
    assert model.prompts


async def test_documents_of_a_kind_are_named_by_its_word(
    alice: Asker, library: Collection
) -> None:
    for name in ("Statements.txt", "March statement.txt", "Real estate.txt"):
        await in_thread(add, library, name, "It is white.")
    row = await told(alice, "How many statements are there?")
    assert row.text.startswith("2 documents")
    assert "estate" not in row.text


async def test_names_cannot_forge_marks(alice: Asker, library: Collection) -> None:
    await in_thread(add, library, "Odd [2](x) <b>.txt", "A zebra.")
    row = await told(alice, "Which documents mention zebras?")
    assert row.text.endswith("- “Odd (2)(x) ‹b›.txt”, added " + row.text[-14:])
    assert row.text.endswith("[1]")


async def test_a_row_answer_says_why_it_cannot_be_replayed(alice: Asker) -> None:
    row = await told(alice, "List all documents")
    with pytest.raises(NotReplayable, match="no model wrote it"):
        await in_thread(replay, row.pk, ScriptedLLM())


# --- Rights ------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        "How many documents mention the pump?",
        "List all documents",
        "How many times is oil mentioned?",
        "What is the latest document about pumps?",
        "List all pumps",
        "Compare the secret pump and the red pump",
    ],
)
async def test_documents_of_a_stranger_are_neither_counted_nor_listed(
    alice: Asker, question: str, model: ScriptedLLM
) -> None:
    row = await told(alice, question)
    assert row.state == Answer.State.DONE
    shown = await in_thread(sources_of, row, alice)
    assert shown
    assert all("Secret" not in s.document for s in shown)
    assert "Secret" not in row.text
    assert all("Charlie" not in str(prompt) for prompt in model.prompts)


async def test_a_reader_counts_what_is_shared_and_a_stranger_nothing(
    alice: Asker, library: Collection
) -> None:
    bob = factories.asker(await in_thread(factories.bob))
    row = await told(bob, "How many documents are there?")
    assert row.text.startswith("3 documents")
    charlie = factories.asker(await in_thread(factories.charlie))
    row = await told(charlie, "How many documents mention the pump?")
    assert row.text.startswith("1 document mentions")
    row = await told(charlie, "How many times is oil mentioned?")
    assert row.text.startswith("“oil” is mentioned 3 times in 1 document:")
    nobody = factories.asker(await in_thread(factories.make_user, "nobody"))
    with pytest.raises(NothingToSearch):
        await ask(nobody, "List all documents")


# --- Gathering ---------------------------------------------------------------


@pytest.fixture
def suppliers(alice: Asker, library: Collection) -> Asker:
    for n, name in enumerate(("Acme", "Berg", "Cato", "Dahl", "Engh"), 1):
        add(library, f"Order {n}.txt", f"{name} Works is a supplier of part {n}.")
    return alice


async def test_items_are_gathered_over_groups_and_held_to_their_passages(
    suppliers: Asker, model: ScriptedLLM, settings: LazySettings
) -> None:
    settings.MAX_SOURCES = 2
    model.delay_s = 0.01
    answer = await ask(suppliers, "List all suppliers")
    for _ in range(3):
        model.enqueue(["- Acme Works [1]\n", "- Berg Works\n", "Zorn Works [2]\n"])
    running.start(answer.pk, suppliers)
    events = await collect(answer, suppliers)
    row = await settled(answer.pk)
    sources = await in_thread(sources_of, row, suppliers)
    assert [s.n for s in sources] == [1, 2, 3, 4, 5]
    assert all(s.in_prompt for s in sources)
    # What was sent is what is listed, in groups.
    assert len(model.prompts) == 3
    sent = "".join(prompt[1].content for prompt in model.prompts)
    assert all(s.quote in sent for s in sources)
    assert sent.count("<passage ") == 5
    # Each line that a passage bears, once; Zorn is in none.
    text, by_name = row.text, {s.quote.split()[0]: s.n for s in sources}
    lines = {f"- {name} Works [{by_name[name]}]" for name in ("Acme", "Berg")}
    assert set(text.splitlines()) == lines
    assert message(row, "coverage") == (
        "All 5 matching passages in 5 documents were read."
    )
    assert "left out" in message(row, "lines_dropped")
    assert row.outcome == "answered"
    progress = [data for _, kind, data in events if kind == "reading"]
    assert [(p["passages"], p["total"]) for p in progress] == [(2, 5), (4, 5), (5, 5)]
    found = await in_thread(citations_of, row, sources)
    assert [c.verdict for c in found] == ["supported", "supported"]
    assert all("supplier" in c.evidence[0].quote for c in found)
    assert row.receipt["passages"] == {"matching": 5, "read": 5}
    assert row.receipt["groups"] == [2, 2, 1]


async def test_a_number_is_counted_and_never_the_models(
    suppliers: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["There are 17 suppliers.\nAcme Works\nBerg Works\nAcme Works."])
    row = await told(suppliers, "Count all suppliers")
    assert row.text.startswith("2, counted from the passages that were read:\n\n- Acme")
    assert "17" not in row.text


async def test_more_than_the_bound_is_told(
    suppliers: Asker, model: ScriptedLLM, settings: LazySettings
) -> None:
    settings.GATHER_PASSAGES = 2
    model.enqueue(["Acme Works\nBerg Works\nCato Works\nDahl Works\nEngh Works"])
    row = await told(suppliers, "List all suppliers")
    assert message(row, "coverage_partly").startswith(
        "2 of 5 matching passages were read."
    )
    assert row.outcome == "partly"
    assert len(row.text.splitlines()) == 2
    assert len(await in_thread(sources_of, row, suppliers)) == 2


async def test_nothing_that_a_passage_bears_is_a_refusal(
    suppliers: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["Not in your documents."])
    row = await told(suppliers, "List all suppliers")
    assert row.is_refused
    assert codes(row) == ["coverage"]
    model.enqueue(["Zorn Works [1]"])
    row = await told(suppliers, "List all suppliers")
    assert row.is_refused
    assert codes(row) == ["coverage", "lines_dropped"]


async def test_a_stop_ends_it_between_groups_and_keeps_what_came(
    suppliers: Asker, model: ScriptedLLM, settings: LazySettings
) -> None:
    settings.MAX_SOURCES = 1
    model.delay_s = 0.1
    model.enqueue(["Acme Works\nBerg Works\nCato Works\nDahl Works\nEngh Works"])
    model.enqueue(["more "] * 200)
    answer = await ask(suppliers, "List all suppliers")
    running.start(answer.pk, suppliers)
    async for _, kind, _ in running.events(answer.pk, suppliers):
        if kind == "token":
            break
    await in_thread(services.stop, suppliers, answer.pk)
    row = await settled(answer.pk)
    assert row.state == Answer.State.STOPPED
    assert row.text.endswith(" Works [1]")
    assert len(row.text.splitlines()) == 1
    assert len(model.prompts) <= 2
    assert message(row, "coverage_partly") == (
        "1 of 5 matching passages were read. It ended before the others were read."
    )
    assert row.outcome == "partly"


async def test_time_ends_it_between_groups(
    suppliers: Asker, model: ScriptedLLM, settings: LazySettings
) -> None:
    settings.MAX_SOURCES = 1
    settings.ANSWER_WALL_S = 4
    model.delay_s = 0.1
    model.enqueue(["Acme Works\nBerg Works\nCato Works\nDahl Works\nEngh Works"])
    model.enqueue(["Acme Works\n"] * 400)
    row = await told(suppliers, "List all suppliers")
    assert row.state == Answer.State.DONE
    assert len(model.prompts) == 2
    # The second group was not read to its end.
    assert message(row, "coverage_partly").startswith("1 of 5 matching passages")
    assert "answer_cut" not in codes(row)
    assert row.text.endswith(" Works [1]")
    assert row.outcome == "partly"


async def test_a_list_named_by_a_word_that_no_passage_has_is_gathered(
    alice: Asker, model: ScriptedLLM, library: Collection
) -> None:
    text = "Dorn and Sons deliver bearings."
    await in_thread(add, library, "Order.txt", text)
    model.enqueue(["Dorn and Sons [1]\nKarl Holm [1]"])
    row = await told(alice, "List all vendors")
    assert row.text.startswith("- Dorn and Sons [")
    assert "Holm" not in row.text


async def test_a_gathered_answer_is_made_again(
    suppliers: Asker, model: ScriptedLLM, settings: LazySettings
) -> None:
    settings.MAX_SOURCES = 3
    answers = [["Acme Works\nBerg Works"], ["Cato Works"]]
    for pieces in answers * 2:
        model.enqueue(pieces)
    row = await told(suppliers, "List all suppliers")
    again = await in_thread(replay, row.pk, model)
    assert again.is_same_prompt
    assert again.is_same
    said = [[(m.role, m.content) for m in prompt] for prompt in model.prompts]
    assert said[:2] == said[2:]
    other = ScriptedLLM()
    assert not (await in_thread(replay, row.pk, other)).is_same_text


async def test_masks_hold_in_what_is_gathered(
    alice: Asker, model: ScriptedLLM, library: Collection
) -> None:
    library.masking = "answers"
    await in_thread(library.save)
    await in_thread(
        add, library, "Mail.txt", "The contact is ada@example.com, by mail."
    )
    model.enqueue(["The contact is ada@example.com [1]"])
    row = await told(alice, "List all contacts")
    assert "ada@example.com" not in row.text
    assert row.receipt["guards"]["masked"]


# --- Comparing ---------------------------------------------------------------


async def test_both_sides_are_read(
    alice: Asker, model: ScriptedLLM, library: Collection
) -> None:
    for n in range(12):
        await in_thread(
            add, library, f"Red {n}.txt", f"The red pump compared, red pump {n} litres."
        )
    model.enqueue(["The red pump holds 40 litres [1]. The blue pump holds 30 litres."])
    row = await told(alice, "Compare the red pump and the blue pump")
    sent = model.prompts[0][1].content
    assert "red pump" in sent
    assert "blue pump holds 30 litres" in sent
    assert row.receipt["way"] == "compared"
    assert codes(row) == []
    sources = await in_thread(sources_of, row, alice)
    assert [s.in_prompt for s in sources] == [True] * len(sources)
    assert sent.count("<passage ") == len(sources)


async def test_a_side_without_a_passage_is_named(
    alice: Asker, model: ScriptedLLM
) -> None:
    model.enqueue(["The red pump holds 40 litres."])
    row = await told(alice, "Compare the red pump and the yellow pump")
    assert message(row, "side_missing") == "No passage names “yellow pump”."
    assert row.outcome == "partly"
    assert row.missing == ["yellow pump"]


def test_trimming_keeps_both_sides_within_the_same_tokens() -> None:
    long = [hit("The red pump is red. " * 40, score=1.0) for _ in range(3)]
    short = [replace(hit("The blue pump is blue.", score=0.5), chunk_id=9)]
    kept = trim_sides("Compare red and blue", [long, short, []], tokens=150)
    assert [h.text.split()[1] for h in kept[:2]] == ["red", "blue"]
    assert sum(h.token_count for h in kept) <= 160


# --- The latest --------------------------------------------------------------


async def test_the_latest_report_is_the_one_that_is_read(
    alice: Asker, model: ScriptedLLM, library: Collection
) -> None:
    for year, litres in ((2022, 10), (2024, 30), (2023, 20)):
        text = f"The tank leaked {litres} litres."
        await in_thread(add, library, f"Tank report {year}.txt", text)
    model.enqueue(["30 litres [1]."])
    row = await told(alice, "How much did the tank leak by the latest report?")
    assert "“Tank report 2024.txt”, the latest of 4" in message(row, "latest_by")
    assert "by the date in its name" in message(row, "latest_by")
    sources = await in_thread(sources_of, row, alice)
    assert {s.document for s in sources} == {"Tank report 2024.txt"}
    assert row.receipt["way"] == "latest document read"


async def test_the_latest_tank_report_is_no_report_on_travel(
    alice: Asker, model: ScriptedLLM, library: Collection
) -> None:
    for name in (
        "Tank report 2022.txt",
        "Tank report 2024.txt",
        "Travel report 2025.txt",
    ):
        await in_thread(add, library, name, f"The tank is in the {name}.")
    row = await told(alice, "What does the latest tank report say of the tank?")
    assert "“Tank report 2024.txt”, the latest of 2" in message(row, "latest_by")
    sources = await in_thread(sources_of, row, alice)
    assert {s.document for s in sources} == {"Tank report 2024.txt"}


async def test_without_dates_it_says_so_and_answers_as_usual(
    alice: Asker, model: ScriptedLLM, library: Collection
) -> None:
    for n in range(2):
        await in_thread(add, library, f"Tank {n}.txt", f"The tank leaked {n} litres.")
    row = await told(alice, "What is the most recent figure for the tank leak?")
    assert codes(row) == ["latest_unknown"]
    sources = await in_thread(sources_of, row, alice)
    assert {"Tank 0.txt", "Tank 1.txt"} <= {s.document for s in sources}


# --- Parts -------------------------------------------------------------------


def sources(*quotes: str) -> list[SourceRef]:
    return [source(quote, n=n, heading="") for n, quote in enumerate(quotes, 1)]


def test_groups_keep_to_room_and_number_and_count_through() -> None:
    given = sources("a", "b", "c", "d")
    groups = grouped(given, [10, 100, 10, 10], room=50, most=2)
    assert [[(s.n, s.quote) for s in g] for g in groups] == [
        [(1, "a"), (2, "c")],
        [(3, "d")],
    ]
    assert grouped(given, [30, 30, 10, 10], room=45, most=9) == [
        [given[0]],
        [given[1], given[2]],
        [given[3]],
    ]


def test_the_same_item_of_two_passages_is_one_with_both_sources() -> None:
    items = Items("suppliers")
    first = items.take("1. Acme Works", sources("Acme Works is a supplier."))
    assert first == "- Acme Works [1]\n"
    later = [replace(s, n=7) for s in sources("A supplier is Acme Works of Oslo.")]
    assert items.take("* Acme Works.", later) == ""
    text, cited = items.written("")
    assert text == "- Acme Works [1][7]"
    assert [c.sources for c in cited] == [(1, 7)]
    assert [b.quote for b in cited[0].evidence] == [
        "Acme Works is a supplier.",
        "A supplier is Acme Works of Oslo.",
    ]


def test_two_items_on_one_line_are_two() -> None:
    items = Items("suppliers")
    given = sources("Acme Works is a supplier.", "Berg Works is a supplier.")
    new = items.take("Acme Works [1], Berg Works [2]", given)
    assert new == "- Acme Works [1]\n- Berg Works [2]\n"
    assert items.dropped == 0


def test_none_is_no_item_and_no_line_that_was_dropped() -> None:
    items = Items("suppliers")
    said = "- none\nNone.\nNot in your documents."
    assert items.take(said, sources("Acme Works is a supplier.")) == ""
    assert (len(items), items.dropped) == (0, 0)


async def test_two_readers_see_the_same_groups(
    suppliers: Asker, model: ScriptedLLM, settings: LazySettings
) -> None:
    settings.MAX_SOURCES = 2
    model.delay_s = 0.02
    answer = await ask(suppliers, "List all suppliers")
    running.start(answer.pk, suppliers)
    first, second = await asyncio.gather(
        collect(answer, suppliers), collect(answer, suppliers)
    )
    assert [kind for _, kind, _ in first] == [kind for _, kind, _ in second]
