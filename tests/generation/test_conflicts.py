"""Sources that disagree: what is found, what is not mistaken for one, where it shows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from statistics import fmean
from uuid import uuid4

import pytest

from generation.contesting import contest
from generation.evaluating import invariants
from generation.evaluating import modes as mode_evaluation
from generation.grounding.conflicts import disagreement, line_of, lines_of
from generation.showing import as_sources, conflict_words
from generation.types import Borne, CitationFound
from retrieval.types import Hit
from tests.fakes_llm import ScriptedLLM
from tests.judged_sets import judged_set
from tests.retrieval.test_fusion import make_hit

ASKED = "How many days of holiday do employees get each year?"
OWN = "Employees get 25 days of holiday each year."
MAKER = "The valve of the main pump was made by Ada Berg in Linz."


def found(question: str, answer: str, own: str, other: str) -> str:
    """Return the words of ``other`` that disagree with ``own``, "" if none do."""
    lines = lines_of(other, "Manual")
    line = disagreement(question, answer, line_of(own, "Manual"), lines)
    if line is None:
        return ""
    assert other[line.start : line.end] == line.text
    return line.text


@pytest.mark.parametrize(
    ("question", "answer", "own", "other"),
    [
        (ASKED, "25 days", OWN, OWN.replace("25", "28")),
        (ASKED, "28 days", OWN.replace("25", "28"), OWN),
        # Other words around another number of the same unit.
        (ASKED, "25", OWN, "In each year all employees may take 28 days holiday."),
        (ASKED, "25", OWN, OWN.replace("25", "twenty")),
        # The newer of two editions may say from when it holds.
        (
            ASKED,
            "25",
            OWN,
            OWN.replace("Employees get 25", "From 2026 employees get 28"),
        ),
        (
            "What is the price of the basic plan?",
            "49 euros",
            "The basic plan costs 49 euros a month.",
            "The basic plan costs 59 euros a month.",
        ),
        (
            "Which department approves leave?",
            "the HR department",
            "Leave of employees is approved by the HR department.",
            "Leave of employees is approved by the Works Council.",
        ),
        ("Who made the valve?", "Ada Berg", MAKER, MAKER.replace("Ada Berg", "Bo Ek")),
        ("Where was it made?", "in Linz", MAKER, MAKER.replace("Linz", "Graz")),
        (
            "What colour is the warning lamp of the main pump?",
            "It is red.",
            "The warning lamp of the main pump is red.",
            "The warning lamp of the main pump is yellow and blinks.",
        ),
        (
            "May visitors enter the laboratory alone?",
            "Visitors may enter the laboratory alone.",
            "Visitors may enter the laboratory alone.",
            "Visitors may not enter the laboratory alone.",
        ),
        (
            "When was the bridge opened?",
            "12 May 1705",
            "The bridge over the river was opened on 12 May 1705.",
            "The bridge over the river was opened on 3 June 1708.",
        ),
    ],
)
def test_another_value_in_the_place_of_the_answer_is_a_conflict(
    question: str, answer: str, own: str, other: str
) -> None:
    assert found(question, answer, own, f"Words before it. {other} And after.") == other


@pytest.mark.parametrize(
    ("question", "answer", "own", "other"),
    [
        (ASKED, "25 days", OWN, OWN),
        (ASKED, "25 days", OWN, "Each year employees get 25 holiday days."),
        # Another year, another group, another thing that is counted.
        (ASKED, "25", f"In 2024, {OWN}", f"In 2025, {OWN.replace('25 ', '28 ')}"),
        (ASKED, "25", OWN.replace("get", "of Fabrikam get"),
         OWN.replace("get 25", "of Contoso get 28")),
        (ASKED, "25", OWN, "Employees get 3 hours of training each year."),
        ("What was the rate in 2023?", "4 %", "In 2023 the rate was 4 %.",
         "In 2024 the rate was 5 %."),
        ("Who made the valve?", "Ada Berg", MAKER,
         "The valve of the main pump needs oil twice a year."),
        ("Who made the valve of the Alba pump?", "Ada Berg",
         "The valve of the Alba pump was made by Ada Berg.",
         "The valve of the Brio pump was made by Bo Ek."),
        ("Who made it?", "Ada Berg", "Ada Berg made it.", "Who made it is unknown."),
        (ASKED, "25", OWN, ""),
        # Another thing than the one that is asked for.
        ("What is the price of the basic plan?", "49 euros",
         "The basic plan costs 49 euros a month.",
         "The premium plan costs 99 euros a month."),
        (ASKED, "28 days", OWN.replace("25", "28"),
         "Trainees get 30 days of holiday each year."),
        ("When does the shop open on weekdays?", "at 9",
         "On weekdays the shop opens at 9.", "On Saturdays the shop opens at 10."),
        ("When does the shop open on weekdays?", "at 9",
         "The shop opens at 9 on weekdays.", "The shop opens at 10 on Saturdays."),
        # The same number.
        (ASKED, "28", OWN.replace("25", "28"), OWN.replace("25", "twenty-eight")),
        # Two rows of a table.
        ("Which companies in Palo Alto closed?", "HP",
         "2016 | HP | Palo Alto | Closure | Permanent | Notice",
         "2015 | Alba | Palo Alto | Closure | Permanent | Notice"),
        ("Which companies in Palo Alto closed?", "HP Inc.",
         "Company: HP Inc. | City: Palo Alto | Received: 02/16/2016 | Kind: Closure",
         "Company: Alba Inc. | City: Palo Alto | Received: 03/01/2016 | Kind: Closure"),
        ("How many were affected at Alba?", "137",
         "Company: Alba | City: Monterey | No. Of: 137 | Kind: Layoff",
         "Company: Brio | City: Torrance | No. Of: 2 | Kind: Layoff"),
    ],
)  # fmt: skip
def test_what_speaks_of_something_else_is_none(
    question: str, answer: str, own: str, other: str
) -> None:
    assert found(question, answer, own, other) == ""


def test_the_same_row_of_two_lists_is_held_against_itself() -> None:
    own = "Company: Alba | City: Monterey | No. Of: 137 | Kind: Layoff"
    other = own.replace("137", "112")
    list_ = f"Company: Brio | City: Torrance | No. Of: 9 | Kind: Layoff\n{other}\nEnd."
    assert found("How many left Alba in Monterey?", "137", own, list_) == other


def cited(hit: Hit, answer: str) -> CitationFound:
    words = Borne(n=1, start=hit.start, end=hit.end, quote=hit.text)
    return CitationFound(
        start=0,
        end=len(answer),
        sentence=answer,
        sources=(1,),
        verdict="supported",
        evidence=(words,),
    )


def hit_of(number: int, text: str, **fields: object) -> Hit:
    pk = uuid4()
    made = replace(
        make_hit(number),
        text=text,
        start=0,
        end=len(text),
        document_id=pk,
        version_id=pk,
        heading="",
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def test_a_passage_that_was_not_read_gets_the_next_number() -> None:
    own, other = hit_of(1, OWN), hit_of(2, f"First. {OWN.replace('25', '28')}")
    unlike = hit_of(3, "The pump holds 40 litres.")
    sources = as_sources([own, unlike])
    contested = contest(ASKED, [cited(own, "25 days")], sources, [own, unlike, other])
    assert contested is not None
    first, second = contested.conflict.statements
    assert (first.n, first.quote) == (1, OWN)
    assert (second.n, second.quote) == (3, OWN.replace("25", "28"))
    assert other.text[second.start : second.end] == second.quote
    assert [(s.n, s.in_prompt) for s in contested.added] == [(3, False)]
    assert conflict_words(contested.conflict) == (
        f"The sources disagree: [1] says “{OWN}”; [3] says “{OWN.replace('25', '28')}”."
    )


def test_a_passage_that_was_read_keeps_its_number() -> None:
    own, other = hit_of(1, OWN), hit_of(2, OWN.replace("25", "28"))
    answer = [cited(own, "25 days")]
    contested = contest(ASKED, answer, as_sources([own, other]), [own, other])
    assert contested is not None
    assert contested.conflict.sources == (1, 2)
    assert contested.added == ()


def test_another_part_of_the_same_document_tells_of_something_else() -> None:
    own = hit_of(1, OWN, heading="Office")
    text = OWN.replace("25", "28")
    beside = replace(own, text=text, start=900, end=900 + len(text), heading="Plant")
    answer = [cited(own, "25 days")]
    assert contest(ASKED, answer, as_sources([own]), [own, beside]) is None
    under_the_same = replace(beside, heading="Office")
    assert contest(ASKED, answer, as_sources([own]), [own, under_the_same]) is not None


def test_each_document_is_named_once_and_at_most_three() -> None:
    own = hit_of(1, OWN)
    others = [hit_of(n, OWN.replace("25", str(20 + n))) for n in range(10, 15)]
    again = replace(others[0], start=500, end=500 + len(others[0].text))
    hits = [own, others[0], again, *others[1:]]
    contested = contest(ASKED, [cited(own, "25 days")], as_sources([own]), hits)
    assert contested is not None
    assert contested.conflict.sources == (1, 2, 3, 4)
    documents = [source.document_id for source in contested.added]
    assert documents == [hit.document_id for hit in others[:3]]


async def test_nearly_all_planted_conflicts_are_found_and_few_others() -> None:
    """The judged answers stand in for a model's; on the half that was not tuned on."""
    reported: dict[str, list[bool]] = defaultdict(list)
    for case in mode_evaluation.read_cases(judged_set("squad_modes"))[250:]:
        said = {"true": case.answers[0], "planted": case.planted}
        if case.mode in ("clean", "noise80", "reject"):
            said.pop("planted")
        if case.mode == "counterfactual":
            said.pop("true")
        for which, answer in said.items():
            model = ScriptedLLM()
            model.enqueue([answer])
            reply = await mode_evaluation.reply_to(case, model)
            # No model says what it was not shown.
            if answer not in model.prompts[0][1].content and case.mode != "reject":
                continue
            reported[f"{case.mode} {which}"].append(bool(reply.contested))
            assert invariants.summed([reply.held])["violations"] == 0
    shares = {name: fmean(found) for name, found in reported.items()}
    counts = {name: len(found) for name, found in reported.items()}
    assert counts["conflict true"] + counts["conflict planted"] >= 85, counts
    assert min(shares.pop("conflict true"), shares.pop("conflict planted")) >= 0.9
    assert max(shares.values()) <= 0.02
