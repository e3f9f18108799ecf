"""Quality is a promise too: a floor on third-party data, with the real embedder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rag_site.scratch import scratch_database
from retrieval import evaluation

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("PLUMBLINE_SHARED") or ROOT.parent / "shared")
XQUAD = SHARED / "data" / "dev" / "xquad" / "en"


@pytest.mark.models
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    not XQUAD.is_dir(), reason=f"{XQUAD} is not there: set PLUMBLINE_SHARED"
)
def test_hybrid_finds_paragraphs_and_is_no_worse_than_either_ranking() -> None:
    with scratch_database():
        methods = evaluation.run(XQUAD, limit=80)["methods"]
    best = max(methods["dense"]["ndcg@10"], methods["lexical"]["ndcg@10"])
    # 0.985 when this was written.
    assert methods["hybrid"]["ndcg@10"] >= 0.96
    assert methods["hybrid"]["ndcg@10"] >= best - 0.005
    assert methods["hybrid"]["recall@5"] >= 0.97
