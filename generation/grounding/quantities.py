"""What a number counts: sign, unit, scale, bound and order, so far as it is said. Pure.

Numbers are compared as terms first (`words`). Two of the same digits still say different
things where both tell and tell otherwise: $5 and €5, 5 days and 5 weeks, at least 5 and
at most 5, 03/04 and 04/03. What only one of them tells is no difference: a range names its unit once. A missing
minus is one, for nobody leaves it out. A million is part of its number: 5 million are
5,000,000, not 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from generation.grounding.numerals import (
    BLANK,
    IN_WORDS,
    SPACED,
    as_listed,
    number,
    shortest,
    together,
)
from generation.grounding.units import PER, UNIT, UNITS

CURRENCIES = {
    **dict.fromkeys(("$", "us$", "usd", "dollar", "dollars"), "$"),
    **dict.fromkeys(("us dollar", "us dollars", "u.s. dollar", "u.s. dollars"), "$"),
    **dict.fromkeys(("€", "eur", "euro", "euros"), "€"),
    **dict.fromkeys(("£", "gbp", "pound", "pounds"), "£"),
    **dict.fromkeys(("¥", "jpy", "yen"), "¥"),
    "chf": "chf",
}
# Powers of ten, and the mark of decimals where the word is at home: "1.125 million" and
# "1,125 Mio." are a little more than one. A German Billion is 12, but spelled so in the
# plural only.
_SCALES = {
    "thousand": (3, "."),
    **dict.fromkeys(("tausend", "tsd"), (3, ",")),
    **dict.fromkeys(("million", "millions"), (6, ".")),
    **dict.fromkeys(("millionen", "mio"), (6, ",")),
    **dict.fromkeys(("billion", "billions", "bn"), (9, ".")),
    **dict.fromkeys(("milliarde", "milliarden", "mrd"), (9, ",")),
    **dict.fromkeys(("trillion", "trillions"), (12, ".")),
    "billionen": (12, ","),
}
_SCALE = rf"(?:[^\S\n]|-)?(?P<%s>{'|'.join(_SCALES)})\b(?:(?<=tsd|mio|mrd)\.)?"
_BEFORE = r"(?:US)?\$|[€£¥]|\b(?:USD|EUR|GBP|JPY|CHF)\b"
_AFTER = r"[$€£¥]|(?:US |U\.S\. )?(?:dollars?|euros?|pounds?|yen|USD|EUR|GBP|JPY|CHF)\b"
# With a blank between its digits it is one number only beside what it measures.
_NUMBER = (
    rf"(?:(?=\d)(?:{SPACED}|{BLANK}(?=[^\S\n]?(?:{_AFTER}|{UNIT}|(?:{'|'.join(_SCALES)})\b))"
    rf"|(?:(?<=[$€£¥])|(?<=[$€£¥] )|(?<=\b(?:USD|EUR|GBP|JPY|CHF) )){BLANK}"
    rf"|\d++(?:[.,]\d++)*+)|{IN_WORDS})"
)
# A number with its scale, which in "5 to 6 million" stands behind the second one.
AMOUNT = (
    rf"(?i:(?P<number>{_NUMBER})(?:{_SCALE % 'scale'}"
    r"|(?=(?:[^\S\n]?[-–—][^\S\n]?| (?:to|or|bis|oder|(?P<and>and|und)) )[$€£¥]?"
    rf"{_NUMBER}{_SCALE % 'shared'}))?)"
)
_BETWEEN = re.compile(r"\b(?:between|zwischen) [$€£¥]?$", re.IGNORECASE)
# What stands for a currency and is not one plain word; no variable or formula.
CURRENCY_SIGN = (
    r"(?=[$€£¥U])(?:\bUS\$|(?<![^\W\d_])\$(?![^\W\d_]|[({])|[€£¥]"
    r"|\b(?:US|U\.S\.) [dD]ollars?\b)"
)
# What may stand between a number and its unit, and leaves it what it is.
_WHOLE = "(?:more|further|additional|full|whole|calendar|working|business|paid)"
_QUANTITY = re.compile(
    # Not the dash of a range or of a compound.
    r"(?P<sign>\bminus |(?<![\w.,)\]])(?<!\d )[-−–])?"
    rf"(?:(?P<before>{_BEFORE})[^\S\n]?)?{AMOUNT}"
    rf"(?:(?:[^\S\n]|-)?(?P<after>{_AFTER})"
    rf"|(?:[^\S\n]|-)?(?:{_WHOLE} )?(?P<unit>{UNIT})"
    r"|(?::\d\d)?[^\S\n]?(?P<half>[ap])\.?m\b)?"
    rf"(?={PER})?",
    re.IGNORECASE,
)
_MORE = "(?:more|greater|longer|later|higher|mehr|länger|später|höher) (?:than|als)"
_LESS = "(?:less|fewer|shorter|earlier|sooner|lower|weniger|kürzer|früher|niedriger) (?:than|als)"
_AT_LEAST = (
    f"at least|minimum of|over|above|after|since|mindestens|über|nach|seit|{_MORE}"
)
_AT_MOST = (
    "at most|maximum of|up to|under|below|before|until|within|höchstens|maximal|bis zu|"
    f"unter|vor|bis|{_LESS}"
)
_DENIED = r"(?:no|not|cannot|(?:ca|must|sha|should|do|does|did|wo)n['’]t|nicht)"
_NOT_MORE = rf"{_DENIED} (?:[^\W\d]+ ){{0,2}}(?=(?:{_MORE}|{_LESS})\b)"
# Before the number, two words between at most: "before the end of 2010" is not said of it.
_BOUND = re.compile(
    rf"\b(?=[^\W\d_])(?P<no>{_NOT_MORE}|(?:no|not|nicht) )?(?:(?P<up>{_AT_LEAST})|(?:{_AT_MOST}))"
    r"(?: [^\W\d]+){0,2} ?$",
    re.IGNORECASE,
)
_OF_ANOTHER = r"(?:for|after|on|in|of|to|at|with|from|by|für|nach|bei|mit|von)\b"
#: "No more than 5", "must not weigh more than 5 kg": this says a bound and denies nothing;
#: "not given for less than 5 euros" does.
NOT_MORE_THAN = rf"(?i:\b{_DENIED} (?:(?!{_OF_ANOTHER})[^\W\d]+ ){{0,2}}(?:{_MORE}|{_LESS})(?: [^\W\d]+){{0,2}} [$€£¥]?{_NUMBER})"
_BOUND_BEHIND = re.compile(r" (?:or|oder) (?:(?P<up>more|mehr)|less|fewer|weniger)\b")
# Characters before a number in which its bound is looked for.
_NEAR = 48
# A name or such a word before 3.10: there it is not 3.1, but with a unit behind it is.
_VERSION = re.compile(
    r"(?:\b[A-Z]\w+|§|\b(?:version|release|section|chapter|table|figure|part)) ?v?$"
)
# Capitalised where a sentence begins, and no names.
_NO_NAME = re.compile(
    r"\b(?:about|above|after|almost|around|approximately|at|below|between|by|circa|"
    r"exactly|for|from|in|just|nearly|of|only|over|roughly|some|the|to|under|up|with|"
    r"ab|bei|bis|circa|etwa|genau|knapp|mit|nur|rund|über|um|unter|ungefähr|von) $",
    re.IGNORECASE,
)
_MONTHS = (
    "Jan(?:uary?)?|Feb(?:ruary?)?|Mar(?:ch)?|März|Apr(?:il)?|Ma[iy]|Jun[ei]?|Jul[iy]?|"
    "Aug(?:ust)?|Sept?(?:ember)?|O[ck]t(?:ober)?|Nov(?:ember)?|De[cz](?:ember)?"
)
#: A day with its month, in figures with its year.
DATE = re.compile(
    r"\b\d{4}-\d{1,2}(?:-\d{1,2})?\b|\b\d{1,2}([./-])\d{1,2}\1\d{4}\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th|\.)? (?:{_MONTHS})\b|\b(?:{_MONTHS})\.? \d{{1,2}}\b"
)
_ORDERED = re.compile(r"(?<![\w/-])\d{1,4}(?:[/-]\d{1,4}){1,2}(?![\w/-])")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with what is said of it; "" is not said.

    Attributes:
        digits: as they stand before "million" or the like, which ``value`` is times.
        unit: what it measures: a currency, days, "am" of an hour.
        per: for how long it is: of a day, of a month.
        bound: "up" from the number on, "down" to it.
        version: as written, of a decimal that names a version or a part.
        order: the parts of a date, whose ``value`` has them sorted.
    """

    value: str
    is_negative: bool = False
    unit: str = ""
    per: str = ""
    digits: str = ""
    bound: str = ""
    version: str = ""
    order: str = ""

    def fits(self, other: Quantity) -> bool:
        """Whether two numbers of the same digits may be the same."""
        mine = (self.unit, self.per, self.bound, self.version, self.order)
        others = (other.unit, other.per, other.bound, other.version, other.order)
        return (self.value, self.is_negative) == (
            other.value,
            other.is_negative,
        ) and all(not (a and b) or a == b for a, b in zip(mine, others, strict=True))


def agree(said: frozenset[Quantity], held: frozenset[Quantity]) -> bool:
    """Whether each number of ``said`` that ``held`` has too may be the same one there.

    So has it 5 billion where 5 million are said.
    """
    for one in said:
        same = [
            other
            for other in held
            if other.value == one.value or (one.digits and other.digits == one.digits)
        ]
        if same and not any(one.fits(other) for other in same):
            return False
    return True


def value_of(match: re.Match[str]) -> str:
    """Return the number of a match of ``AMOUNT`` in one form, times its scale."""
    plain, scale = number(match["number"]), _scale(match)
    if not scale:
        return plain
    raw, (power, mark) = together(match["number"]), _SCALES[scale]
    if raw.count(mark) == 1 and len(re.findall(r"[.,]", raw)) == 1:
        plain = raw.replace(",", ".")
    whole, _, part = plain.partition(".")
    if "." in part:
        return plain
    part = part.ljust(power, "0")
    return shortest(f"{whole}{part[:power]}.{part[power:]}")


def _scale(match: re.Match[str]) -> str:
    """Return the key of ``_SCALES`` that a number is to be read with, "" if none is."""
    if match["scale"]:
        return as_listed(match["scale"])
    if not match["shared"]:
        return ""
    is_small = len(number(match["number"]).partition(".")[0]) <= len("999")
    head = match.string[max(0, match.start() - _NEAR) : match.start()]
    is_range = is_small and (not match["and"] or _BETWEEN.search(head))
    return as_listed(match["shared"]) if is_range else ""


def quantities_of(text: str) -> frozenset[Quantity]:
    return frozenset([*_quantities(text), *_ordered(text)])


def _quantities(text: str) -> Iterator[Quantity]:
    for match in _QUANTITY.finditer(text):
        raw = match["number"]
        unit, per = _unit(match), match["per"] or match["often"] or match["slash"]
        head = text[max(0, match.start() - _NEAR) : match.start()]
        is_decimal = raw.count(".") == 1 and "," not in raw
        is_version = (
            is_decimal
            and not unit
            and _VERSION.search(head)
            and not _NO_NAME.search(head)
        )
        yield Quantity(
            value=value_of(match),
            is_negative=bool(match["sign"]),
            unit=unit,
            per=UNITS[as_listed(per)] if per else "",
            digits=number(match["number"]) if _scale(match) else "",
            bound=_bound(head, text[match.end() : match.end() + _NEAR]),
            version=raw if is_version else "",
        )


def _unit(match: re.Match[str]) -> str:
    """Return what a match of ``_QUANTITY`` measures in one form, "" if it is not said."""
    currency = match["before"] or match["after"]
    if currency:
        return CURRENCIES.get(currency.lower(), "")
    if match["half"]:
        return f"{match['half'].lower()}m"
    return UNITS[as_listed(match["unit"])] if match["unit"] else ""


def _bound(head: str, tail: str) -> str:
    behind, before = _BOUND_BEHIND.match(tail), _BOUND.search(head)
    if behind:
        return "up" if behind["up"] else "down"
    if before:
        # "Not before" is after.
        return "up" if bool(before["up"]) != bool(before["no"]) else "down"
    return ""


def _ordered(text: str) -> Iterator[Quantity]:
    for match in _ORDERED.finditer(text):
        parts = [part.lstrip("0") for part in re.split(r"[/-]", match[0])]
        yield Quantity(value="/".join(sorted(parts)), order="/".join(parts))
