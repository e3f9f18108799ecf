"""Languages other than English: words without blanks, and scripts nobody taught the embedder."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import connection

from ingestion.models import Chunk
from ingestion.visibility import visible_to
from retrieval import search as searching
from retrieval.foreign import LANGUAGE_WEIGHT, SCRIPT_WEIGHT, dense_weight
from retrieval.search import search
from retrieval.types import RetrievalConfig
from tests.factories import alice, asker, make_collection, make_ready_document
from tests.fakes import HashEmbedder

MIGRATION = import_module("ingestion.migrations.0016_scripts_without_blanks")
FOLDING = import_module("ingestion.migrations.0017_words_without_accents")
CHINESE = "水泵的电池寿命为五年。请勿打开外壳。"
THAI = "แบตเตอรี่ของปั๊มมีอายุการใช้งานห้าปี"
JAPANESE = "ポンプの電池は五年間使えます。"


def found(question: str) -> list[str]:
    config = RetrievalConfig(method="lexical")
    return [
        hit.text for hit in search(question, visible_to(asker(alice())), config).hits
    ]


def lexemes(body: str) -> list[str]:
    """Return the lexemes of ``body`` in the order of the text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lexeme FROM unnest(lexemes_of('simple', %s)) AS one"
            " ORDER BY positions[1]",
            [body],
        )
        return [lexeme for (lexeme,) in cursor]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("电池寿命", CHINESE),
        ("电池可以用多久?", CHINESE),
        ("外壳", CHINESE),
        ("อายุการใช้งาน", THAI),
        ("電池は何年使えますか", JAPANESE),
    ],
)
def test_words_are_found_inside_a_run_of_letters(question: str, text: str) -> None:
    collection = make_collection(language="simple")
    for number, body in enumerate((CHINESE, THAI, JAPANESE, "The pump is red.")):
        make_ready_document(collection, f"{number}.txt", [body])
    assert found(question)[0] == text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        ("电池寿命", ["电池", "池寿", "寿命"]),
        ("Pump P7 电池 ok", ["pump", "p7", "电池", "ok"]),
        ("水", ["水"]),
        ("no such letters", ["no", "such", "letters"]),
        ("Насос держит", ["насос", "держит"]),
    ],
)
def test_pairs_stand_in_the_order_of_the_text(body: str, pairs: list[str]) -> None:
    assert lexemes(body) == pairs


@pytest.mark.django_db
def test_what_was_stored_before_is_read_again() -> None:
    document = make_ready_document(
        make_collection(language="simple"), "zh.txt", ["电池"]
    )
    mine = Chunk.objects.filter(version__document=document)
    with connection.cursor() as cursor:
        cursor.execute(MIGRATION.LEXEMES.format(read="body"))
        mine.update(text=CHINESE)
        assert found("电池寿命") == []
        cursor.execute(MIGRATION.LEXEMES.format(read="spaced(body)"))
        assert found("电池寿命") == []
        cursor.execute(MIGRATION.AGAIN)
    assert found("电池寿命") == [CHINESE]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "plain", "accented"),
    [
        ("english", "Zurich", "ZÜRICH"),
        ("english", "resume", "résumé"),
        ("english", "Lodz, Malmo and Dvorak", "Łódź, Malmö and Dvořák"),
        ("french", "Zurich", "Zürich"),
        ("french", "mange", "mangé"),
        ("spanish", "Zurich y Malaga", "Zürich y Málaga"),
        ("simple", "Krakow d'Arc O'Brien\\", "Kraków d'Arc O'Brien\\"),
    ],
)
def test_words_are_the_same_with_accents_and_without(
    language: str, plain: str, accented: str
) -> None:
    with connection.cursor() as cursor:
        sql = "SELECT lexemes_of(%s, %s)::text, lexemes_of(%s, %s)::text"
        cursor.execute(sql, [language, plain, language, accented])
        first, second = cursor.fetchone()
    assert first
    assert first == second


@pytest.mark.django_db
def test_accents_of_other_scripts_stay() -> None:
    assert lexemes("мой дзень й 京都が") == ["мой", "дзень", "й", "京都", "都が"]


@pytest.mark.django_db
def test_words_that_vietnamese_tells_apart_by_marks_stay_apart() -> None:
    assert lexemes("mật mặt mất") == ["mật", "mặt", "mất"]


@pytest.mark.django_db
def test_accents_of_what_was_stored_before_are_folded() -> None:
    document = make_ready_document(make_collection(), "a.txt", ["Pump"])
    with connection.cursor() as cursor:
        cursor.execute(MIGRATION.LEXEMES.format(read="spaced(body)"))
        Chunk.objects.filter(version__document=document).update(text="Zürich")
        assert found("Zurich") == []
        cursor.execute(FOLDING.LEXEMES)
        assert found("Zurich") == []
        cursor.execute(FOLDING.AGAIN)
    assert found("Zurich") == ["Zürich"]


ENGLISH, MINILM = {"english": 90, "simple": 10}, "all-minilm-l6-v2"


@pytest.mark.parametrize(
    ("question", "embedder", "chunks", "weight"),
    [
        ("How many litres?", MINILM, ENGLISH, 0.78),
        ("How many litres?", MINILM, {}, 0.78),
        ("How many litres?", MINILM, {"simple": 9}, 0.78),
        ("¿Cuántos litros?", MINILM, {"english": 30, "spanish": 70}, 0.78),
        (
            "¿Cuántos litros?",
            MINILM,
            {"spanish": 90, "english": 10, "simple": 99},
            LANGUAGE_WEIGHT,
        ),
        ("Máy bơm chứa bao nhiêu lít dầu ở đây?", MINILM, ENGLISH, 0.78),
        ("Сколько литров?", MINILM, ENGLISH, SCRIPT_WEIGHT),
        ("كم لتر؟", "all-mpnet-base-v2", ENGLISH, SCRIPT_WEIGHT),
        ("电池 P-7 寿命", MINILM, {"simple": 9}, SCRIPT_WEIGHT),
        ("Was bedeutet 电池?", MINILM, ENGLISH, 0.78),
        ("1234?", MINILM, ENGLISH, 0.78),
        ("Сколько литров?", "a-multilingual-one", {"russian": 9}, 0.78),
    ],
)
def test_words_weigh_more_where_the_embedder_cannot_read(
    question: str, embedder: str, chunks: dict[str, int], weight: float
) -> None:
    assert dense_weight(0.78, question, embedder, chunks) == weight
    # A site that trusts its embedder even less is not overruled.
    assert dense_weight(0.1, question, embedder, chunks) == 0.1


@pytest.mark.django_db
def test_a_search_weighs_by_its_question_and_documents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collection = make_collection(language="russian")
    make_ready_document(collection, "a.txt", ["Насос держит сорок литров масла."])
    asked: list[tuple[object, ...]] = []

    def weigh(*given: object) -> float:
        asked.append(given)
        return 0.5

    monkeypatch.setattr(searching, "dense_weight", weigh)
    visible, config = visible_to(asker(alice())), RetrievalConfig()
    question = "Сколько литров?"
    (hit,) = search(question, visible, config, embedder=HashEmbedder()).hits
    assert asked == [(0.78, question, HashEmbedder.name, {"russian": 1})]
    # The best of both rankings, so that any weight gives 1.
    assert hit.score == pytest.approx(1.0)
