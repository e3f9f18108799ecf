"""Whether a candidate is what it looks like. Pure.

A check gets the candidate and the lower-case text to its left, and returns how
many of its characters belong to the item: 0 for none, fewer than all where the
pattern took a word too many.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from types import ModuleType

import re2
from stdnum import iban

Check = Callable[[str, str], int]

# Doubling of a digit with its digits summed, for Luhn's sum.
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
# Issuers and lengths as in ISO/IEC 7812 registrations: Visa, Mastercard, American
# Express, Diners, Discover, JCB, UnionPay, Maestro.
_ISSUER = re2.compile(
    r"^(?:4(?:\d{12}|\d{15}|\d{18})"
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d|22\d)\d{12,15}"
    r"|35\d{14}|(?:2131|1800)\d{11}|62\d{14,17}"
    r"|(?:50|5[6-9]|6[0-9])\d{10,17})$"
)
_CARD_WORDS = re2.compile(
    r"\b(?:cards?|cc|credit|debit|visa|master ?card|amex|maestro|pan|kreditkarte|carte|"
    r"tarjeta)\b"
)
_PHONE_WORDS = re2.compile(
    r"\b(?:phones?|telephones?|tel|telefon|tele?fono|téléphone|call|calls|called|calling|"
    r"fax|mobile|cell|cellular|dial|sms|whatsapp|hotline|voicemail|messages? (?:to|on)|"
    r"texts? (?:to|me)|reach(?:ed)? (?:me|us|him|her|them)? ?(?:at|on)|ring|handy|mobil)\b"
)
_AFTER_PHONE = re2.compile(
    r"(?i) ?\(?(?:office|fax|mobile|cell|home|work|direct|landline)"
)
# Written with a number, before or behind it.
CURRENCY = r"[€$£¥]|(?i:EUR|USD|GBP|CHF|JPY|euros?|(?:US-)?dollars?|pounds)\b"
_BEHIND = re2.compile(rf" ?(?:{CURRENCY})$")
_BEFORE = re2.compile(r"(?:[€$£¥]|\b(?:eur|usd|gbp|chf|jpy)) ?$")
_THOUSANDS = re2.compile(r"^\+\d{1,3}(?:[ .]\d{3})+$")
# Before "3.2.1.4" they name a version or a part of a text.
_VERSION_WORDS = re2.compile(
    r"(?:§|(?:^|[^\pL])(?:version|release|v|build|sections?|chapters?|clauses?|steps?|"
    r"articles?|paragraphs?|annex|appendix|kapitel|abschnitte?n?|absatz|ziffern?|artikel|"
    r"schritte?|anlage|chapitre|étape|paragraphe|capítulo|sección|artículo|apartado|paso|"
    r"(?:sec|ch|art|para|kap|ziff|abs)\.)) ?$"
)
# 31.12.2024, 12/31/2024, 2024-12-31; years like "Calls 2021-2024".
_YEAR = r"(?:19|20)\d\d"
_DATE = re2.compile(
    rf"\b(?:(?:0?[1-9]|[12]\d|3[01])[./-](?:0?[1-9]|[12]\d|3[01])[./-]{_YEAR}"
    rf"|{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))\b"
)
_YEARS = re2.compile(rf"^{_YEAR}[-/]{_YEAR}$")


def whole(value: str, _left: str) -> int:
    return len(value)


def is_luhn(digits: str) -> bool:
    """Luhn's check of ISO/IEC 7812-1: the weighted sum of digits divides by 10."""
    numbers = [int(digit) for digit in reversed(digits)]
    odd = sum(numbers[0::2])
    even = sum(_DOUBLED[number] for number in numbers[1::2])
    return (odd + even) % 10 == 0


def card(value: str, left: str) -> int:
    digits = value.replace(" ", "").replace("-", "")
    if not is_luhn(digits) or not digits.strip("0"):
        return 0
    known = _ISSUER.search(digits) or _CARD_WORDS.search(left)
    return len(value) if known else 0


def bank_account(value: str, _left: str) -> int:
    """Check an IBAN (ISO 13616, mod 97); words after it are given back."""
    while len(value) > 14:
        if iban.is_valid(value.replace("-", " ")):
            return len(value)
        if " " not in value:
            return 0
        value = value[: value.rindex(" ")]
    return 0


def number_of(module: ModuleType) -> Check:
    """Return the check of a kind of number of python-stdnum."""

    def check(value: str, _left: str) -> int:
        return len(value) if module.is_valid(value) else 0

    return check


def beside(words: str, check: Check = whole) -> Check:
    """Return ``check`` for candidates that ``words``, a pattern, stands before."""
    pattern = re2.compile(rf"(?:^|[^\pL\pN])(?:{words})(?:[^\pL\pN]|$)")

    def both(value: str, left: str) -> int:
        return check(value, left) if pattern.search(left) else 0

    return both


def phone(value: str, left: str) -> int:
    """A number of a usual length in groups: 7 to 13 digits beside a telling word."""
    number, after = value, _AFTER_PHONE.search(value)
    if after is not None:
        number = value[: after.start()]
    digits = sum(char.isdigit() for char in number)
    if not 7 <= digits <= 13 or not (after or _PHONE_WORDS.search(left)):
        return 0
    return len(number)


def international(value: str, left: str) -> int:
    """A number of 7 to 15 digits (E.164), unless it is an amount: "+1 250 000 EUR"."""
    behind = _BEHIND.search(value)
    number = value[: behind.start()] if behind else value
    if (behind or _BEFORE.search(left)) and _THOUSANDS.search(number):
        return 0
    return digits_between(7, 15)(number, left)


def no_date(check: Check) -> Check:
    """Return ``check`` for candidates that do not begin in a date and are no two years.

    A candidate may begin behind the day: "03.2024 1200" of "12.03.2024 1200 EUR".
    """

    def other(value: str, left: str) -> int:
        length, at = check(value, left), len(left)
        if not length or _YEARS.search(value):
            return 0
        dates = _DATE.finditer(left + value)
        return 0 if any(d.start() <= at < d.end() for d in dates) else length

    return other


def digits_between(least: int, most: int) -> Check:
    def check(value: str, _left: str) -> int:
        count = sum(char.isdigit() for char in value)
        return len(value) if least <= count <= most else 0

    return check


def address4(value: str, left: str) -> int:
    octets = value.split(".")
    is_address = all(int(octet) < 256 for octet in octets)
    return len(value) if is_address and not _VERSION_WORDS.search(left) else 0


def address6(value: str, _left: str) -> int:
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return 0
    # "::" alone is punctuation more often than the unspecified address.
    return len(value) if int(address) > 1 else 0


def secret(value: str, _left: str) -> int:
    """A value after "password:" and the like: long, or of letters and digits."""
    has_both = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return len(value) if has_both else 0
