"""Search as every door calls it: rights, paths through the index, what comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from ingestion.errors import EmbedderChanged
from ingestion.models import Collection, Document, Embedding, EmbeddingSpace, Membership
from ingestion.visibility import Visible, visible_to
from rag_site.models import User
from retrieval.search import search
from retrieval.types import RetrievalConfig, SearchResult
from tests.factories import (
    alice,
    asker,
    bob,
    charlie,
    make_collection,
    make_ready_document,
)
from tests.fakes import HashEmbedder

pytestmark = pytest.mark.django_db

CONFIG = RetrievalConfig(k=20, candidates=50)
METHODS = ("hybrid", "dense", "lexical")
QUESTION = "How many litres does the pump hold?"


def ask(
    visible: Visible, question: str = QUESTION, config: RetrievalConfig = CONFIG
) -> SearchResult:
    return search(question, visible, config, embedder=HashEmbedder())


def seen_by(user: User, config: RetrievalConfig = CONFIG) -> list[str]:
    return [hit.document for hit in ask(visible_to(asker(user)), config=config).hits]


@pytest.fixture
def shared() -> Collection:
    """A collection of Alice's that Bob reads and Charlie does not."""
    collection = make_collection(shared_with=bob())
    make_ready_document(collection, "pump.txt")
    return collection


@pytest.mark.parametrize("method", METHODS)
def test_owner_and_member_find_it_and_a_stranger_finds_nothing(
    shared: Collection, method: str
) -> None:
    config = replace(CONFIG, method=method)
    assert seen_by(alice(), config) == ["pump.txt"]
    assert seen_by(bob(), config) == ["pump.txt"]
    assert seen_by(charlie(), config) == []


def test_a_stranger_learns_no_counts_either(shared: Collection) -> None:
    result = ask(visible_to(asker(charlie())))
    assert (result.collections, result.documents, result.unread_documents) == (0, 0, 0)


def test_an_administrator_has_no_silent_reading_rights(shared: Collection) -> None:
    root = charlie()
    root.is_superuser = root.is_staff = True
    root.save()
    assert seen_by(root) == []


def test_everyone_who_is_signed_in_finds_what_is_open_to_everyone(
    shared: Collection,
) -> None:
    shared.visibility = Collection.Visibility.EVERYONE
    shared.save()
    assert seen_by(charlie()) == ["pump.txt"]


def test_an_inactive_person_finds_nothing(shared: Collection) -> None:
    person = bob()
    person.is_active = False
    person.save()
    assert seen_by(person) == []


def test_a_revoked_membership_counts_from_the_next_search(shared: Collection) -> None:
    Membership.objects.filter(collection=shared, user=bob()).delete()
    assert seen_by(bob()) == []


def test_collections_asked_for_narrow_and_never_widen(shared: Collection) -> None:
    other = make_collection(name="Other")
    make_ready_document(other, "other.txt")
    hidden = make_collection(charlie(), "Hidden")
    make_ready_document(hidden, "hidden.txt")

    def found(*collections: Collection) -> set[str]:
        wanted = frozenset(collection.pk for collection in collections)
        return {hit.document for hit in ask(visible_to(asker(alice()), wanted)).hits}

    assert found(shared) == {"pump.txt"}
    assert found(other) == {"other.txt"}
    assert found(hidden) == set()
    assert found() == set()


def test_a_key_narrows_to_its_collections(shared: Collection) -> None:
    make_ready_document(make_collection(name="Other"), "other.txt")
    limited = asker(alice(), key_collections=frozenset({shared.pk}))
    assert [hit.document for hit in ask(visible_to(limited)).hits] == ["pump.txt"]


def test_documents_asked_for_narrow_too(shared: Collection) -> None:
    second = make_ready_document(shared, "second.txt", ["The pump is red."])
    visible = Visible(user_id=alice().pk, documents=frozenset({second.pk, uuid4()}))
    assert [hit.document for hit in ask(visible).hits] == ["second.txt"]


def test_a_deleted_document_is_gone_at_once(shared: Collection) -> None:
    Document.objects.filter(name="pump.txt").delete()
    assert ask(visible_to(asker(alice()))).hits == ()


def test_a_document_whose_new_version_is_being_read_is_found_by_its_current_one(
    shared: Collection,
) -> None:
    Document.objects.update(state=Document.State.PARSING)
    result = ask(visible_to(asker(bob())))
    assert [hit.document for hit in result.hits] == ["pump.txt"]
    assert (result.documents, result.unread_documents) == (1, 1)


def test_passages_of_an_earlier_version_are_not_found(shared: Collection) -> None:
    document = Document.objects.get(name="pump.txt")
    document.current_version = None
    document.save()
    result = ask(visible_to(asker(alice())))
    assert (result.hits, result.documents) == ((), 0)


def test_a_hit_carries_where_its_words_stand_and_both_scores(
    shared: Collection,
) -> None:
    pages = ["A first page.", "The pump holds 40 litres.\n\nIt is red."]
    document = make_ready_document(shared, "two.txt", pages)
    config = replace(CONFIG, k=1)
    visible = Visible(user_id=bob().pk, documents=frozenset({document.pk}))
    (hit,) = ask(visible, config=config).hits
    assert hit.text == "The pump holds 40 litres."
    assert "\n\f\n".join(pages)[hit.start : hit.end] == hit.text
    assert (hit.page, hit.page_last) == (2, 2)
    assert (hit.document_id, hit.version_id) == (
        document.pk,
        document.current_version_id,
    )
    assert hit.collection_id == shared.pk
    assert hit.similarity is not None
    assert 0 < hit.similarity <= 1
    assert hit.bm25 is not None
    assert hit.bm25 > 0
    assert (hit.dense_rank, hit.lexical_rank, hit.score) == (1, 1, pytest.approx(1.0))


def test_an_empty_library_is_an_empty_result_and_embeds_nothing() -> None:
    result = search(QUESTION, visible_to(asker(alice())), CONFIG, embedder=None)
    assert (result.hits, result.collections, result.documents) == ((), 0, 0)


def test_hits_are_at_most_k_and_the_same_words_come_once(shared: Collection) -> None:
    make_ready_document(shared, "copy.txt")
    assert len(ask(visible_to(asker(alice()))).hits) == 1
    pages = [f"The pump number {n} holds {n} litres." for n in range(30)]
    make_ready_document(shared, "many.txt", pages)
    assert len(ask(visible_to(asker(alice()))).hits) == CONFIG.k


def test_other_weights_than_those_of_the_vectors_are_refused(
    shared: Collection,
) -> None:
    EmbeddingSpace.objects.update(model_digest="0" * 64)
    with pytest.raises(EmbedderChanged):
        ask(visible_to(asker(alice())))
    by_words = replace(CONFIG, method="lexical")
    assert seen_by(alice(), by_words) == ["pump.txt"]


def test_timings_name_each_stage(shared: Collection) -> None:
    timings = ask(visible_to(asker(alice()))).timings
    assert list(timings) == ["reach", "embed", "find", "fuse", "choose", "total"]
    assert timings["total"] >= max(timings["find"], timings["embed"])


@pytest.mark.parametrize(
    "question",
    [
        "the of and",
        "?",
        "'; DROP TABLE x; --",
        "\\' | & ! ( <-> :*",
        "pump's 40",
        "é",
        "50%s",
    ],
)
def test_any_text_is_a_question(shared: Collection, question: str) -> None:
    for method in METHODS:
        ask(
            visible_to(asker(alice())),
            question,
            config=replace(CONFIG, method=method),
        )
    assert Document.objects.filter(name="pump.txt").exists()


# --- exact and by index ----------------------------------------------------------

COLOURS = ["red", "blue", "green", "grey"]


@pytest.fixture
def library() -> None:
    """Two collections of 120 and 12 chunks; Bob reads the small one only."""
    big, small = make_collection(), make_collection(name="Few", shared_with=bob())
    pages = [f"Pump {n} is {COLOURS[n % 4]} and weighs {n * 7} kg" for n in range(120)]
    make_ready_document(big, "big.txt", pages)
    make_ready_document(small, "small.txt", [f"{page}, spare" for page in pages[::10]])


def by_index(config: RetrievalConfig) -> RetrievalConfig:
    """Walk the HNSW index however few chunks there are."""
    return replace(config, exact_scan_chunks=0, walk_cost=0)


@pytest.mark.parametrize("user", [alice, bob])
def test_exact_scan_and_index_agree(library: None, user: object) -> None:
    config = replace(CONFIG, method="dense", k=10, candidates=10)
    visible = visible_to(asker(user()))  # type: ignore[operator]
    exact = ask(visible, "Which pump is green?", config).hits
    walked = ask(visible, "Which pump is green?", by_index(config)).hits
    assert [hit.similarity for hit in walked] == pytest.approx(
        [hit.similarity for hit in exact]
    )


def test_the_index_never_returns_fewer_rows_than_there_are(library: None) -> None:
    """ef_search of 1 and a reader of a tenth: the walk alone would run dry."""
    config = replace(CONFIG, method="dense", k=12, candidates=12, ef_search=1)
    found = ask(visible_to(asker(bob())), QUESTION, by_index(config)).hits
    assert len(found) == 12


def test_rows_without_a_vector_are_found_by_their_words(library: None) -> None:
    Embedding.objects.all().delete()
    for config in (CONFIG, by_index(CONFIG)):
        hits = ask(visible_to(asker(bob())), "weighs 70 kg spare", config).hits
        assert hits[0].text.startswith("Pump 10 ")
        assert hits[0].similarity is None


def plan_of(config: RetrievalConfig) -> str:
    """Return the plans of the statements that a search runs."""
    plans: list[str] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "nearest" in sql:
            execute("EXPLAIN " + sql, params, many, context)
            plans.extend(line for (line,) in context["cursor"].fetchall())
        return execute(sql, params, many, context)

    with connection.cursor() as cursor:
        # So few rows are cheaper to read in one go: take that plan away.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    with connection.execute_wrapper(explain):
        ask(visible_to(asker(alice())), QUESTION, config)
    assert plans
    return "\n".join(plans)


def test_a_small_visible_set_never_touches_the_index(
    library: None,
) -> None:
    assert "using embedding_space_" not in plan_of(CONFIG)


def test_a_large_visible_set_walks_the_index(
    library: None,
) -> None:
    assert "using embedding_space_" in plan_of(by_index(CONFIG))
