"""What happens to a ranking before it is shown: copies, spread, neighbours."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.visibility import visible_to
from retrieval.copies import containment, drop_copies, runs_of
from retrieval.diversity import spread
from retrieval.neighbours import with_neighbours
from retrieval.search import search
from retrieval.types import Hit, RetrievalConfig
from tests.factories import alice, asker, make_collection, make_ready_document
from tests.fakes import HashEmbedder
from tests.retrieval.test_fusion import make_hit

POLICY = (
    "Employees may take up to thirty days of paid leave in each calendar year, of "
    "which ten may be carried over to the following year with written consent."
)


def hit_of(chunk_id: int, text: str, **fields: object) -> Hit:
    return replace(make_hit(chunk_id), text=text, **fields)  # type: ignore[arg-type]


def kept(*texts: str) -> list[str]:
    hits = [hit_of(number, text) for number, text in enumerate(texts)]
    return [hit.text for hit in drop_copies(hits)]


@pytest.mark.parametrize(
    "copy",
    [
        POLICY,
        POLICY.upper(),
        POLICY.replace(" ", "\n").replace(",", ""),
        POLICY.replace("written consent", "consent"),
        f"{POLICY} Page footer.",
    ],
)
def test_a_near_copy_is_shown_once_at_its_best_place(copy: str) -> None:
    assert kept("Other words.", POLICY, copy) == ["Other words.", POLICY]


def test_copies_in_other_words_are_set_aside() -> None:
    other = POLICY.replace("written consent", "consent")
    texts = (POLICY, POLICY.upper(), other, "Other words.")
    hits = [hit_of(number, text) for number, text in enumerate(texts)]
    aside: list[Hit] = []
    kept = [hit.text for hit in drop_copies(hits, aside=aside)]
    assert kept == [POLICY, "Other words."]
    assert [hit.text for hit in aside] == [other]


@pytest.mark.parametrize(
    "other",
    [
        POLICY.replace("thirty", "30"),
        POLICY.replace("Employees", "Contractors of the company in Austria never"),
        f"{POLICY} Days of training do not count as leave, and need none of it.",
        "Leave is paid.",
        "",
    ],
)
def test_other_figures_and_other_facts_are_no_copies(other: str) -> None:
    assert kept(POLICY, other) == [POLICY, other]


def test_rows_that_differ_in_a_figure_all_stay() -> None:
    rows = [
        f"{POLICY} The rate of the year {year} applies." for year in range(2020, 26)
    ]
    assert kept(*rows) == rows


@given(st.lists(st.text(alphabet="ab 1", max_size=12), max_size=12))
def test_no_two_kept_are_alike_and_the_order_stays(texts: list[str]) -> None:
    left = kept(*texts)
    assert kept(*left) == left
    folded = [" ".join(text.split()) for text in left]
    assert len(set(folded)) == len(folded)
    assert left == [text for text in texts if text in left][: len(left)] or left


def test_containment_is_that_of_the_shorter_text() -> None:
    assert containment(runs_of(POLICY), runs_of(f"Before that. {POLICY} After.")) == 1
    assert containment(runs_of(POLICY), runs_of("Something else entirely here")) == 0


def test_a_document_gives_way_only_where_another_is_about_as_good() -> None:
    one, other = uuid4(), uuid4()
    hits = [hit_of(n, str(n), document_id=one, score=1.0 - n / 100) for n in range(6)]
    near = hit_of(90, "near", document_id=other, score=0.93)
    far = hit_of(91, "far", document_id=other, score=0.5)
    ranked = [hit.chunk_id for hit in spread([*hits, near, far], free=3, decay=0.9)]
    assert ranked == [0, 1, 2, 90, 3, 4, 5, 91]
    assert [hit.chunk_id for hit in spread([*hits, near, far], decay=1.0)] == [
        *range(6),
        90,
        91,
    ]


def test_the_best_passages_of_documents_keep_their_order_and_scores() -> None:
    ids = [uuid4(), uuid4(), uuid4()]
    hits = [
        hit_of(n, str(n), document_id=ids[n % 3], score=1 - n / 50) for n in range(30)
    ]
    firsts = {}
    for hit in spread(hits, free=1, decay=0.5):
        firsts.setdefault(hit.document_id, hit)
    assert [hit.chunk_id for hit in firsts.values()] == [0, 1, 2]
    assert [hit.score for hit in firsts.values()] == [1, 1 - 1 / 50, 1 - 2 / 50]


# --- neighbours ----------------------------------------------------------------------


@pytest.fixture
def manual(db: None) -> None:
    pages = [
        "The pump holds 40 litres.\n\nIt must be filled\nbefore use.\n\nThen close it.",
        "A second page about valves.",
    ]
    make_ready_document(make_collection(), "manual.txt", pages)


def found(question: str, k: int = 1, *, neighbours: bool = True) -> list[Hit]:
    config = RetrievalConfig(k=k, neighbours=neighbours)
    visible = visible_to(asker(alice()))
    return list(search(question, visible, config, embedder=HashEmbedder()).hits)


def test_a_hit_brings_the_passages_beside_it_word_for_word(manual: None) -> None:
    (hit,) = found("What must be filled before use?")
    assert hit.text == (
        "The pump holds 40 litres.\n\nIt must be filled\nbefore use.\n\nThen close it."
    )
    assert (hit.start, hit.end) == (0, len(hit.text))
    (alone,) = found("What must be filled before use?", neighbours=False)
    assert (hit.chunk_id, hit.score) == (alone.chunk_id, alone.score)


def test_neighbours_stay_on_their_page_and_within_the_limit(manual: None) -> None:
    (hit,) = found("valves second")
    assert hit.text == "A second page about valves."
    (alone,) = found("What must be filled before use?", neighbours=False)
    (short,) = with_neighbours([alone], alone.token_count + 6)
    assert short.text == "It must be filled\nbefore use.\n\nThen close it."


def test_no_word_comes_twice(manual: None) -> None:
    hits = found("pump litres filled close valves", k=4)
    assert sorted(hit.text for hit in hits) == sorted(
        hit.text
        for hit in found("pump litres filled close valves", 4, neighbours=False)
    )


def test_neighbours_change_no_rank(manual: None) -> None:
    plain = found("pump litres", 2, neighbours=False)
    grown = found("pump litres", 2)
    assert [hit.chunk_id for hit in grown] == [hit.chunk_id for hit in plain]
    assert with_neighbours([]) == []
