"""What a number counts: sign, currency, scale, bound and order, so far as it is said. Pure.

Numbers are compared as terms first (`words`). Two of the same digits still say different
things where both tell and tell otherwise: $5 and €5, 5 million and 5 billion, at least 5
and at most 5, 03/04 and 04/03. What only one of them tells is no difference: a range
names its unit once. A missing minus is one, for nobody leaves it out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen
        fourteen fifteen sixteen seventeen eighteen nineteen twenty""".split()  # noqa: SIM905
    )
}
# Thousands, and what follows another separator.
_GROUPED = re.compile(r"([1-9]\d{0,2}(?:([.,])\d{3})(?:\2\d{3})*)(?:(?!\2)[.,](\d+))?")
_CURRENCIES = {
    **dict.fromkeys(("$", "us$", "usd", "dollar", "dollars"), "$"),
    **dict.fromkeys(("€", "eur", "euro", "euros"), "€"),
    **dict.fromkeys(("£", "gbp"), "£"),
    **dict.fromkeys(("¥", "jpy", "yen"), "¥"),
    "chf": "chf",
}
# Powers of ten. A German Billion is 12, but spelled so in the plural only.
_SCALES = {
    **dict.fromkeys(("thousand", "tausend", "tsd"), 3),
    **dict.fromkeys(("million", "millions", "millionen", "mio"), 6),
    **dict.fromkeys(("billion", "billions", "bn", "milliarde", "milliarden", "mrd"), 9),
    **dict.fromkeys(("trillion", "trillions", "billionen"), 12),
}
_BEFORE = r"(?:US)?\$|[€£¥]|\b(?:USD|EUR|GBP|JPY|CHF)\b"
_AFTER = r"[$€£¥]|(?:US )?(?:dollars?|euros?|yen|USD|EUR|GBP|JPY|CHF)\b"
_QUANTITY = re.compile(
    # Not the dash of a range or of a compound.
    r"(?P<sign>\bminus |(?<![\w.,)\]])(?<!\d )[-−–])?"
    rf"(?:(?P<before>{_BEFORE})[^\S\n]?)?"
    rf"(?P<number>\d+(?:[.,]\d+)*|\b(?:{'|'.join(NUMBER_WORDS)})\b)"
    rf"(?:[^\S\n]?(?P<scale>{'|'.join(_SCALES)})\b\.?)?(?:[^\S\n]?(?P<after>{_AFTER}))?",
    re.IGNORECASE,
)
_AT_LEAST = (
    "at least|minimum of|more than|greater than|over|above|after|since|later than|"
    "mindestens|mehr als|über|nach|seit|später als"
)
_AT_MOST = (
    "at most|maximum of|up to|less than|fewer than|under|below|before|until|within|"
    "earlier than|höchstens|maximal|bis zu|weniger als|unter|vor|bis|früher als"
)
# Before the number, two words between at most: "before the end of 2010" is not said of it.
_BOUND = re.compile(
    rf"\b(?P<no>(?:no|not|nicht) )?(?:(?P<up>{_AT_LEAST})|(?:{_AT_MOST}))"
    r"(?: [^\W\d]+){0,2} ?$",
    re.IGNORECASE,
)
_BOUND_BEHIND = re.compile(r" (?:or|oder) (?:(?P<up>more|mehr)|less|fewer|weniger)\b")
# Characters before a number in which its bound is looked for.
_NEAR = 48
# A name or such a word before 3.10: there it is not 3.1.
_VERSION = re.compile(
    r"(?:\b[A-Z]\w+|§|\b(?:version|release|section|chapter|table|figure|part)) ?v?$"
)
_ORDERED = re.compile(r"(?<![\w/-])\d{1,4}(?:[/-]\d{1,4}){1,2}(?![\w/-])")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with what is said of it; "" and 0 are not said.

    Attributes:
        scale: power of ten.
        bound: "up" from the number on, "down" to it.
        version: as written, of a decimal that names a version or a part.
        order: the parts of a date, whose ``value`` has them sorted.
    """

    value: str
    is_negative: bool = False
    currency: str = ""
    scale: int = 0
    bound: str = ""
    version: str = ""
    order: str = ""

    def fits(self, other: Quantity) -> bool:
        """Whether two numbers of the same digits may be the same."""
        mine = (self.currency, self.scale, self.bound, self.version, self.order)
        others = (other.currency, other.scale, other.bound, other.version, other.order)
        return self.is_negative == other.is_negative and all(
            not (a and b) or a == b for a, b in zip(mine, others, strict=True)
        )


def agree(said: frozenset[Quantity], held: frozenset[Quantity]) -> bool:
    """Whether each number of ``said`` that ``held`` has too may be the same one there."""
    for one in said:
        same = [other for other in held if other.value == one.value]
        if same and not any(one.fits(other) for other in same):
            return False
    return True


def number(raw: str) -> str:
    """Return 1,000 and 1000 alike, 1,234.50 and 1234.5, and 3.50 and 3.5."""
    grouped = _GROUPED.fullmatch(raw)
    if grouped:
        plain = re.sub(r"[.,]", "", grouped[1]) + (
            f".{grouped[3]}" if grouped[3] else ""
        )
    else:
        plain = raw.replace(",", ".")
    if plain.count(".") == 1:
        plain = plain.rstrip("0").rstrip(".")
    plain = plain.lstrip("0") or "0"
    return f"0{plain}" if plain[0] == "." else plain


def quantities_of(text: str) -> frozenset[Quantity]:
    return frozenset([*_quantities(text), *_ordered(text)])


def _quantities(text: str) -> Iterator[Quantity]:
    for match in _QUANTITY.finditer(text):
        raw = match["number"]
        currency = (match["before"] or match["after"] or "").lower().removeprefix("us ")
        head = text[max(0, match.start() - _NEAR) : match.start()]
        is_decimal = raw.count(".") == 1 and "," not in raw
        is_version = is_decimal and not currency and _VERSION.search(head)
        yield Quantity(
            value=NUMBER_WORDS.get(raw.lower()) or number(raw),
            is_negative=bool(match["sign"]),
            currency=_CURRENCIES.get(currency, ""),
            scale=_SCALES.get((match["scale"] or "").lower(), 0),
            bound=_bound(head, text[match.end() : match.end() + _NEAR]),
            version=raw if is_version else "",
        )


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
