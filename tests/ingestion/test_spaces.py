from __future__ import annotations

import pytest

from ingestion.errors import EmbedderChanged
from ingestion.models import EmbeddingSpace
from ingestion.spaces import ensure_live_space, live_space
from tests.factories import make_collection, make_ready_document
from tests.fakes import HashEmbedder

pytestmark = pytest.mark.django_db


class OtherEmbedder(HashEmbedder):
    name = "other"
    digest = "0" * 64
    dimension = 768


def test_one_space_is_made_and_kept():
    assert live_space() is None
    first = ensure_live_space(HashEmbedder())
    assert ensure_live_space(HashEmbedder()) == first == live_space()
    assert EmbeddingSpace.objects.count() == 1


def test_an_empty_space_gives_way_to_another_embedder():
    ensure_live_space(HashEmbedder())
    space = ensure_live_space(OtherEmbedder())
    assert (space.model_name, space.dimension) == ("other", 768)
    assert EmbeddingSpace.objects.get() == space


def test_a_filled_space_is_never_mixed_with_other_weights():
    make_ready_document(make_collection())
    with pytest.raises(EmbedderChanged):
        ensure_live_space(OtherEmbedder())


def test_the_index_serves_the_nearest_neighbours_of_its_space(
    django_assert_num_queries,
):
    from django.db import connection

    document = make_ready_document(
        make_collection(), pages=["A pump.", "A cat sleeps."]
    )
    space = ensure_live_space(HashEmbedder())
    question = HashEmbedder().embed_question("sleeping cat").tolist()
    with connection.cursor() as cursor:
        # Of two rows a sort costs less, whenever Postgres has counted them.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        query = (
            "SELECT c.text FROM ingestion_embedding e JOIN ingestion_chunk c "
            f"ON c.id = e.chunk_id WHERE e.space_id = {space.pk} "
            "ORDER BY e.vector::halfvec(384) <=> %s::halfvec(384) LIMIT 1"
        )
        cursor.execute("EXPLAIN " + query, [str(question)])
        assert f"embedding_space_{space.pk}" in str(cursor.fetchall())
        cursor.execute(query, [str(question)])
        assert cursor.fetchone() == ("A cat sleeps.",)
    assert document.current_version.chunk_count == 2
