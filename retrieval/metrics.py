"""How good a ranking is, against judged documents. Pure functions.

A ranking is a sequence of document ids, best first, without repeats; judged
maps document ids to grades, where 0 means not relevant. Definitions are those
of trec_eval: linear gain, and documents that nobody judged count as not relevant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from statistics import fmean

Judged = Mapping[str, int]
Metric = Callable[[Sequence[str], Judged], float]


def ndcg(ranking: Sequence[str], judged: Judged, *, k: int) -> float:
    """Return the discounted gain of the first ``k`` against the best possible, 0 to 1.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques",
    2002, with the discount log2(rank + 1).
    """
    ideal = _discounted(sorted(judged.values(), reverse=True)[:k])
    gained = _discounted(judged.get(document, 0) for document in ranking[:k])
    return gained / ideal if ideal > 0 else 0.0


def recall(ranking: Sequence[str], judged: Judged, *, k: int) -> float:
    """Return the share of the relevant documents among the first ``k``, 0 to 1."""
    relevant = _relevant(judged)
    return len(relevant.intersection(ranking[:k])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], judged: Judged, *, k: int) -> float:
    """Return 1 / rank of the first relevant document, 0 if it is not in the first ``k``."""
    relevant = _relevant(judged)
    ranks = (n for n, document in enumerate(ranking[:k], 1) if document in relevant)
    return 1 / next(ranks, math.inf)


#: The measures that `manage.py evaluate retrieval` reports.
METRICS: dict[str, Metric] = {
    "ndcg@10": partial(ndcg, k=10),
    "recall@5": partial(recall, k=5),
    "recall@10": partial(recall, k=10),
    "recall@100": partial(recall, k=100),
    "mrr@10": partial(reciprocal_rank, k=10),
}


def metric_values(
    rankings: Mapping[str, Sequence[str]], judgements: Mapping[str, Judged]
) -> dict[str, list[float]]:
    """Return each measure of each judged query, in the order of the judgements.

    A query without a relevant document says nothing and is left out; a judged
    query without a ranking counts as 0, so that a failed search cannot help.
    """
    queries = [query for query, judged in judgements.items() if _relevant(judged)]
    return {
        name: [metric(rankings.get(q, ()), judgements[q]) for q in queries]
        for name, metric in METRICS.items()
    }


def mean_metrics(
    rankings: Mapping[str, Sequence[str]], judgements: Mapping[str, Judged]
) -> dict[str, float]:
    """Return each measure averaged over the judged queries, 0 if there are none."""
    return {
        name: fmean(values) if values else 0.0
        for name, values in metric_values(rankings, judgements).items()
    }


def _discounted(gains: Iterable[int]) -> float:
    return math.fsum(
        max(gain, 0) / math.log2(rank + 1) for rank, gain in enumerate(gains, 1)
    )


def _relevant(judged: Judged) -> set[str]:
    return {document for document, grade in judged.items() if grade > 0}
