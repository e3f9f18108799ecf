"""Filters: read from a question, refused in words, held in SQL."""

from __future__ import annotations

import contextlib
import datetime as dt
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.models import Chunk, Document, DocumentVersion
from ingestion.visibility import visible_to
from retrieval.filters import (
    FilterInvalid,
    Filters,
    as_json,
    from_json,
    make,
    parse,
    values_of,
)
from retrieval.search import search
from retrieval.types import RetrievalConfig
from tests.factories import (
    alice,
    asker,
    charlie,
    make_collection,
    make_ready_document,
)

PDF = "application/pdf"


@pytest.mark.parametrize(
    ("question", "text", "filters"),
    [
        ("leave days", "leave days", Filters()),
        ("leave days file:Handbook", "leave days", Filters(names=("handbook",))),
        ('file:"Annual Report" profit', "profit", Filters(names=("annual report",))),
        ("type:pdf who", "who", Filters(media_types=(PDF,))),
        ("TYPE:.PDF who", "who", Filters(media_types=(PDF,))),
        ('who tag:"Travel  2025" tag:hr', "who", Filters(tags=("travel 2025", "hr"))),
        ("who lang:de", "who", Filters(languages=("german",))),
        ("who language:french", "who", Filters(languages=("french",))),
        ("who lang:simple", "who", Filters(languages=("simple",))),
        ("a after:2025-03-04 b", "a b", Filters(after=dt.date(2025, 3, 4))),
        ("a since:2025-3", "a", Filters(after=dt.date(2025, 3, 1))),
        ("a before:2025", "a", Filters(before=dt.date(2025, 1, 1))),
        ("file:a file:b x", "x", Filters(names=("a", "b"))),
        ("file:Cafe\u0301 x", "x", Filters(names=("caf\u00e9",))),
    ],
)
def test_filters_are_taken_out_of_the_question(
    question: str, text: str, filters: Filters
) -> None:
    assert parse(question) == (text, filters)


@pytest.mark.parametrize(
    "question",
    [
        "What does ratio:3 mean?",
        "See https://example.com/file:x for more",
        "Which type: A or B?",
        "It says file:///etc/hosts",
        "at 12:30 or note:this",
        "profile:x and myfile:y",
        "the word (file:x) in brackets",
        "two  blanks\nand a line",
        "",
    ],
)
def test_what_is_no_filter_stays_as_it_was_written(question: str) -> None:
    assert parse(question) == (question, Filters())


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("x type:spreadsheet", "type:spreadsheet is not a type of file here"),
        ("x after:yesterday", "after:yesterday is not a date. Write after:2025-01-31"),
        ("x before:2025-13-01", "before:2025-13-01 is not a date"),
        ("x lang:klingon", "lang:klingon is not a language"),
        ("x tpye:pdf", "did you mean type:"),
        ("x befor:2025", "did you mean before:"),
        ('x tag:"a,b"', "cannot be a tag"),
        ("x tag:" + "a" * 41, "A tag has at most 40 characters"),
        ('x file:""', "file: names nothing. Write it as in file:handbook"),
        ("x after:2025 before:2024", "leave no day between"),
        ("x " + "file:a " * 21, "was given 21 times; the limit is 20"),
        ("x file:" + "a" * 201, "has 201 characters; the limit is 200"),
    ],
)
def test_a_filter_that_cannot_be_understood_says_what_to_write(
    question: str, said: str
) -> None:
    with pytest.raises(FilterInvalid) as caught:
        parse(question)
    assert said in caught.value.message


@given(st.text(max_size=80))
def test_any_text_is_parsed_or_refused_in_words(text: str) -> None:
    with contextlib.suppress(FilterInvalid):
        plain, filters = parse(text)
        assert filters or plain == text


@pytest.mark.parametrize(
    "typed",
    [
        'file:"annual report" type:pdf tag:hr lang:de after:2025-01-31 before:2026-02-01',
        "type:word type:pdf type:md",
        "lang:simple lang:en tag:a tag:b",
        "",
    ],
)
def test_filters_can_be_shown_as_what_was_given(typed: str) -> None:
    _, filters = parse(typed)
    again = make(values_of(filters))
    assert {**as_json(again), "media_types": set(again.media_types)} == {
        **as_json(filters),
        "media_types": set(filters.media_types),
    }
    assert list(values_of(parse("type:word")[1])["type"]) == ["word"]


def test_filters_can_be_stored() -> None:
    filters = Filters(
        documents=(uuid4(),),
        names=("a",),
        media_types=(PDF,),
        tags=("red",),
        languages=("german",),
        after=dt.date(2025, 1, 1),
        before=dt.date(2026, 1, 1),
    )
    assert from_json(as_json(filters)) == filters
    assert from_json(as_json(Filters())) == Filters()
    assert not Filters()
    assert filters


@pytest.fixture
def library(db: None) -> None:
    collection = make_collection()
    for name, media_type, language, year in [
        ("handbook.pdf", PDF, "english", 2024),
        ("Handbuch.docx", make({"type": ["docx"]}).media_types[0], "german", 2025),
        ("notes_100%.txt", "text/plain", "", 2026),
    ]:
        document = make_ready_document(collection, name, [f"The pump of {name}."])
        DocumentVersion.objects.filter(document=document).update(
            media_type=media_type,
            language=language,
            created_at=dt.datetime(year, 6, 1, tzinfo=dt.UTC),
        )
        Chunk.objects.filter(version__document=document).update(
            language=language or "english"
        )
    Document.objects.filter(name="notes_100%.txt").update(folder="Plant/North")
    Document.objects.filter(name="handbook.pdf").update(tags=["hr", "travel 2025"])


def found(*filters: Filters) -> list[str]:
    visible = visible_to(asker(alice()))
    config = RetrievalConfig(method="lexical", k=10, exact_scan_chunks=0)
    small = search("pump", visible, RetrievalConfig(method="lexical"), filters=filters)
    large = search("pump", visible, config, filters=filters)
    names = sorted(hit.document for hit in small.hits)
    assert names == sorted(hit.document for hit in large.hits)
    assert small.documents == len(names)
    return names


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("file:HANDB", ["Handbuch.docx", "handbook.pdf"]),
        ("file:north", ["notes_100%.txt"]),
        ("file:100%", ["notes_100%.txt"]),
        ("file:%", ["notes_100%.txt"]),
        ("file:hand file:notes", ["Handbuch.docx", "handbook.pdf", "notes_100%.txt"]),
        ("type:pdf", ["handbook.pdf"]),
        ("type:word type:text", ["Handbuch.docx", "notes_100%.txt"]),
        ("tag:HR", ["handbook.pdf"]),
        ('tag:none tag:"travel 2025"', ["handbook.pdf"]),
        ("tag:travel", []),
        ("lang:en", ["handbook.pdf", "notes_100%.txt"]),
        ("lang:de", ["Handbuch.docx"]),
        ("after:2025", ["Handbuch.docx", "notes_100%.txt"]),
        ("before:2025-06-01", ["handbook.pdf"]),
        ("after:2025-06-01 before:2025-06-02", ["Handbuch.docx"]),
        ("file:handb type:pdf", ["handbook.pdf"]),
        ("file:handb type:txt", []),
        ("file:';--", []),
    ],
)
def test_filters_hold_in_sql(library: None, typed: str, names: list[str]) -> None:
    assert found(parse(typed)[1]) == names


def test_names_are_compared_in_any_case_of_their_letters(db: None) -> None:
    make_ready_document(make_collection(), "Maßnahmen.txt")
    question, filters = parse("pump file:Maßnahmen")
    config, visible = RetrievalConfig(method="lexical"), visible_to(asker(alice()))
    found = search(question, visible, config, filters=[filters])
    assert [hit.document for hit in found.hits] == ["Maßnahmen.txt"]


def test_filters_of_two_sides_must_both_hold(library: None) -> None:
    assert found(parse("file:hand")[1], parse("type:pdf")[1]) == ["handbook.pdf"]
    assert found(parse("file:hand")[1], parse("file:book")[1]) == ["handbook.pdf"]


def test_filters_never_widen_what_may_be_read(library: None) -> None:
    document = Document.objects.get(name="handbook.pdf")
    result = search(
        "pump",
        visible_to(asker(charlie())),
        RetrievalConfig(method="lexical"),
        filters=(Filters(documents=(document.pk,)),),
    )
    assert (result.hits, result.documents) == ((), 0)
