"""Documents are stemmed by their own language; the collection's is for the rest."""

from __future__ import annotations

import pytest

from ingestion import services
from ingestion.languages import chosen_language, language_of
from ingestion.models import Chunk, Document
from ingestion.visibility import visible_to
from retrieval import loading
from retrieval.corpora import Text
from retrieval.search import search
from retrieval.types import RetrievalConfig
from tests.factories import alice, asker, make_collection
from tests.fakes import HashEmbedder, word_tokenizer

GERMAN = (
    "Die Häuser am Fluss wurden vor hundert Jahren gebaut und stehen noch heute. "
    "Jedes von ihnen hat einen Garten, der bis zum Wasser hinunter reicht."
)
ENGLISH = (
    "The houses at the river were built a hundred years ago and are still there. "
    "Each of them has a garden that runs down to the water."
)
CZECH = (
    "Domy u řeky byly postaveny před sto lety a stojí tam dodnes. Každý z nich má "
    "zahradu, která sahá až dolů k vodě, a všechny mají červené střechy."
)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (GERMAN, "german"),
        (ENGLISH, "english"),
        (CZECH, "simple"),
        ("Das Haus.", ""),
        ("", ""),
        ("12 34 56 " * 200, ""),
    ],
)
def test_the_language_is_told_from_enough_text(text: str, language: str) -> None:
    assert language_of([text]) == language


def test_a_cover_in_another_language_does_not_decide() -> None:
    assert language_of(["Annual report of the year", *[GERMAN] * 3]) == "german"


def test_a_collection_of_exact_words_stays_one() -> None:
    assert chosen_language("german", "simple") == "simple"
    assert chosen_language("german", "english") == "german"
    assert chosen_language("", "french") == "french"


@pytest.fixture
def mixed(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingestion.types import ChunkingConfig

    collection = make_collection()
    monkeypatch.setattr(loading, "make_collection", lambda: collection)
    reader = loading.Reader(
        embedder=HashEmbedder(), tokenizer=word_tokenizer(), chunking=ChunkingConfig()
    )
    texts = {"de": GERMAN, "en": ENGLISH, "cs": CZECH, "short": "Häuser, houses."}
    rows = [Text(id=name, title="", text=text) for name, text in texts.items()]
    loading.load_texts(rows, reader)


def languages() -> dict[str, str]:
    rows = Chunk.objects.values_list("version__document__name", "language")
    return dict(rows)


def found(question: str) -> list[str]:
    config = RetrievalConfig(method="lexical")
    hits = search(question, visible_to(asker(alice())), config).hits
    return [hit.document for hit in hits]


def test_one_collection_holds_documents_of_several_languages(mixed: None) -> None:
    assert languages() == {
        "de": "german",
        "en": "english",
        "cs": "simple",
        "short": "english",
    }
    assert found("Haus") == ["de"]
    assert set(found("gardens, houses")) == {"en", "short"}
    assert found("střechy") == ["cs"]


def test_stop_words_of_one_language_are_not_rare_words_of_another(mixed: None) -> None:
    """ "am" is a stop word in German, and stands in no English document."""
    assert found("am") == []


def test_another_language_of_the_collection_moves_only_what_follows_it(
    mixed: None,
) -> None:
    collection = Document.objects.all()[0].collection
    services.update_collection(asker(alice()), collection.pk, language="german")
    assert languages() == {
        "de": "german",
        "en": "english",
        "cs": "simple",
        "short": "german",
    }
    services.update_collection(asker(alice()), collection.pk, language="simple")
    assert set(languages().values()) == {"simple"}
    services.update_collection(asker(alice()), collection.pk, language="french")
    assert languages()["de"] == "german"
    assert languages()["short"] == "french"
