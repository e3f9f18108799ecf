"""Questions for rows through the whole pipeline: read, searched, told, cited, in rights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from generation import running
from generation.database import in_thread as in_db
from generation.models import Answer
from generation.parts import using
from generation.selectors import citations_of, sources_of
from generation.types import CitationFound, SourceRef
from ingestion import pipeline, services
from ingestion.masking_models import Masking
from ingestion.models import Collection, Document, Page
from rag_site.asking import Asker
from retrieval import tables
from retrieval.tables import read_tables
from retrieval.types import Hit
from tests import factories, samples
from tests.drawn_tables import table
from tests.fakes import HashEmbedder, word_tokenizer
from tests.fakes_llm import ScriptedLLM
from tests.generation.tables.questions import INVOICES, SUPPLIERS
from tests.generation.test_running import ask

pytestmark = pytest.mark.django_db(transaction=True)

TEAMS = ("Sales", "Finance", "Support", "Operations")
# Of 102 people every fourth is in one team: 26 in the first two, 25 in the others.
STAFF = "Name,Team,Extension\n" + "".join(
    f"Person {chr(65 + n // 26)}{chr(97 + n % 26)},{TEAMS[n % 4]},{4000 + n}\n"
    for n in range(102)
)
CSV = "text/csv"


@pytest.fixture
def model() -> Iterator[ScriptedLLM]:
    model = ScriptedLLM()
    with using(model, embedder=HashEmbedder()):
        yield model


@pytest.fixture
def shared(model: ScriptedLLM) -> Collection:
    return factories.make_collection(shared_with=factories.bob())


def read(
    collection: Collection, name: str, text: str | bytes, media_type: str = CSV
) -> Document:
    content = text.encode() if isinstance(text, str) else text
    made = factories.make_document(collection, name, content)
    made.versions.update(media_type=media_type)
    pipeline.ingest(made.pk, embedder=HashEmbedder(), tokenizer=word_tokenizer())
    made.refresh_from_db()
    assert made.state == Document.State.READY
    return made


async def told(asker: Asker, question: str, **options: object) -> Answer:
    answer = await ask(asker, question, **options)
    return await running.run_to_end(answer.pk, asker)


def codes(answer: Answer) -> list[str]:
    return [notice["code"] for notice in answer.notices]


def cited_in(answer: Answer) -> tuple[list[CitationFound], dict[int, SourceRef]]:
    sources = sources_of(answer, factories.asker(factories.alice()))
    return citations_of(answer, sources), {source.n: source for source in sources}


@pytest.fixture
def alice() -> Asker:
    return factories.asker(factories.alice())


async def test_rows_are_counted_over_the_whole_table(
    shared: Collection, alice: Asker, model: ScriptedLLM
) -> None:
    await in_db(read, shared, "Staff list.csv", STAFF)
    whole = await told(alice, "How many people are there?")
    assert whole.text.startswith("102, counted from the 102 rows of “Staff list.csv”:")
    assert whole.text.endswith("And 92 more.")
    part = await told(alice, "How many people work in Finance?")
    assert part.text.startswith("26, counted from the 102 rows")
    assert "(Team: Finance)" in part.text
    assert whole.outcome == part.outcome == "answered"
    assert codes(part) == ["table_rows"]
    assert model.prompts == []


async def test_each_row_cites_words_that_stand_in_its_document(
    shared: Collection, alice: Asker
) -> None:
    document = await in_db(read, shared, "Staff list.csv", STAFF)
    answer = await told(alice, "Which people are in Operations?")
    cited, sources = await in_db(cited_in, answer)
    page = await in_db(lambda: Page.objects.get(version__document=document))
    assert len(cited) == 25
    for citation in cited:
        (borne,) = citation.evidence
        assert citation.verdict == "supported"
        assert page.text[borne.start : borne.end] == borne.quote
        source = sources[borne.n]
        assert borne.quote in source.quote
        name = citation.sentence.partition(" (")[0]
        assert borne.quote.startswith(f"Name: {name} | Team: Operations")
        assert answer.text[citation.start : citation.end].startswith(name)


async def test_one_cell_is_the_answer(shared: Collection, alice: Asker) -> None:
    await in_db(read, shared, "Suppliers.csv", SUPPLIERS)
    answer = await told(alice, "Who is the contact at Sealtech?")
    assert answer.text == "Daan de Vries [1]"
    assert answer.receipt["way"] == "table rows"
    assert answer.receipt["tables"] == [
        {
            "document": "Suppliers.csv",
            "operation": "cell read",
            "rows": 7,
            "found": 1,
            "conditions": ["Supplier: Sealtech"],
        }
    ]


async def test_a_table_between_paragraphs_is_read(
    shared: Collection, alice: Asker
) -> None:
    text = (
        "# Travel rules\n\nTrips are booked early.\n\n## Daily allowance\n\n"
        "| Country | Full day | Half day |\n|---|---|---|\n"
        "| Germany | 28 euros | 14 euros |\n| France | 39 euros | 20 euros |\n\n"
        "Receipts are handed in.\n"
    )
    await in_db(read, shared, "Travel rules.md", text, "text/markdown")
    answer = await told(alice, "What is the half day allowance in Germany?")
    assert answer.text == "14 euros [1]"
    (citation,), _ = await in_db(cited_in, answer)
    assert citation.evidence[0].quote == "Germany | 28 euros | 14 euros"


async def test_two_tables_tell_it_each(shared: Collection, alice: Asker) -> None:
    await in_db(read, shared, "Suppliers [2025].csv", SUPPLIERS.replace("60\n", "55\n"))
    await in_db(read, shared, "Suppliers 2026.csv", SUPPLIERS)
    answer = await told(alice, "How many employees does Sealtech have?")
    for said in (
        "In “Suppliers (2025).csv”:\n- 55 [",
        "In “Suppliers 2026.csv”:\n- 60 [",
    ):
        assert said in answer.text
    assert codes(answer) == ["table_rows", "table_rows"]


async def test_a_copy_of_a_table_tells_it_once(
    shared: Collection, alice: Asker
) -> None:
    for name in ("Suppliers.csv", "Suppliers (copy).csv"):
        await in_db(read, shared, name, SUPPLIERS)
    answer = await told(alice, "How many employees does Sealtech have?")
    assert answer.text == "60 [1]"


async def test_a_number_that_rows_do_not_tell_is_said_to_be_none(
    shared: Collection, alice: Asker, model: ScriptedLLM
) -> None:
    await in_db(read, shared, "Suppliers.csv", SUPPLIERS)
    model.enqueue(["Not in your documents."])
    answer = await told(alice, "How many suppliers deliver seals within a week?")
    assert "rows_not_counted" in codes(answer)
    assert "table_rows" not in codes(answer)
    assert model.prompts


async def test_a_list_that_rows_do_not_tell_may_have_more(
    shared: Collection, alice: Asker, model: ScriptedLLM
) -> None:
    await in_db(read, shared, "Suppliers.csv", SUPPLIERS)
    model.enqueue(["Sealtech [1]."])
    answer = await told(alice, "Which suppliers deliver seals within a week?")
    assert "rows_not_listed" in codes(answer)
    assert model.prompts


async def test_only_tables_within_rights_are_read(
    shared: Collection, alice: Asker
) -> None:
    foreign = await in_db(
        lambda: factories.make_collection(factories.charlie(), "Charlie's")
    )
    await in_db(read, foreign, "Suppliers secret.csv", SUPPLIERS + "Hidden,Oslo,,,,,\n")
    await in_db(read, shared, "Suppliers.csv", SUPPLIERS)
    answer = await told(alice, "How many suppliers are there?")
    assert answer.text.startswith("7, counted from the 7 rows of “Suppliers.csv”")
    assert "secret" not in str(answer.receipt) + str(answer.notices) + answer.text


def test_a_hit_of_another_persons_reads_nothing(shared: Collection) -> None:
    foreign = factories.make_collection(factories.charlie(), "Charlie's")
    document = read(foreign, "Suppliers.csv", SUPPLIERS)
    hit = hit_in(document)
    assert read_tables([hit], factories.charlie().pk)
    assert read_tables([hit], factories.alice().pk) == []
    spans = [(0, 200)]
    version = document.current_version_id
    assert tables.read_passages(version, spans, factories.charlie().pk)
    assert tables.read_passages(version, spans, factories.alice().pk) == []


def test_a_table_over_several_parts_is_one(shared: Collection) -> None:
    rows = "".join(f"Item {n},{n},{'words ' * 8}\n" for n in range(3_000))
    document = read(shared, "Stock.csv", f"Item,Count,Note\n{rows}")
    assert Page.objects.filter(version__document=document).count() > 2
    for number in (1, 2):
        page = Page.objects.get(version__document=document, number=number)
        hit = hit_in(document, page=number, start=page.start + 100)
        (stored,) = read_tables([hit], factories.alice().pk)
        lines = [line for _, text in stored.parts for line in text.split("\n")]
        assert len(lines) == 3_001
    whole = "\n\f\n".join(
        Page.objects.filter(version__document=document)
        .order_by("number")
        .values_list("text", flat=True)
    )
    for start, text in stored.parts:
        assert whole[start : start + len(text)] == text


@pytest.mark.parametrize("headed", [True, False])
async def test_rows_of_a_pdf_are_counted_over_its_pages(
    shared: Collection, alice: Asker, headed: bool
) -> None:
    head = ("Supplier", "Country", "Paid in 2025")
    rows = [
        (f"Yard {n}", "Sweden" if n % 5 == 0 else "Norway", "" if n % 2 else "yes")
        for n in range(40)
    ]
    pages = [rows[:16], rows[16:32], rows[32:]]
    streams = [
        table([head, *own] if headed or at == 0 else own, bold_head=headed or at == 0)
        for at, own in enumerate(pages)
    ]
    content = samples.drawn_pdf_bytes(streams)
    await in_db(read, shared, "Suppliers.pdf", content, "application/pdf")
    answer = await told(alice, "How many suppliers are from Norway?")
    assert answer.text.startswith("32, counted from the 40 rows"), answer.text


def test_a_table_too_long_to_read_is_left(
    shared: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = read(shared, "Staff list.csv", STAFF)
    monkeypatch.setattr(tables, "MAX_CHARS", 1_000)
    (stored,) = read_tables([hit_in(document)], factories.alice().pk)
    assert stored.parts == ()


def test_a_table_read_by_an_earlier_release_is_left(shared: Collection) -> None:
    document = read(shared, "Staff list.csv", STAFF)
    page = Page.objects.get(version__document=document)
    for block in page.blocks:
        del block["continues"]
    page.save()
    (stored,) = read_tables([hit_in(document)], factories.alice().pk)
    assert stored.parts == ()


async def test_what_is_masked_in_answers_is_masked_in_rows(
    shared: Collection, alice: Asker
) -> None:
    text = "Person,Mail\nAda,ada@example.org\nBen,ben@example.org\n"
    await in_db(
        lambda: services.update_collection(alice, shared.pk, masking=Masking.ANSWERS)
    )
    await in_db(read, shared, "Persons.csv", text)
    answer = await told(alice, "What is the mail of Ada?")
    assert answer.text == "[e-mail] [1]"


async def test_marks_in_cells_are_no_marks(shared: Collection, alice: Asker) -> None:
    text = "Item,Note\nBolt,see [2] and <b>*this*</b>\nNut,none\n"
    await in_db(read, shared, "Items.csv", text)
    answer = await told(alice, "What is the note of Bolt?")
    assert answer.text == "see (2) and ‹b›·this·‹/b› [1]"


async def test_sums_show_the_rows_they_come_of(
    shared: Collection, alice: Asker
) -> None:
    await in_db(read, shared, "Invoices 2026.csv", INVOICES)
    answer = await told(alice, "What is the total amount of open invoices?")
    assert answer.text.split("\n") == [
        "6,500 €, added up from 2 rows of “Invoices 2026.csv” (Status: open):",
        "- 2026-003 (Status: open, Amount: €2,480.00) [1]",
        "- 2026-006 (Status: open, Amount: €4,020.00) [1]",
    ]


def hit_in(document: Document, *, page: int = 1, start: int = 0) -> Hit:
    version = document.current_version
    assert version is not None
    return Hit(
        chunk_id=0,
        document_id=document.pk,
        version_id=version.pk,
        collection_id=document.collection_id,
        document=document.name,
        heading="",
        text="",
        start=start,
        end=start + 50,
        page=page,
        page_last=page,
        token_count=1,
        score=1.0,
    )
