from __future__ import annotations

import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.guards.guarding import (
    EVIDENCE_FLOOR,
    NOT_IN_DOCUMENTS,
    holds_refusal,
    is_refusal,
    may_become_refusal,
    weigh,
    without_marker,
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


def test_half_of_the_terms_are_enough_to_ask_the_model() -> None:
    minutes = hit("The board met. The margin fell because of energy prices.", 0.1)
    assert weigh("Why did the margin fall?", [minutes]).score >= EVIDENCE_FLOOR
    assert weigh("Who is the head of the canteen?", [minutes]).score < EVIDENCE_FLOOR


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
        "None in your documents.",
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
        "None of the passages mention a dress code.",
        "It's not mentioned in the documents.",
        "The date is unfortunately not mentioned in the documents.",
        "The name is also not stated in the text.",
        "No passage states the price.",
        "The passages say nothing about parking.",
        "It has not been mentioned in the passages.",
        "The price isn't explicitly stated in the text of the passages.",
        "The price does not seem to be mentioned in the documents of the collection.",
        "If you mean the tower, the passages do not mention it.",
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
        "Personal information must not be included in the document [1].",
        "Applicants with no documents provided by an employer pay 50 euros [1].",
        "The documents contain nothing confidential [1].",
        "Passwords must not be mentioned in documents [1].",
        "If the documents do not contain a signature, the claim is rejected [1].",
        "The claim is rejected when the documents do not contain a signature [1].",
        "Expenses not specified in the documents are not reimbursed [1].",
        "The source code does not contain comments [1].",
        "Prices are not included in the text of the offer [1].",
        "The supplier did not deliver the goods mentioned in the documents [1].",
        "No document may contain passwords [1].",
        "The document contains nothing but prices [1].",
    ],
)
def test_answers_are_not_refusals(text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "Nicht in Ihren Dokumenten.",
        "Nicht in den Dokumenten enthalten.",
        "Die Passagen enthalten diese Information nicht.",
        "Die bereitgestellten Textpassagen beantworten die Frage nicht [1].",
        "Der Text enthält keine Angaben dazu.",
        "Die Dokumente geben darüber keine Auskunft.",
        "Dazu enthalten die Passagen keine Informationen.",
        "In den Passagen wird nicht erwähnt, wer es gebaut hat.",
        "Das Datum wird in den Dokumenten nicht genannt [2].",
        "Es gibt keine Informationen in den Passagen.",
        "Dazu steht nichts in den Unterlagen.",
        "Diese Information ist nicht verfügbar.",
        "Ich kann diese Frage nicht beantworten.",
        "Pas dans vos documents.",
        "Les passages ne répondent pas à cette question.",
        "Les documents fournis ne contiennent aucune information à ce sujet.",
        "Le texte n’indique pas la date [1].",
        "La date n'est pas mentionnée dans les passages.",
        "Aucune information dans les documents.",
        "Dans les passages, il n'est pas précisé qui l'a construit.",
        "Cette information n'est pas disponible.",
        "Je ne peux pas répondre à cette question.",
        "No está en sus documentos.",
        "Los pasajes no contienen esa información.",
        "El texto no proporciona información sobre eso.",
        "No se menciona en los documentos.",
        "No hay información en los pasajes.",
        "En los documentos no se indica la fecha.",
        "No puedo responder a esta pregunta.",
        "Non nei suoi documenti.",
        "I passaggi non rispondono a questa domanda.",
        "I documenti forniti non contengono questa informazione.",
        "Non è menzionato nei documenti.",
        "Nei testi non è indicata la data.",
        "Questa informazione non è disponibile.",
        "Não consta nos seus documentos.",
        "As passagens não respondem à pergunta.",
        "Os documentos não contêm essa informação.",
        "O texto não fornece informações sobre isso.",
        "Não é mencionado nos documentos.",
        "Esta informação não está disponível.",
        "Niet in uw documenten.",
        "De passages beantwoorden deze vraag niet.",
        "De documenten bevatten geen informatie daarover.",
        "Het wordt niet vermeld in de documenten.",
        "In de tekst wordt de datum niet genoemd.",
        "Ik kan deze vraag niet beantwoorden.",
    ],
)
def test_refusals_in_other_languages_are_recognised(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "Die Garantie ist nicht im Preis enthalten [1].",
        "Reisedokumente werden nicht gestellt [1].",
        "Die Quelle enthält kein Chlor [1].",
        "In den Unterlagen nicht genannte Preise gelten nicht [1].",
        "Keine Informationen an Dritte geben [1].",
        "Reisedokumente enthalten kein Visum [1].",
        "Der Text auf dem Etikett ist nicht im Preis enthalten [1].",
        "Die Unterlagen geben wir nicht an Dritte weiter [1].",
        "Die Quellen nennen wir nicht [1].",
        "Im Text steht, dass die Garantie nicht enthalten ist [1].",
        "Die Dokumente enthalten die Adresse, aber nicht die Nummer [1].",
        "Die Dokumente enthalten nicht nur Preise [1].",
        "Nicht in Dokumenten vor 2010, aber im Handbuch [1].",
        "Nicht in den Dokumenten von 2010, aber im Handbuch [1].",
        "Ja, Kinder dürfen nicht hinein [1].",
        "La garantie n'est pas incluse dans le prix [1].",
        "Les documents de voyage ne contiennent pas de visa [1].",
        "Les documents ne sont pas fournis [1].",
        "Les documents ne mentionnent que la date [1].",
        "Les documents ne donnent pas droit à un visa [1].",
        "Dans le document, il est précisé que la garantie n'est pas incluse [1].",
        "La garantía no está incluida en el precio [1].",
        "Los documentos de viaje no incluyen el visado [1].",
        "Los documentos no se proporcionan [1].",
        "La fuente no contiene agua potable [1].",
        "La garanzia non è inclusa nel prezzo [1].",
        "I documenti di viaggio non contengono il visto [1].",
        "A garantia não está incluída no preço [1].",
        "Os documentos de viagem não contêm o visto [1].",
        "De garantie is niet bij de prijs inbegrepen [1].",
        "Reisdocumenten worden niet verstrekt [1].",
        "De bronnen noemen wij niet [1].",
    ],
)
def test_answers_in_other_languages_are_not_refusals(text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize(
    "marker",
    [
        "Nicht in Ihren Dokumenten.",
        "Pas dans vos documents.",
        "No está en sus documentos.",
        "Non nei suoi documenti.",
        "Não consta nos seus documentos.",
        "Niet in uw documenten.",
    ],
)
def test_a_marker_in_another_language_is_held_back_too(marker: str) -> None:
    assert all(may_become_refusal(marker[:length]) for length in range(len(marker)))
    assert may_become_refusal(f"{marker} ")
    assert is_refusal(marker)
    assert not may_become_refusal(f"{marker[:-1]} 2010")


def test_an_answer_in_another_language_is_not_held_back() -> None:
    for begun in (
        "Nicht im",
        "Pas de",
        "No, la",
        "Non, il",
        "Não, o",
        "Niet na",
        "Die",
    ):
        assert not may_become_refusal(begun)


@pytest.mark.parametrize(
    "part", ["die passagen ", "no en los textos ", "pas ", "nicht "]
)
def test_a_hostile_answer_is_judged_at_once(part: str) -> None:
    started = time.process_time()
    for _ in range(20):
        assert not is_refusal((part * 240)[:239] + "x")
    assert time.process_time() - started < 1


def test_a_few_words_with_the_marker_behind_them_are_taken_back() -> None:
    assert holds_refusal("Korea borders Kublai's territory [1]. Not in your documents.")
    assert holds_refusal("Not in your documents. Korea [1]")
    assert not holds_refusal("Not in your documents, but in the annex, is Korea [1].")
    assert not holds_refusal("It is not in your bag. It is in the car [1].")


def test_an_explanation_loses_the_marker_behind_it() -> None:
    told = "Trips are booked through the desk [1].\nTrains are preferred [1]."
    assert without_marker(f"{told}\nNot in your documents.") == told
    assert without_marker(told) == told
    assert without_marker("Not in your documents.") == "Not in your documents."


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
