"""The measures agree with trec_eval's, by way of ir-measures."""

from __future__ import annotations

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import RR, R, nDCG

from retrieval.metrics import METRICS, mean_metrics, ndcg, recall, reciprocal_rank

DOCUMENTS = [f"d{n}" for n in range(15)]
ORACLES = {
    "ndcg@10": nDCG @ 10,
    "recall@5": R @ 5,
    "recall@10": R @ 10,
    "recall@100": R @ 100,
    "mrr@10": RR @ 10,
}


@given(
    ranking=st.lists(st.sampled_from(DOCUMENTS), unique=True),
    judged=st.dictionaries(
        st.sampled_from(DOCUMENTS), st.integers(0, 3), min_size=1
    ).filter(lambda grades: any(grades.values())),
)
def test_each_measure_equals_trec_eval(
    ranking: list[str], judged: dict[str, int]
) -> None:
    qrels = [ir_measures.Qrel("q", doc, grade) for doc, grade in judged.items()]
    run = [
        ir_measures.ScoredDoc("q", doc, -float(rank))
        for rank, doc in enumerate(ranking)
    ]
    found = mean_metrics({"q": ranking}, {"q": judged})
    assert found.keys() == METRICS.keys() == ORACLES.keys()
    expected = ir_measures.calc_aggregate(ORACLES.values(), qrels, run)
    for name, oracle in ORACLES.items():
        # An empty run has no queries for the oracle; here each counts as 0.
        wanted = expected[oracle] if run else 0.0
        assert found[name] == pytest.approx(wanted), name


def test_a_perfect_ranking_scores_one_and_an_empty_one_zero() -> None:
    judged = {"a": 2, "b": 1}
    for metric in (ndcg, recall, reciprocal_rank):
        assert metric(["a", "b"], judged, k=10) == pytest.approx(1.0)
        assert metric([], judged, k=10) == 0.0


def test_a_query_without_ranking_counts_as_zero_and_one_without_answer_not_at_all() -> (
    None
):
    means = mean_metrics(
        {"q1": ["a"]}, {"q1": {"a": 1}, "q2": {"b": 1}, "q3": {"c": 0}}
    )
    assert means["recall@10"] == pytest.approx(0.5)


def test_without_judgements_everything_is_zero() -> None:
    assert set(mean_metrics({}, {}).values()) == {0.0}
