from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.guarding import (
    NOT_IN_DOCUMENTS,
    is_refusal,
    may_become_refusal,
    weigh,
)
from retrieval.types import Hit


def hit(text: str, similarity: float | None) -> Hit:
    return Hit(
        chunk_id=1,
        document_id=UUID(int=1),
        version_id=UUID(int=2),
        collection_id=UUID(int=3),
        document="manual.pdf",
        heading="",
        text=text,
        start=0,
        end=len(text),
        page=1,
        page_last=1,
        token_count=10,
        score=1.0,
        similarity=similarity,
    )


def test_evidence_grows_with_similarity_and_with_shared_terms() -> None:
    question = "How many litres does the pump hold?"
    right = weigh(question, [hit("The pump holds 40 litres.", 0.7)])
    near = weigh(question, [hit("The pump is painted green.", 0.4)])
    far = weigh(question, [hit("Bananas grow in Ecuador.", 0.05)])
    assert right.score > near.score > far.score
    assert far.score < 0.1
    assert right.score == 1.0


def test_nothing_found_is_no_evidence() -> None:
    assert weigh("What is it?", []).score == 0.0


def test_without_a_dense_ranking_the_terms_decide() -> None:
    assert weigh("Which pump?", [hit("The pump.", None)]).score == 1.0


def test_a_question_about_the_whole_document_is_not_refused() -> None:
    assert weigh("Summarise the document", [hit("Bananas.", 0.05)]).score >= 0.5


@given(st.text(max_size=100), st.floats(-1, 1), st.text(max_size=100))
def test_evidence_is_between_0_and_1(
    question: str, similarity: float, text: str
) -> None:
    evidence = weigh(question, [hit(text, similarity)])
    assert 0 <= evidence.score <= 1
    assert 0 <= evidence.coverage <= 1


@pytest.mark.parametrize(
    "text",
    [
        NOT_IN_DOCUMENTS,
        "not in your documents",
        "NOT_IN_DOCUMENTS",
        "**Not in your documents.**",
        "Not in the documents.",
        "The passages do not contain the answer to this question.",
        "The provided text doesn't mention who built it.",
        "There is no information in the passages about that.",
        "I cannot answer this.",
        "Not in the documents: the passages tell of pumps only [1].",
        "_Not in documents_",
        "Not provided in the passages.",
        "The name is not stated in the provided text [1].",
        "Passages 1 and 2 do not mention it.",
        "The documents do not say [1].",
        "This information is not available [1].",
    ],
)
def test_refusals_are_recognised(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "The pump holds 40 litres [1].",
        "The tank does not contain oil [1].",
        "No passengers were hurt.",
        "They did not sign the treaty.",
        "Travel documents are not provided [1].",
        "Travel documents do not include a visa [1].",
        "Not in documents older than 2010, but the 2015 handbook allows it [1].",
        "Not in documents, but in the handbook [1].",
        "The text on the label is not included in the price [1].",
        "No information is given to third parties about the documents [1].",
    ],
)
def test_answers_are_not_refusals(text: str) -> None:
    assert not is_refusal(text)


def test_the_marker_is_held_back_at_every_length() -> None:
    for length in range(len(NOT_IN_DOCUMENTS) + 1):
        assert may_become_refusal(NOT_IN_DOCUMENTS[:length])
    assert may_become_refusal("Not in documents. The")
    assert not may_become_refusal("Not in documents older")
    assert not may_become_refusal("Nothing")
    assert not may_become_refusal("The pump")


def test_a_refusal_behind_a_mark_is_one_and_is_held_back() -> None:
    assert is_refusal("[1] Not in your documents.")
    for begun in ("[", "[1", "[1]", "[1] N", "[1] Not in"):
        assert may_become_refusal(begun)
    assert not may_become_refusal("[1] Notable")
    assert not is_refusal("[1] 27 days.")
