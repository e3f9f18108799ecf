"""BM25 in SQL equals BM25 in Python, counted among the visible chunks only."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.models import Chunk, Collection
from ingestion.visibility import visible_to
from retrieval.reach import MAX_LEXEMES
from retrieval.search import search
from retrieval.types import Hit, RetrievalConfig
from tests.factories import alice, asker, bob, make_collection, make_ready_document

pytestmark = pytest.mark.django_db

CONFIG = RetrievalConfig(k=50, candidates=50, method="lexical")
K1, B, AVERAGE_LENGTH = 0.9, 0.4, 70

TEXTS = [
    "The pump holds 40 litres. The pump is red and the valve is not.",
    "A valve closes the pump; valves and valves again.",
    "Pressure in bar, temperature in kelvin, flow in litres.",
    "Nothing here is about machines at all, only about cats and dogs.",
    "pump pump pump pump pump",
    "Error E-1042: pressure/flow sensor TGF-β1 said 'no'. See end.Next page.",
]
QUESTIONS = [
    "How many litres does the pump hold?",
    "valve",
    "pressure of the red pump's valves, in bar",
    "E-1042",
    "TGF-β1 sensor next",
    "cats cats cats",
]


def lexemes_of(text: str, language: str = "english") -> Counter[str]:
    """Lexemes and how often each occurs: Postgres is the authority on stemming."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lexeme, cardinality(positions) FROM unnest(lexemes_of(%s, %s))",
            [language, text],
        )
        return Counter(dict(cursor.fetchall()))


def reference_bm25(question: str, bodies: list[str]) -> dict[str, float]:
    """Score of each of ``bodies`` by the textbook, written without SQL."""
    chunks = {body: lexemes_of(body) for body in bodies}
    scores: Counter[str] = Counter()
    for term in lexemes_of(question):
        df = sum(term in counts for counts in chunks.values())
        idf = math.log(1 + (len(chunks) - df + 0.5) / (df + 0.5))
        for body, counts in chunks.items():
            length = counts.total() / AVERAGE_LENGTH
            tf = counts[term]
            scores[body] += idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * length))
    return {body: score for body, score in scores.items() if score > 0}


def found(question: str, user: object = alice) -> dict[str, Hit]:
    visible = visible_to(asker(user()))  # type: ignore[operator]
    hits = search(question, visible, CONFIG).hits
    return {f"{hit.heading} {hit.text}": hit for hit in hits}


@pytest.fixture
def library() -> Collection:
    collection = make_collection()
    make_ready_document(collection, "machines.txt", TEXTS)
    return collection


@pytest.mark.parametrize("question", QUESTIONS)
def test_scores_equal_the_reference(library: Collection, question: str) -> None:
    expected = reference_bm25(question, [f"machines {text}" for text in TEXTS])
    scores = {body: hit.bm25 for body, hit in found(question).items()}
    assert expected
    assert scores == pytest.approx(expected, abs=1e-3)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(words=st.lists(st.sampled_from(" ".join(TEXTS).split()), min_size=1, max_size=8))
def test_scores_equal_the_reference_for_any_question(
    library: Collection, words: list[str]
) -> None:
    question = " ".join(words)
    expected = reference_bm25(question, [f"machines {text}" for text in TEXTS])
    scores = {body: hit.bm25 for body, hit in found(question).items()}
    assert scores == pytest.approx(expected, abs=1e-3)


def test_documents_out_of_reach_do_not_change_a_score(library: Collection) -> None:
    """A word would sound rarer or more common by what others have."""
    theirs = make_collection(bob(), "Bob's")
    make_ready_document(theirs, "bob.txt", ["A red pump of Bob's.", "Another pump."])
    question = "pump litres"
    before = {body: hit.bm25 for body, hit in found(question).items()}
    make_ready_document(theirs, "more.txt", [f"pump {n} litres" for n in range(20)])
    after = {body: hit.bm25 for body, hit in found(question).items()}
    assert before == after
    assert before == pytest.approx(
        reference_bm25(question, [f"machines {text}" for text in TEXTS]), abs=1e-3
    )


def test_words_are_found_by_their_stem_in_the_language_of_the_collection() -> None:
    german = make_collection(name="Handbuch", language="german")
    make_ready_document(german, "h.txt", ["Die Häuser stehen am Fluss.", "Ein Auto."])
    hits = list(found("Haus am Fluß in einem Häusern").values())
    assert [hit.text for hit in hits] == ["Die Häuser stehen am Fluss."]


def test_a_question_meets_collections_of_several_languages() -> None:
    make_ready_document(make_collection(name="en"), "a.txt", ["Two running engines."])
    german = make_collection(name="de", language="german")
    make_ready_document(german, "b.txt", ["Zwei laufende Maschinen."])
    assert len(found("engine Maschine")) == 2


def test_an_unknown_language_is_read_word_by_word() -> None:
    odd = make_collection(name="tlh", language="klingon")
    make_ready_document(odd, "k.txt", ["tlhIngan Hol vIjatlh"])
    assert len(found("Hol")) == 1


def test_a_question_of_stop_words_alone_matches_nothing(library: Collection) -> None:
    assert found("is it not the") == {}


def test_ranks_count_from_one_in_falling_score(library: Collection) -> None:
    hits = sorted(found("pump valve").values(), key=lambda hit: -hit.score)
    assert [hit.lexical_rank for hit in hits] == [1, 2, 3]
    assert [hit.dense_rank for hit in hits] == [None, None, None]
    scores = [hit.bm25 for hit in hits]
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]


def test_a_pasted_page_counts_up_to_so_many_words(library: Collection) -> None:
    page = " ".join(f"w{n}" for n in range(MAX_LEXEMES - 1))
    assert [hit.lexical_rank for hit in found(f"{page} cats").values()] == [1]
    assert found(f"{page} w{MAX_LEXEMES} cats") == {}


def test_more_candidates_than_wanted_are_cut(library: Collection) -> None:
    visible = visible_to(asker(alice()))
    config = replace(CONFIG, candidates=2, k=2)
    assert len(search("pump valve litres", visible, config).hits) == 2


def test_a_chunk_of_very_many_words_is_stored(library: Collection) -> None:
    """A sparse vector holds at most 16,000 entries."""
    words = " ".join(f"w{n}" for n in range(20_000))
    make_ready_document(library, "long.txt", [words])
    assert Chunk.objects.filter(version__document__name="long.txt").count() == 1
