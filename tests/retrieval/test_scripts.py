"""Languages other than English: words without blanks, and scripts nobody taught the embedder."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import connection

from ingestion.models import Chunk
from ingestion.visibility import visible_to
from retrieval.foreign import FOREIGN_WEIGHT, is_foreign
from retrieval.search import search
from retrieval.types import RetrievalConfig
from tests.factories import alice, asker, make_collection, make_ready_document

MIGRATION = import_module("ingestion.migrations.0016_scripts_without_blanks")
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


@pytest.mark.parametrize(
    ("question", "embedder", "foreign"),
    [
        ("How many litres?", "all-minilm-l6-v2", False),
        ("¿Cuántos litros tiene la bomba número 7?", "all-minilm-l6-v2", False),
        ("Máy bơm chứa bao nhiêu lít dầu ở đây?", "all-minilm-l6-v2", False),
        ("Сколько литров?", "all-minilm-l6-v2", True),
        ("كم لتر؟", "all-mpnet-base-v2", True),
        ("电池 P-7 寿命", "all-minilm-l6-v2", True),
        ("Was bedeutet 电池?", "all-minilm-l6-v2", False),
        ("1234?", "all-minilm-l6-v2", False),
        ("Сколько литров?", "a-multilingual-one", False),
    ],
)
def test_which_questions_the_embedder_cannot_read(
    question: str, embedder: str, foreign: bool
) -> None:
    assert is_foreign(question, embedder) is foreign


@pytest.mark.django_db
def test_there_words_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    from retrieval import search as searching
    from tests.fakes import HashEmbedder

    collection = make_collection(language="russian")
    make_ready_document(collection, "a.txt", ["Насос держит сорок литров масла."])
    weights: list[float] = []

    def fuse(hits: list[object], weight: float) -> list[object]:
        weights.append(weight)
        return hits

    monkeypatch.setattr(searching, "fuse_scores", fuse)
    visible, config = visible_to(asker(alice())), RetrievalConfig()
    for known in (True, False):
        monkeypatch.setattr(searching, "is_foreign", lambda *_, known=known: known)
        search("Сколько литров?", visible, config, embedder=HashEmbedder())
    assert weights == [FOREIGN_WEIGHT, config.dense_weight]
