from __future__ import annotations

import pytest

from generation.standalone import Turn, make_standalone

OSLO = Turn(question="What is the capital of Norway?", answer="Oslo [1].")
ROLLO = Turn(
    question="Who founded Normandy?", answer="It was founded by Rollo, a Viking [1]."
)
NOTICE = Turn(
    question="What is the notice period for tenants?", answer="Three months [2]."
)


RENT = Turn(question="What is the rent in Oslo in 2025?", answer="900 [1]")


@pytest.mark.parametrize(
    ("question", "previous", "expected"),
    [
        ("What about Denmark?", OSLO, "What is the capital of Denmark?"),
        ("And how about Sweden", OSLO, "What is the capital of Sweden?"),
        ("When did he die?", ROLLO, "When did Rollo die?"),
        ("What were his titles?", ROLLO, "What were Rollo's titles?"),
        ("How large is it?", OSLO, "How large is Oslo?"),
        (
            "And for landlords?",
            NOTICE,
            "For landlords? (asked before: What is the notice period for tenants?)",
        ),
        (
            "How long is it?",
            NOTICE,
            "How long is it? (asked before: What is the notice period for tenants?)",
        ),
        ("And in Bergen?", RENT, "What is the rent in Bergen in 2025?"),
        ("and what about in Bergen?", RENT, "What is the rent in Bergen in 2025?"),
        ("In 2026?", RENT, "What is the rent in Oslo in 2026?"),
        (
            "And for Bergen?",
            RENT,
            "For Bergen? (asked before: What is the rent in Oslo in 2025?)",
        ),
        ("And when did she die?", ROLLO, "when did Rollo die?"),
        ("When in Norway did he die?", ROLLO, "When in Norway did Rollo die?"),
        ("In Norway, when did he die?", ROLLO, "In Norway, when did Rollo die?"),
        ("After the war, what happened to it?", OSLO, "After the war, what happened to Oslo?"),
        ("What is the name of her husband?", ROLLO, "What is the name of Rollo's husband?"),
        ("What happens when they arrive?", ROLLO, "What happens when Rollo arrive?"),
        ("Does the manual say how to clean it?", OSLO, "Does the manual say how to clean Oslo?"),
        ("Why?", ROLLO, "Why? (asked before: Who founded Normandy?)"),
    ],
)  # fmt: skip
def test_a_follow_up_is_completed(question: str, previous: Turn, expected: str) -> None:
    assert make_standalone(question, previous) == expected


LEAVE = Turn(question="How many days of leave are there?", answer="27 [1]")


def test_what_is_asked_now_comes_first() -> None:
    """Of two questions a small model answers the first one."""
    asked = make_standalone("and when is leave requested", LEAVE)
    before = "(asked before: How many days of leave are there?)"
    assert asked == f"When is leave requested? {before}"
    assert (
        make_standalone("What about interns?", LEAVE) == f"What about interns? {before}"
    )


def test_a_chain_of_follow_ups_keeps_its_order_and_its_end() -> None:
    asked = make_standalone("for landlords?", NOTICE)
    chain = make_standalone("Why?", Turn(question=asked))
    assert chain == (
        "Why? (asked before: What is the notice period for tenants? For landlords?)"
    )
    # No word becomes a name by standing first.
    assert make_standalone("How long is it?", Turn(question=chain)).startswith(
        "How long is it?"
    )
    # A whole question without pronouns needs nothing of what was asked before it.
    whole = make_standalone(
        "And when does the lease of a flat end?", Turn(question=chain)
    )
    assert make_standalone("Why?", Turn(question=whole)) == (
        "Why? (asked before: When does the lease of a flat end?)"
    )
    long = Turn(question=f"Explain {'the notice ' * 60}period. For tenants?")
    asked = make_standalone("Why?", long)
    assert asked.endswith("notice period. For tenants?)")
    assert len(asked) < 350


KING = Turn(
    question="Who was king of France in 1610?",
    answer="Louis XIII was king of France then [1].",
)
HEAD = Turn(question="Who is the head of sales?", answer="Maria Lopez [1].")
PUMP = Turn(question="Which pump is used in hall 3?", answer="Norval Alpha [1].")
CONTRACT = Turn(
    question="What does the contract with Siemens of 2019 cost?", answer="5 € [1]."
)
VALVE = Turn(question="How much oil does the valve hold?", answer="2 litres [1].")


@pytest.mark.parametrize(
    ("question", "previous", "expected"),
    [
        ("And when did the king die?", KING, "when did Louis XIII die?"),
        ("When did the king die?", KING, "When did Louis XIII die?"),
        ("Where was the king buried?", KING, "Where was Louis XIII buried?"),
        ("Who killed the king?", KING, "Who killed Louis XIII?"),
        ("Who was the king's wife?", KING, "Who was Louis XIII's wife?"),
        ("How old is the head?", HEAD, "How old is Maria Lopez?"),
        ("Is the pump safe?", PUMP, "Is Norval Alpha safe?"),
        ("How often has the pump failed?", PUMP, "How often has Norval Alpha failed?"),
        (
            "When does the contract end?",
            CONTRACT,
            "When does the contract with Siemens of 2019 end?",
        ),
    ],
)
def test_the_thing_of_the_turn_before_is_named(
    question: str, previous: Turn, expected: str
) -> None:
    assert make_standalone(question, previous) == expected


@pytest.mark.parametrize(
    ("question", "previous"),
    [
        # Another king, another contract, another noun.
        ("When did the king of Spain die?", KING),
        ("When did the king of sweden die?", KING),
        ("Who was the king in 1700?", KING),
        ("When did the queen of hearts die?", KING),
        ("When was the castle built?", KING),
        ("When does the contract with Bosch end?", CONTRACT),
        ("When does the new contract end?", CONTRACT),
        # "The head" and "the pump" of a longer word.
        ("Where is the head office?", HEAD),
        ("When does the head office open?", HEAD),
        ("Is the head office open?", HEAD),
        ("How does the head office in town work?", HEAD),
        ("When was the pump room painted?", PUMP),
        ("How large is the pump room?", PUMP),
        # As plain as it was in the question before.
        ("Is the valve safe?", VALVE),
        ("How heavy is the valve?", VALVE),
    ],
)
def test_another_thing_stays_as_it_is(question: str, previous: Turn) -> None:
    assert make_standalone(question, previous) == question


def test_a_thing_that_was_not_told_is_named_as_it_was_asked_for() -> None:
    refused = Turn(question=KING.question, answer="No.", is_refused=True)
    expected = "When did the king of France in 1610 die?"
    assert make_standalone("When did the king die?", refused) == expected


@pytest.mark.parametrize(
    "question",
    [
        "Who wrote the report about the fire in Bergen?",
        "Is there a canteen in the building?",
        "How many litres of oil does the pump hold?",
        "What did Curie discover and when did she do it?",
        "If a file is too large, what happens to it?",
        "What happens to a file if it is too large?",
        "And if a file is too large, what happens to it?",
        "When a pump fails, who repairs it?",
        "Is the pump safe and is it loud?",
        "How many employees do we have and where do they work?",
        "Can tenants cancel their contract early?",
        "When did the company change its name?",
        "Which valves must be replaced every year?",
        "How many suppliers are there?",
        "How many open tickets do we have?",
    ],
)
def test_a_question_of_its_own_stays_as_it_is(question: str) -> None:
    assert make_standalone(question, ROLLO) == question


@pytest.mark.parametrize("question", ["How many are there?", "How many do we have?"])
def test_a_number_of_what_was_spoken_of_leans_on_it(question: str) -> None:
    asked = make_standalone(question, Turn(question="Which pumps are red?"))
    assert asked == f"{question} (asked before: Which pumps are red?)"


PRICE = Turn(question="What is the price of AX-200/3?", answer="1,249 € [1].")
INCIDENTS = Turn(question="How many incidents were opened in 2022?", answer="12 [1].")
MEETING = Turn(question="What was decided on 3 March 2024?", answer="The budget [1].")
MARCH = Turn(question="How many orders came in March 2024?", answer="7 [1].")
ELODIE = Turn(question="How many days does Élodie Petit have?", answer="25 [1].")
CLAUSE = Turn(
    question="What does clause 7.3 of the Siemens contract say?", answer="It limits."
)
SUPPLIERS = Turn(
    question="Which suppliers are in Łódź?", answer="- Hansen [1]\n- Volta [1]"
)
PERIOD = Turn(
    question="What is the notice period for staff in Germany?", answer="Four weeks."
)


@pytest.mark.parametrize(
    ("question", "previous", "expected"),
    [
        # A part is all of its number, and no month of a date is a name.
        ("What about AX-200/4?", PRICE, "What is the price of AX-200/4?"),
        ("How much does it weigh?", PRICE, "How much does AX-200/3 weigh?"),
        ("What about Ada Berg?", ELODIE, "How many days does Ada Berg have?"),
        ("When did she start?", ELODIE, "When did Élodie Petit start?"),
        ("And in Kraków?", SUPPLIERS, "Which suppliers are in Kraków?"),
        ("And 2023?", INCIDENTS, "How many incidents were opened in 2023?"),
        ("what about 2023", INCIDENTS, "How many incidents were opened in 2023?"),
        ("What about April 2024?", MARCH, "How many orders came in April 2024?"),
        ("and on 10 April 2024?", MEETING, "What was decided on 10 April 2024?"),
        ("Who is the contact there?", SUPPLIERS, "Who is the contact in Łódź?"),
        ("Which risks that threaten him are new?", ROLLO, "Which risks that threaten Rollo are new?"),
    ],
)  # fmt: skip
def test_what_takes_a_place_is_of_its_kind(
    question: str, previous: Turn, expected: str
) -> None:
    assert make_standalone(question, previous) == expected


@pytest.mark.parametrize(
    ("question", "previous"),
    [
        ("What about interns?", PERIOD),
        ("What about clause 8?", CLAUSE),
        ("What about the meeting of 10 April 2024?", MEETING),
        ("And since 2023?", INCIDENTS),
        ("And 5 May 2023?", INCIDENTS),
        # What is asked about is no place, time or owner beside it.
        ("How long is it in Austria?", PERIOD),
        ("Is there an exception to it?", CLAUSE),
        ("Does this apply to interns?", CLAUSE),
        ("Who has to do it?", MEETING),
        ("Is that true?", ROLLO),
        ("How many of them deliver pumps?", SUPPLIERS),
        ("Do they deliver pumps?", SUPPLIERS),
        ("Which one is the largest?", SUPPLIERS),
        ("What is the address of the first one?", SUPPLIERS),
        ("Und Ben?", ELODIE),
    ],
)
def test_where_no_name_is_meant_the_question_before_stays(
    question: str, previous: Turn
) -> None:
    asked = make_standalone(question, previous)
    said = question.removeprefix("And ").removeprefix("Und ")
    said = said[:1].upper() + said[1:]
    assert asked == f"{said} (asked before: {previous.question})"


@pytest.mark.parametrize(
    "question",
    [
        "Wer repariert sie?",
        "Wie viele Liter fasst sie?",
        "Wie hoch ist ihr Gewicht?",
        "Wie lange dauert es?",
        "Wer ist dafür zuständig?",
        "Qui la répare ?",
        "Qui les a réparés ?",
        "Quand a-t-elle été construite ?",
        "Est-ce qu'elle est rouge ?",
        "Quel est son poids ?",
    ],
)
def test_german_and_french_pronouns_point_back(question: str) -> None:
    asked = make_standalone(question, Turn(question="Wo steht die Pumpe?"))
    assert asked == f"{question} (asked before: Wo steht die Pumpe?)"


@pytest.mark.parametrize(
    "question",
    [
        "Was kostet die Pumpe und wer repariert sie?",
        "Was müssen Mieter tun, bevor sie ausziehen?",
        "Wie oft wechseln Mitarbeiter ihre Passwörter?",
        "Kann ein Mieter seine Wohnung kündigen?",
        "Welche Angebote gibt es?",
        "Wie erreiche ich Sie?",
        "Hvem er direktør?",
        "Où la pompe est-elle installée ?",
        "Siemens livre-t-il des pompes ?",
        "L'entreprise a-t-elle changé de nom ?",
        "Y a-t-il une garantie sur les vannes ?",
        "Est-il possible de louer le hall ?",
        "Qui est le directeur ?",
    ],
)
def test_what_they_stand_for_may_be_in_the_question(question: str) -> None:
    assert make_standalone(question, ROLLO) == question


@pytest.mark.parametrize(
    "question",
    [
        "What are the risks that threaten the project?",
        "What does the lease that we signed in spring say?",
        "Which one of the plans is cheaper?",
    ],
)
def test_what_goes_on_about_its_own_noun_leans_on_nothing(question: str) -> None:
    assert make_standalone(question, ROLLO) == question


def test_the_first_question_stays_as_it_is() -> None:
    assert make_standalone("When did he die?", None) == "When did he die?"


def test_a_refused_turn_names_nobody() -> None:
    refused = Turn(
        question="Who founded Gotham?", answer="Not in your documents.", is_refused=True
    )
    assert make_standalone("When did he die?", refused) == "When did Gotham die?"
