"""Names of what a number measures, each brought into one form. Pure.

English, and German, French and Spanish where the name is no English word.
"""

from __future__ import annotations

_TIMES = {
    "second": "sec secs second seconds sekunde sekunden seconde secondes segundo segundos",
    "minute": "min mins minute minutes minuten minuto minutos",
    "hour": "h hr hrs hour hours std stunde stunden heure heures hora horas",
    "day": "day days tag tage tagen jour jours día días",
    "week": "wk wks week weeks woche wochen semaine semaines semana semanas",
    "month": "month months monat monate monaten mois mes meses",
    "year": "yr yrs year years jahr jahre jahren ans année années año años",
}
_OTHERS = {
    "%": "% percent per_cent prozent pour_cent por_ciento",
    "‰": "‰ promille",
    "°c": "°c",
    "°f": "°f",
    "mg": "mg milligram milligrams",
    "g": "g gram grams gramme grammes gramm gramos",
    "kg": "kg kilo kilos kilogram kilograms kilogramme kilogrammes kilogramm kilogramos",
    "t": "t ton tons tonne tonnes tonnen toneladas",
    "µm": "µm",
    "mm": "mm millimetre millimetres millimeter millimeters millimètres milímetros",
    "cm": "cm centimetre centimetres centimeter centimeters zentimeter centimètres centímetros",
    "m": "m metre metres meter meters metern mètre mètres metros",
    "km": "km kilometre kilometres kilometer kilometers kilometern kilomètres kilómetros",
    "mile": "mile miles",
    "inch": "inch inches",
    "foot": "ft foot feet",
    "m²": "m² m2 sqm qm",
    "km²": "km² km2",
    "m³": "m³ m3",
    "ml": "ml millilitre millilitres milliliter milliliters",
    "cl": "cl centilitre centilitres centiliter centiliters",
    "l": "l litre litres liter liters litern litros",
    **{
        unit: unit
        for unit in "kb mb gb tb w kw mw gw kwh mwh hz khz mhz ghz v kv mv".split()  # noqa: SIM905
    },
}
# How often, in one word.
_OFTEN = {
    "hour": "hourly stündlich",
    "day": "daily täglich",
    "week": "weekly wöchentlich",
    "month": "monthly monatlich",
    "year": "yearly annually jährlich",
}


def _by_name(names: dict[str, str]) -> dict[str, str]:
    return {
        name.replace("_", " "): unit
        for unit, listed in names.items()
        for name in listed.split()
    }


_TIMES_BY_NAME, _OFTEN_BY_NAME = _by_name(_TIMES), _by_name(_OFTEN)
#: The form of each name, in small letters.
UNITS = {**_TIMES_BY_NAME, **_by_name(_OTHERS), **_OFTEN_BY_NAME}


def _any_of(names: dict[str, str]) -> str:
    # What begins no name need not be held against all of them.
    return rf"(?=[^\W\d_]|[%‰°])(?:{'|'.join(names)})(?!\w)"


#: A name of a unit, and of a time.
UNIT = _any_of(_by_name({**_TIMES, **_OTHERS}))
# "Breaks of an hour" and "due within a month" are no rates.
_NO_TIME_OF = "".join(
    f"(?<! {word})" for word in ("of", "in", "within", "after", "for")
)
# In "28 days of annual leave per year" words stand between.
PER = (
    rf"(?=[ /])(?:(?: [^\W\d]+){{0,3}}?{_NO_TIME_OF} (?:(?:per|an?|each|every|pro|im|am|par|por|al) "
    rf"(?P<per>{_any_of(_TIMES_BY_NAME)})|(?P<often>{_any_of(_OFTEN_BY_NAME)}))"
    rf"|[^\S\n]?/[^\S\n]?(?P<slash>{_any_of(_TIMES_BY_NAME)}))"
)
