"""Numbers of the same digits that say different things, and others that say the same."""

from __future__ import annotations

import time

import pytest

from generation.grounding.citations import check
from generation.grounding.numerals import number
from generation.grounding.units import UNITS
from generation.grounding.words import claim_of


def verdict(said: str, source: str, question: str = "") -> str:
    (item,) = check(f"{said[:-1]} [1].", {1: source}, question=question).cited
    return item.verdict


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("It costs $1,234.50.", "It costs $1234.50."),
        ("It costs $1,234.50.", "It costs USD 1234.5."),
        ("It costs 1.234,50 €.", "It costs 1234.50 euros."),
        ("It costs 5 million dollars.", "It costs $5 million."),
        ("It costs 3.10 euros.", "It costs 3.1 euros."),
        ("The fee is $5.", "The fee is €5. The fee is $5."),
        # A range names its unit once, and its dash is no minus.
        ("Profit was 1.2 million.", "Profit was 1.2 to 1.5 million."),
        ("It works at 20-40 °C.", "It works at 20 - 40 °C."),
        ("It works at minus 40 °C.", "It works at −40 °C."),
        ("It holds over 40 litres.", "It holds more than 40 litres."),
        ("It uses Python 3.10.", "It uses Python 3.10."),
        ("It closes on 03/04.", "It closes on 3/4."),
        ("Es kostet höchstens 5 Euro.", "Es kostet bis zu 5 Euro, also höchstens."),
        # In words, and with blanks between the thousands.
        ("There are 25 participants.", "There are twenty-five participants."),
        ("It costs 100 euros.", "It costs one hundred euros."),
        ("It costs one hundred and twenty euros.", "It costs 120 euros."),
        ("It costs a hundred thousand euros.", "It costs 100,000 euros."),
        ("Within 30 days.", "Within thirty days."),
        ("It costs 1,250 euros.", "It costs 1 250 euros."),
        ("It costs 1250.50 euros.", "It costs 1 250,50 €."),
        ("It costs CHF 1250.", "It costs CHF 1'250."),
        ("It costs CHF 1250.", "It costs CHF 1 250."),
        ("There are 12000 people.", "There are 12 000 people."),
        ("There are 1250 people.", "There are 1\u00a0250 people."),
        ("Es kostet 1.250 Mio. Euro.", "Es kostet 1 250 Mio. Euro."),
        ("Sales 340 in all.", "Sales 120 340 in all."),
        ("It costs 2,000,000 euros.", "It costs 2 000 000 euros."),
        ("There are 1,250,000 people.", "There are 1 250 000 people."),
        ("It costs 1,000,500 euros.", "It costs 1 000 500 euros."),
        (
            "It costs 60 euros per year.",
            "The yearly cost of 60 euros is due within a month.",
        ),
        ("It has 2 breaks of an hour.", "It has 2 breaks a day, each of an hour."),
        ("Die Frist dauert 3 Monate.", "Die Frist dauert drei Monate."),
        ("La garantie dure 12 mois.", "La garantie dure douze mois."),
        # What is no more than 5 is at most 5.
        ("Up to 5 days may be carried.", "No more than 5 days may be carried."),
        ("At most 5 days may be carried.", "No more than 5 days may be carried."),
        ("No more than 5 days may be carried.", "Up to 5 days may be carried."),
        ("At least 5 guests may come.", "Not less than 5 guests may come."),
        ("It may weigh at most 30 kg.", "It must not weigh more than 30 kg."),
        ("It can't cost more than $30.", "It cannot cost more than $30."),
        ("Es gelten höchstens 5 Tage.", "Es gelten nicht mehr als 5 Tage, höchstens."),
        # A million is part of its number.
        ("Sales were 5 million.", "Sales were 5,000,000."),
        ("Sales were 5,000,000.", "Sales were 5 million."),
        ("Sales were 1.2 billion.", "Sales were 1,200,000,000."),
        ("Sales were 1,200,000,000.", "Sales were 1.2 bn."),
        ("Five thousand.", "5,000."),
        ("Es waren 5 Mio. Stück.", "Es waren 5.000.000 Stück."),
        ("Es waren 5.000.000 Stück.", "Es waren 5 Millionen Stück."),
        ("It cost 1.125 billion.", "It cost 1,125 million."),
        ("Es kostet 1,125 Mrd. Euro.", "Es kostet 1.125 Mio. Euro."),
        ("It was between 5 million and 6 million.", "It was between 5 and 6 million."),
        ("It is a 5 million dollar bridge.", "It is a 5-million-dollar bridge."),
        # A currency has one form.
        ("5 Euro.", "5 €."),
        ("€5.", "5 euros."),
        ("5 EUR.", "€5."),
        ("$5.", "5 dollars."),
        ("5 US dollars.", "USD 5."),
        ("US$5.", "5 U.S. dollars."),
        ("£5.", "5 pounds."),
        ("5 pounds.", "GBP 5."),
        ("Es kostet 5 Mio. Euro.", "Es kostet 5.000.000 €."),
        ("It costs €6.", "It costs €6, not €5."),
        # A decimal behind a capitalised word need not be a version.
        ("About 3.50 metres.", "About 3.5 metres."),
        ("About 3.50 for each.", "About 3.5 for each."),
        ("The Tank 3.50 m.", "The Tank 3.5 m."),
        # A unit has one form, and what only one of two tells is no difference.
        ("The trial lasts 30 days.", "The trial is a 30-day one and lasts."),
        ("The bag weighs 30 kg.", "The bag weighs 30 kilograms."),
        ("The limit is 100 km/h.", "The limit is 100 km per hour."),
        ("It lasts 20 days.", "It lasts 20 to 30 days."),
        ("It lasts 5 days.", "It lasts 5 days, or 5 weeks."),
        ("It lasts 5 working days.", "It lasts 5 days, working ones."),
        ("They get 28 days a year.", "They get 28 days of paid leave per year."),
        ("They get 28 days a year.", "They get 28 days."),
        ("It opens at 9.", "It opens at 9 a.m."),
        ("It opens at 9 am.", "It opens at 9:00 a.m. each day."),
    ],
)
def test_the_same_amount_is_borne(said: str, source: str) -> None:
    assert verdict(said, source) == "supported"


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("The fee is $5.", "The fee is €5."),
        ("It costs 5 euros.", "It costs 5 US dollars."),
        ("Sales were 5 million.", "Sales were 5 billion."),
        ("Umsatz war 5 Mio. Stück.", "Umsatz war 5 Mrd. Stück."),
        ("It works at -40 °C.", "It works at 40 °C."),
        ("It works at 40 °C.", "It works at −40 °C."),
        ("It was built before 1990.", "It was built after 1990."),
        ("At most 5 guests may come.", "At least 5 guests may come."),
        ("It holds more than 40 litres.", "It holds less than 40 litres."),
        ("It needs 5 or more.", "It needs 5 or less."),
        ("There are 20 participants.", "There are twenty-five participants."),
        ("It costs one euro.", "It costs one hundred euros."),
        ("It costs 250 euros.", "It costs 1 250 euros."),
        ("It costs 2,000 euros.", "It costs 2 000 000 euros."),
        ("Refunds are given.", "Refunds are not given for less than 10 euros."),
        ("It costs 250.50 euros.", "It costs 1 250,50 €."),
        ("It costs CHF 250.", "It costs CHF 1'250."),
        ("Die Frist dauert vier Monate.", "Die Frist dauert drei Monate."),
        ("La garantie dure deux mois.", "La garantie dure douze mois."),
        ("At least 5 days may be carried.", "No more than 5 days may be carried."),
        ("More than 5 days may be carried.", "No more than 5 days may be carried."),
        ("Fewer than 5 guests may come.", "Not fewer than 5 guests may come."),
        ("It weighs more than 30 kg.", "It must not weigh more than 30 kg."),
        ("It weighs at least 30 kg.", "It must not weigh more than 30 kg."),
        ("It is more useful.", "It is no more useful."),
        ("Es kostet mindestens 5 Euro.", "Es kostet höchstens 5 Euro."),
        ("It closes on 03/04.", "It closes on 04/03."),
        ("It closes on 2024-03-04.", "It closes on 2024-04-03."),
        ("It uses Python 3.10.", "It uses Python 3.1."),
        ("Python 3.5 is used.", "Python 3.50 is used."),
        ("From Python 3.5.", "From Python 3.50."),
        ("See Section 3.10.", "See Section 3.1."),
        ("Sales were 5 million.", "Sales were 5."),
        ("Sales were 5.", "Sales were 5 million."),
        ("It rose from 900,000.", "It rose from 900 to 1.2 million."),
        ("It was 2019 million.", "It was between 2019 and 5 million."),
        ("5 dozen eggs.", "60 eggs."),
        ("It costs $5 million.", "It costs €5,000,000."),
        ("5 euros.", "$5."),
        ("5 pounds.", "5 dollars."),
        ("5 Euro.", "5 CHF."),
        ("It holds 125 litres.", "It holds 0.125 litres."),
        ("The warranty period is 24 weeks.", "The warranty period is 24 months."),
        ("The trial lasts three weeks.", "The trial lasts 3 months."),
        ("It takes 10 minutes.", "It takes 10 seconds."),
        ("The notice is 4 months' notice.", "The notice is 4 weeks' notice."),
        ("The bag weighs 30 g.", "The bag weighs 30 kg."),
        ("It is 5 m long.", "It is 5 km long."),
        ("It holds 5 l.", "It holds 5 ml."),
        ("It stores 5 GB.", "It stores 5 TB."),
        ("It works at 40 °C.", "It works at 40 °F."),
        ("A discount of 10%.", "A discount of €10."),
        ("Es dauert 3 Wochen.", "Es dauert 3 Monate."),
        ("La garantie dure 24 mois.", "La garantie dure 24 semaines."),
        ("La garantía dura 24 meses.", "La garantía dura 24 semanas."),
        ("It costs 10 euros a week.", "It costs 10 euros per month."),
        ("It costs €10/day.", "It costs €10 monthly."),
        ("They get 28 days a month.", "They get 28 days of paid leave per year."),
        ("It opens at 9 a.m. on Monday.", "It opens at 9 p.m. on Monday."),
        ("It opens at 9:30 am.", "It opens at 9:30 p.m."),
    ],
)
def test_another_amount_of_the_same_digits_is_not(said: str, source: str) -> None:
    assert verdict(said, source) != "supported"


def test_a_bound_of_the_question_is_held_to_the_source_too() -> None:
    asked, said = "Is it open after 5 pm?", "Yes, it is open after 5 pm."
    assert verdict(said, "It is open after 5 pm.", asked) == "supported"
    assert verdict(said, "It is open before 5 pm.", asked) != "supported"


def test_a_scale_of_the_question_is_held_to_the_source_too() -> None:
    asked = "Were the sales of the firm 5 million?"
    said = "Yes, the sales of the firm were 5 million."
    assert verdict(said, "The sales of the firm were 5,000,000.", asked) == "supported"
    assert verdict(said, "The sales of the firm were 5 billion.", asked) != "supported"


def test_a_month_and_a_name_are_no_french_numbers() -> None:
    assert claim_of("From Sept 5 at Fort Dix, Sept. 6").numbers == {"5", "6"}
    assert claim_of("sept ou dix jours").numbers == {"7", "10"}


def test_a_row_of_numbers_is_not_one_number() -> None:
    assert claim_of("In 2019 120 340 euros").numbers == {"2019", "120", "340"}


def test_a_range_shares_its_scale_with_small_numbers_only() -> None:
    assert claim_of("from 900,000 to 1.2 million").numbers == {"900000", "1200000"}
    assert claim_of("5 to 6 million").numbers == {"5000000", "6000000"}
    assert claim_of("in 5 and 6 million").numbers == {"5", "6000000"}


def test_a_sign_counts_beside_numbers_not_in_code() -> None:
    assert "$" in claim_of("It costs 5 Mio. $.").words
    assert "$" not in claim_of("Set $PATH and ${HOME}.").words


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("1,234,567.80", "1234567.8"), ("1.234,5", "1234.5"), ("1,000", "1000"),
        ("3.50", "3.5"), ("0,50", "0.5"), ("0.125", "0.125"), ("007", "7"),
        ("0", "0"), ("0.0", "0"), ("1.2.30", "1.2.30"), ("1 250,50", "1250.5"),
        ("1'250", "1250"), ("Twenty-five", "25"), ("seventy one", "71"), ("zwölf", "12"),
        ("two hundred and six", "206"), ("a hundred", "100"), ("nineteen hundred", "1900"),
    ],
)  # fmt: skip
def test_a_number_has_one_form(raw: str, plain: str) -> None:
    assert number(raw) == plain


@pytest.mark.parametrize(
    "part",
    [
        "1,000",
        "- ",
        "5 million ",
        "at least 5 ",
        "1/",
        "$",
        "5 to ",
        "one and ",
        "1-",
        "5 a ",
    ],
)
def test_a_hostile_text_takes_linear_time(part: str) -> None:
    text = part * (100_000 // len(part))
    started = time.process_time()
    claim_of(text)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "said", ["6 μm", "6 MİLLİON", "6 KİLO", "6 \u212am", "6 ſeconds", "ſix days"]
)
def test_letters_that_pass_for_others_are_read_as_these(said: str) -> None:
    plain = {"μ": "µ", "İ": "I", "ı": "i", "\u212a": "k", "ſ": "s"}
    listed = "".join(plain.get(letter, letter) for letter in said)
    assert verdict(f"It is {said} in all.", f"It is {listed} in all.") == "supported"


def test_each_unit_is_known_however_it_is_spelled() -> None:
    for letter, other in ("iİ", "iı", "sſ", "k\u212a", "µμ"):
        for name in UNITS:
            spelled = name.replace(letter, other)
            said = claim_of(f"It takes 6 {spelled} or 6 litres {spelled}.").quantities
            assert any(one.unit for one in said)
