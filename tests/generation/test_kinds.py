from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest

from generation.everything.kinds import Kind, Wanted, recognise
from generation.everything.newest import newest_of
from generation.everything.periods import Period, cut_period
from generation.standalone import Turn
from generation.understanding import understand
from retrieval.corpora import read_lines
from retrieval.dating import date_in
from retrieval.everything import Listed
from tests.generation.test_prompting import NOWHERE

TODAY = dt.date(2026, 11, 28)
DEV = Path(__file__).parents[3] / "shared" / "data" / "dev"
JUDGED = ("squad2", "pubmedqa", "hotpotqa100", "musique100")


def of(question: str) -> Wanted:
    return recognise(question, TODAY)


@pytest.mark.parametrize(
    ("question", "kind", "topic"),
    [
        ("How many documents are there?", Kind.COUNT_DOCUMENTS, ""),
        ("how many files do we have in the library", Kind.COUNT_DOCUMENTS, ""),
        ("How many documents mention oil pumps?", Kind.COUNT_DOCUMENTS, "oil pumps"),
        ("how many docs are there", Kind.COUNT_DOCUMENTS, ""),
        ('Which files contain the phrase "net 30"?', Kind.LIST_DOCUMENTS, '"net 30"'),
        ("Which documents mention the word liability?", Kind.LIST_DOCUMENTS, "liability"),
        ("Which documents mention the term sheet?", Kind.LIST_DOCUMENTS, "term sheet"),
        ("Which documents mention word processors?", Kind.LIST_DOCUMENTS, "word processors"),
        ("Which policies are there on leave?", Kind.LIST_DOCUMENTS, "leave"),
        ("How often is the word liability mentioned?", Kind.COUNT_MENTIONS, "liability"),
        ("How many mentions of Ada Berg are there?", Kind.COUNT_MENTIONS, "Ada Berg"),
        ("How many mentions of pumps in the documents?", Kind.COUNT_MENTIONS, "pumps"),
        ("How many different parts are in all documents?", Kind.COUNT, "parts"),
        ("How many reports are there about the pump?", Kind.COUNT_DOCUMENTS, "pump"),
        ("In how many files is Ada named?", Kind.COUNT_DOCUMENTS, "Ada"),
        ("Please list all documents.", Kind.LIST_DOCUMENTS, ""),
        ("Which documents mention Ada Berg?", Kind.LIST_DOCUMENTS, "Ada Berg"),
        ("What reports discuss pumps or valves?", Kind.LIST_DOCUMENTS, "pumps or valves"),
        ("Show me all the files about travel", Kind.LIST_DOCUMENTS, "travel"),
        ("What is the latest document?", Kind.LATEST_DOCUMENT, ""),
        ("Which document is the newest?", Kind.LATEST_DOCUMENT, ""),
        ("What is the newest report about pumps?", Kind.LATEST_DOCUMENT, "pumps"),
        ("How many times is the pump mentioned?", Kind.COUNT_MENTIONS, "pump"),
        ("List all suppliers", Kind.LIST, "suppliers"),
        ("Name every step that comes first", Kind.LIST, "step that comes first"),
        ("Which suppliers are there?", Kind.LIST, "suppliers"),
        ("Enumerate the safety rules", Kind.LIST, "safety rules"),
        ("Count all incidents of 2023", Kind.COUNT, "incidents of 2023"),
        ("How many suppliers are mentioned?", Kind.COUNT, "suppliers"),
        ("What does the latest policy on leave say?", Kind.LATEST, ""),
        ("What is the most recent figure for oil?", Kind.LATEST, ""),
        ("What does the latest remote work policy say?", Kind.LATEST, "remote work"),
        ("What is new in the newest travel policy?", Kind.LATEST, "travel"),
    ],
)  # fmt: skip
def test_clear_words_make_a_kind(question: str, kind: Kind, topic: str) -> None:
    wanted = of(question)
    assert (wanted.kind, wanted.topic) == (kind, topic)


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("Which documents mention sugar added to drinks?", "sugar added to drinks"),
        (
            "Which files mention data stored in the archive of Kiel?",
            "data stored in the archive of Kiel",
        ),
        (
            "List all documents about risks that exist in the warehouse",
            "risks that exist in the warehouse",
        ),
        ("Which documents mention risks that exist?", "risks"),
        ("List all files about costs of waste collection", "costs of waste collection"),
        ("How many Word documents are there about leave?", "leave"),
        ("How many documents about leave do we have in total?", "leave"),
    ],
)
def test_a_topic_keeps_its_words(question: str, topic: str) -> None:
    wanted = of(question)
    assert (wanted.topic, wanted.collection) == (topic, "")


@pytest.mark.parametrize(
    ("question", "collection"),
    [
        ("How many documents are in the collection?", ""),
        ("How many documents are there in our collection?", ""),
        ("List all documents in this whole collection", ""),
        ("How many files are in my entire collection?", ""),
        ("How many documents are in the HR collection?", "HR"),
        ("List all documents of the HR collection", "HR"),
        ("List all files about leave from collection HR", "HR"),
        ("List all files about pumps of the HR collection", "HR"),
        ("List all files about costs of the waste collection", ""),
    ],
)
def test_only_a_name_makes_a_collection(question: str, collection: str) -> None:
    wanted = of(question)
    assert wanted.kind in (Kind.COUNT_DOCUMENTS, Kind.LIST_DOCUMENTS)
    assert wanted.collection == collection


@pytest.mark.parametrize(
    "question",
    [
        "How many people live in Oslo?",
        "Which contracts are about to expire?",
        "Which policies are on hold?",
        "What is the latest date for reports?",
        "What is the latest time to submit invoices?",
        "In which documents is Siemens mentioned together with Bosch?",
        "How many presentations are on Monday?",
        "How many mentions of Ada are there in the minutes of March?",
        "How many mentions of Ada in the minutes of March?",
        "How many wings does the aircraft have?",
        "What is the latest version of Python?",
        "How many articles are there in the constitution?",
        "How many letters does the alphabet have?",
        "How many reports were published by the committee in 1987?",
        "How many papers about radium were written by Curie?",
        "What documents are required for a visa?",
        "What documents do I have to bring?",
        "Which file holds the passwords of the server?",
        "List two reasons for the war.",
        "What do reports say about pumps?",
        "How often does an eclipse occur?",
        "Who mentioned the pump first?",
        "Tell me all about pumps.",
        "List the advantages of pumps.",
        "How many colonies are named in the treaty?",
        "Compare the " + "very " * 100 + "old pump and the new one",
        "What is the newest building in Oslo?",
        "Wie viele Dokumente gibt es?",
        "Liste alle Lieferanten auf",
        "¿Cuántos documentos hay?",
        "Combien de documents mentionnent la pompe ?",
    ],
)
def test_a_fact_is_not_taken_for_a_list(question: str) -> None:
    assert of(question) == Wanted()


def test_what_narrows_documents_is_told_apart_from_what_they_are_about() -> None:
    wanted = of("How many PDFs that mention “oil filter” were added last month?")
    assert (wanted.topic, wanted.media) == ("“oil filter”", "pdf")
    assert wanted.period == Period(
        after=dt.date(2026, 10, 1), before=dt.date(2026, 11, 1)
    )
    wanted = of("How many files about travel are in the Manuals collection?")
    assert (wanted.topic, wanted.collection) == ("travel", "Manuals")
    wanted = of("List all policies about leave since 2024")
    assert (wanted.named, wanted.topic) == ("polic(?:y|ies)(?![a-z])", "leave")
    assert wanted.period == Period(after=dt.date(2024, 1, 1))
    # The time is what they speak of.
    assert of("Which documents mention the war before 1945?").topic == "war before 1945"
    assert of("Which documents do not mention pumps?").is_negated
    for denied in (
        "Which documents mention Siemens but not Bosch?",
        "How many reports mention pumps other than the red one?",
        "In which documents is Siemens not mentioned?",
        "List all files about travel without receipts",
    ):
        assert of(denied).is_negated
        assert of(denied).topic == ""
    for dated in (
        "How many documents from 2023 mention Anna?",
        "List all reports that are dated before March 2024",
        "Which contracts were signed in 2024?",
        "how many reports of 2024 are there",
    ):
        assert of(dated).is_dated
        assert of(dated).topic == ""
    for plain in (
        "How many documents of the visa are needed?",
        "Which documents mention 2023?",
        "How many documents were added in 2023?",
    ):
        assert not of(plain).is_dated
    assert of("Which files mention non-disclosure?").topic == "non-disclosure"
    assert of('Which files mention "not for sale"?').topic == '"not for sale"'
    assert of("In which files is Ada named in our library?").topic == "Ada"
    assert of("Which document is the oldest?").is_oldest


@pytest.mark.parametrize(
    ("question", "sides", "aspect"),
    [
        ("Compare the red pump and the blue pump.", ("red pump", "blue pump"), ""),
        ("What is the difference between A and B in terms of cost?", ("A", "B"), "cost"),
        ("Red pump vs. blue pump", ("Red pump", "blue pump"), ""),
        ("How does plan A differ from plan B?", ("plan A", "plan B"), ""),
        ("Compare red, blue and green paint", ("red", "blue", "green paint"), ""),
        ("Compare the pumps", (), ""),
        # What is said once of both.
        ("Compare the 2023 and 2024 travel policy", ("2023 travel policy", "2024 travel policy"), ""),
        ("Compare the first and second quarter", ("first quarter", "second quarter"), ""),
        ("Compare prices of AX-200/3 and AX-200/4", ("AX-200/3", "AX-200/4"), "prices"),
        ("Compare the salary of Ada and Ben", ("Ada", "Ben"), "salary"),
        ("Compare 2023 and 2024", ("2023", "2024"), ""),
        ("Compare terms of service and privacy rules", ("terms of service", "privacy rules"), ""),
        ("Compare Siemens and Bosch Rexroth", ("Siemens", "Bosch Rexroth"), ""),
        ("Compare the price of A and B in terms of weight", ("price of A", "B"), "weight"),
        ("How did treatment of Chinese versus Mongols make it seem?", (), ""),
    ],
)  # fmt: skip
def test_sides_of_a_comparison(
    question: str, sides: tuple[str, ...], aspect: str
) -> None:
    wanted = of(question)
    assert (wanted.sides, wanted.aspect) == (sides, aspect)
    assert (wanted.kind == Kind.COMPARE) is bool(sides)


@pytest.mark.parametrize(
    ("text", "after", "before"),
    [
        ("added since 2024", "2024-01-01", None),
        ("since March 2024", "2024-03-01", None),
        ("uploaded after 2024-03-31", "2024-04-01", None),
        ("that were added before 2025-02", None, "2025-02-01"),
        ("were added in December 2025", "2025-12-01", "2026-01-01"),
        ("added today", "2026-11-28", None),
        ("added yesterday", "2026-11-27", "2026-11-28"),
        ("added this week", "2026-11-23", None),
        ("added last week", "2026-11-16", "2026-11-23"),
        ("added in the last 3 months", "2026-08-28", None),
        ("added last year", "2025-01-01", "2026-01-01"),
    ],
)
def test_periods(text: str, after: str | None, before: str | None) -> None:
    rest, period = cut_period(f"files {text}", TODAY)
    assert rest == "files"
    assert period == Period(
        after=dt.date.fromisoformat(after) if after else None,
        before=dt.date.fromisoformat(before) if before else None,
    )


@pytest.mark.parametrize("text", ["added since 2024-02-31", "of last year", "in 2024"])
def test_what_is_no_period_stays(text: str) -> None:
    assert cut_period(text, TODAY) == (text, Period())


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("Report 2024-03-09.pdf", ("2024-03-09", "2024-03-09")),
        ("report_20240309_final.pdf", ("2024-03-09", "2024-03-09")),
        ("9.3.2024 minutes.docx", ("2024-03-09", "2024-03-09")),
        ("March 2024.pdf", ("2024-03-01", "2024-03")),
        ("2024 Mar figures.xlsx", ("2024-03-01", "2024-03")),
        ("minutes-2024-03.txt", ("2024-03-01", "2024-03")),
        ("Annual report 2023.pdf", ("2023-01-01", "2023")),
        ("2024-02-31.pdf", ("2024-02-01", "2024-02")),
        ("order 120245.pdf", None),
        ("Summary 2024-11.pdf", ("2024-11-01", "2024-11")),
        ("Marketing 2024.pdf", ("2024-01-01", "2024")),
        ("Decision 2021.pdf", ("2021-01-01", "2021")),
        ("Budget 2011-12.xlsx", ("2011-01-01", "2011")),
        ("Season 1999-00.xlsx", ("1999-01-01", "1999")),
        ("Minutes 2011-12-05.pdf", ("2011-12-05", "2011-12-05")),
        ("Minutes 2011-11.pdf", ("2011-11-01", "2011-11")),
        ("report_03-2024.pdf", ("2024-03-01", "2024-03")),
        ("report 11.2024.pdf", ("2024-11-01", "2024-11")),
        ("Q3-2024.pdf", ("2024-07-01", "Q3 2024")),
        ("Budget_v3_March_2024.pdf", ("2024-03-01", "2024-03")),
        ("Q1_March_2024.pdf", ("2024-03-01", "2024-03")),
        ("Sales 2024 Q1.xlsx", ("2024-01-01", "Q1 2024")),
        ("Protokoll 2. Mai 2024.docx", ("2024-05-02", "2024-05-02")),
        ("Protokoll März 2024.docx", ("2024-03-01", "2024-03")),
        ("Procès-verbal 5 mars 2024.pdf", ("2024-03-05", "2024-03-05")),
        ("Rapport février 2024.pdf", ("2024-02-01", "2024-02")),
        ("Rapport décembre 2023.pdf", ("2023-12-01", "2023-12")),
        ("Report H2 2024.pdf", ("2024-07-01", "H2 2024")),
        ("Report 2024-H1.pdf", ("2024-01-01", "H1 2024")),
        ("Travel_Policy_v1.2_2023.docx", ("2023-01-01", "2023")),
        ("Bericht Dezember 2023.pdf", ("2023-12-01", "2023-12")),
        ("Minutes May 3, 2024.pdf", ("2024-05-03", "2024-05-03")),
        ("minutes_may_3rd_2024.pdf", ("2024-05-03", "2024-05-03")),
        ("3 May 2024.pdf", ("2024-05-03", "2024-05-03")),
        ("2024-May-03.pdf", ("2024-05-03", "2024-05-03")),
        ("Sept. 2024.pdf", ("2024-09-01", "2024-09")),
        ("report_Mar2024.pdf", ("2024-03-01", "2024-03")),
        ("2024_june_figures.pdf", ("2024-06-01", "2024-06")),
        ("Manual AX-2000.pdf", None),
        ("AX2000 manual 2024.pdf", ("2024-01-01", "2024")),
        ("HR-2024.pdf", ("2024-01-01", "2024")),
        ("Handbuch_EN_2024.pdf", ("2024-01-01", "2024")),
        ("ISO 27001-2022.pdf", ("2022-01-01", "2022")),
        ("ISO 27001-2022 audit 2024.pdf", ("2024-01-01", "2024")),
        ("DIN EN 1990-2010.pdf", ("2010-01-01", "2010")),
        ("List by ISO 2024-03.pdf", ("2024-03-01", "2024-03")),
        ("report Q3 24.pdf", ("2024-07-01", "Q3 2024")),
        ("Report H1'23.pdf", ("2023-01-01", "H1 2023")),
        ("Q3 240.pdf", None),
        ("Informe 3 de marzo de 2024.pdf", ("2024-03-03", "2024-03-03")),
        ("Acta_enero_2024.pdf", ("2024-01-01", "2024-01")),
        ("septiembre de 2023.pdf", ("2023-09-01", "2023-09")),
        ("Verbale 5 giugno 2024.pdf", ("2024-06-05", "2024-06-05")),
        ("Relazione dicembre 2022.pdf", ("2022-12-01", "2022-12")),
        ("manual.txt", None),
    ],
)
def test_dates_in_names(name: str, date: tuple[str, str] | None) -> None:
    found = date_in(name)
    assert (found and (str(found.day), found.text)) == date


def test_what_begins_like_a_year_is_not_of_a_time() -> None:
    assert of("How many manuals for 2000?").is_dated
    assert not of("How many manuals for 2000-series pumps?").is_dated


def listed(name: str, added: str = "2026-11-01") -> Listed:
    return Listed(
        document_id=NOWHERE,
        version_id=NOWHERE,
        name=name,
        title="",
        added=dt.date.fromisoformat(added),
    )


def test_the_latest_is_told_by_names_if_two_have_dates_else_by_the_day_added() -> None:
    rows = [listed("b 2022.pdf", "2026-11-03"), listed("a 2024.pdf"), listed("x.pdf")]
    newest = newest_of(rows)
    assert newest is not None
    assert ([r.name for r in newest.rows], newest.compared) == (["a 2024.pdf"], 2)
    oldest = newest_of(rows, is_oldest=True)
    assert oldest is not None
    assert [r.name for r in oldest.rows] == ["b 2022.pdf"]
    by_day = newest_of([listed("b 2022.pdf"), listed("x.pdf", "2026-11-03")])
    assert by_day is not None
    assert (by_day.rows[0].name, by_day.is_by_name) == ("x.pdf", False)
    assert newest_of([]) is None


def test_a_question_over_everything_needs_no_turn_before_unless_it_points_there() -> (
    None
):
    before = Turn(question="Who made the valve?", answer="Ada Berg [1].")
    question, wanted = understand("List all documents", before, TODAY)
    assert (question, wanted.kind) == ("List all documents", Kind.LIST_DOCUMENTS)
    question, wanted = understand("Which documents mention him?", before, TODAY)
    assert (question, wanted.topic) == ("Which documents mention Ada Berg?", "Ada Berg")
    question, wanted = understand("When did she make it?", before, TODAY)
    assert "Ada Berg" in question
    assert wanted.kind == Kind.FACT


def test_documents_are_not_looked_for_by_what_was_asked_before() -> None:
    before = Turn(question="What is the policy on leave?", answer="30 days [1].")
    question, wanted = understand("Which documents mention it?", before, TODAY)
    assert question.endswith("(asked before: What is the policy on leave?)")
    assert wanted == Wanted()
    named = Turn(question="Who founded Normandy?", answer="Rollo [1].")
    question, wanted = understand("List documents that mention him", named, TODAY)
    assert (question, wanted.topic) == ("List documents that mention Rollo", "Rollo")


def questions_of(name: str) -> list[str]:
    return [row["question"] for row in read_lines(DEV / name / "qa.jsonl")]


@pytest.mark.parametrize("name", JUDGED)
def test_questions_of_fact_are_not_hijacked(name: str) -> None:
    if not (DEV / name).exists():
        pytest.skip(f"{DEV / name} is not here")
    kinds = Counter(of(question).kind for question in questions_of(name))
    usual = kinds[Kind.FACT] + kinds[Kind.COMPARE]
    print(f"\n{name}: {usual} of {kinds.total()} answered as usual, {dict(kinds)}")  # noqa: T201 - the figure
    assert usual == kinds.total()
    # A comparison reads the best passages too.
    assert kinds[Kind.COMPARE] <= 0.001 * kinds.total()


def test_no_other_language_is_misread() -> None:
    folders = [path for path in (DEV / "xquad").glob("*") if path.name != "en"]
    if not folders:
        pytest.skip(f"{DEV / 'xquad'} is not here")
    for folder in folders:
        assert all(of(q) == Wanted() for q in questions_of(f"xquad/{folder.name}"))
