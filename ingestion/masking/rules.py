"""The patterns, each with its check. RE2 syntax: no look-around, linear time.

A rule's item is its first group, or the whole match. No pattern spans a line
break or more than one space between two groups of digits; ``finding`` relies
on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import re2
from stdnum.au import tfn
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ch_ssn
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.us import itin, ssn

from ingestion.masking import checks
from ingestion.masking.checks import Check, beside, digits_between, number_of, whole
from ingestion.masking.kinds import Kind


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, and what a group of words must have to be worth a look.

    Attributes:
        sign: text that stands in every item.
        digits: digits of the shortest item.
        length: characters of the shortest item.
    """

    kind: Kind
    pattern: Any
    check: Check
    sign: str
    digits: int
    length: int

    def fits(self, text: str, digits: int) -> bool:
        return digits >= self.digits and len(text) >= self.length and self.sign in text


# Marks the beginning of a block that is masked up to its end line.
BLOCK_START = re2.compile(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
BLOCK_END = re2.compile(r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")

# Generic and country domains that are seldom the end of a file name or a sentence.
_TLD = (
    "com|net|org|edu|gov|mil|int|info|biz|name|pro|mobi|aero|coop|museum|app|dev|io|ai|"
    "online|site|store|shop|blog|cloud|tech|xyz|news|wiki|email|eu|us|uk|de|fr|es|it|nl|"
    "be|ch|at|dk|se|no|fi|is|ie|pt|gr|cz|sk|hu|ro|bg|hr|si|rs|ua|ru|by|lt|lv|ee|tr|il|"
    "ae|sa|in|pk|bd|lk|cn|jp|kr|tw|hk|sg|my|th|vn|id|ph|au|nz|za|ng|ke|eg|ma|br|ar|cl|"
    "co|pe|uy|ve|mx|ca|gl|fo|lu|li|mc|mt|cy"
)
# Unbounded: counted repetitions of large classes do not compile. ``finding`` shows a
# pattern at most a window of text.
_PLACE = r"[\pL\pN][\pL\pN-]*"
_WORD_KEY = (
    r"pass(?:word|wd|phrase)|pwd|api[_ -]?key|secret(?:[_ -]?key)?|access[_ -]?key|"
    r"access[_ -]?token|auth[_ -]?token|client[_ -]?secret|bearer"
)


def _rule(
    kind: Kind,
    pattern: str,
    check: Check = whole,
    *,
    sign: str = "",
    digits: int = 0,
    length: int = 0,
) -> Rule:
    return Rule(kind, re2.compile(pattern), check, sign, digits, length)


def _card(pattern: str) -> Rule:
    return _rule(Kind.CARD, pattern, checks.card, digits=12)


def _id(pattern: str, check: Check, digits: int = 9) -> Rule:
    return _rule(Kind.NATIONAL_ID, pattern, check, digits=digits)


def _phone(pattern: str, check: Check = whole) -> Rule:
    return _rule(Kind.PHONE, pattern, checks.no_date(check), digits=7)


_CARDS = (
    _card(r"\b(\d{4}(?:[ -]\d{4}){3}[ -]\d{3})\b"),
    _card(r"\b(\d{4}(?:[ -]\d{4}){3})\b"),
    _card(r"\b(\d{4}[ -]\d{6}[ -]\d{4,5})\b"),
    _card(r"\b(\d{12,19})\b"),
)
_ACCOUNTS = (
    _rule(
        Kind.IBAN,
        r"(?i)\b([A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?)\b",
        checks.bank_account,
        digits=7,
    ),
)
_SSN = "ssn|social security(?: number| no)?|social-security-number|itin"
# Numbers whose form and check digits seldom come about by chance stand alone;
# the others need a word that names them.
_IDS = (
    _id(r"\b(\d{3}-\d{2}-\d{4})\b", number_of(ssn)),
    _id(r"\b(9\d{2}-\d{2}-\d{4})\b", number_of(itin)),
    _id(r"\b(\d{3} ?\d{2} ?\d{4})\b", beside(_SSN, number_of(ssn))),
    _id(
        r"(?i)\b([A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D])\b",
        whole,
        6,
    ),
    _id(r"\b(\d{3} ?\d{3} ?\d{4})\b", beside("nhs", number_of(nhs))),
    _id(
        r"(?i)\b([A-Z]{6}[0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z])\b",
        number_of(codicefiscale),
        # Letters may stand for most digits: two people can share the rest.
        2,
    ),
    _id(r"(?i)\b(\d{8}-?[A-Z])\b", number_of(dni), 8),
    _id(r"(?i)\b([XYZ]-?\d{7}-?[A-Z])\b", number_of(nie), 7),
    _id(r"\b(\d{6}[-+A]\d{3}[0-9A-Z])\b", number_of(hetu)),
    _id(r"\b((?:\d{2})?\d{6}[-+]\d{4})\b", number_of(personnummer)),
    _id(r"\b(\d{6}-?\d{4})\b", beside("cpr(?:-nr|-nummer)?", number_of(cpr))),
    _id(r"\b(\d{6} ?\d{5})\b", number_of(fodselsnummer)),
    _id(r"\b(\d{11})\b", number_of(pesel)),
    _id(
        r"\b([12] ?\d{2} ?\d{2} ?[0-9AB]{2} ?\d{3} ?\d{3} ?\d{2})\b",
        number_of(nir),
    ),
    _id(r"\b(\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2})\b", number_of(nn)),
    _id(r"\b(\d{3}\.\d{3}\.\d{3}-\d{2})\b", number_of(cpf)),
    _id(r"\b(\d{11})\b", beside("cpf", number_of(cpf))),
    _id(r"\b(756\.\d{4}\.\d{4}\.\d{2})\b", number_of(ch_ssn)),
    _id(r"\b(\d{4} \d{4} \d{4})\b", number_of(aadhaar)),
    _id(r"\b(\d{12})\b", beside("aadha?ar", number_of(aadhaar))),
    _id(r"\b([A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z])\b", number_of(pan), 4),
    _id(
        r"\b(\d{3}[- ]?\d{3}[- ]?\d{3})\b",
        beside("sin|social insurance(?: number| no)?", number_of(sin)),
    ),
    _id(
        r"\b(\d{3} ?\d{3} ?\d{3})\b",
        beside("tfn|tax file(?: number)?", number_of(tfn)),
    ),
    _id(r"\b(\d{9})\b", beside("bsn|burgerservicenummer", number_of(bsn))),
    _id(
        r"\b(\d{2} ?\d{3} ?\d{3} ?\d{3})\b",
        beside(
            "idnr|steuer-?id|steueridentifikationsnummer|tax id(?:entification number)?",
            number_of(idnr),
        ),
    ),
    _id(r"(?i)\b([A-Z]{0,2}\d{6,9})\b", beside("passport(?: number| no| nr)?"), 6),
)
_LICENCES = (
    _rule(
        Kind.LICENCE,
        r"(?i)\b([A-Z]{0,3}\d[A-Z0-9]{0,8}(?:[- ]?\d[A-Z0-9]{0,12}){0,4})\b",
        beside(
            r"driv(?:er|ing|ers|er's|er’s|ers')[ -]?licen[cs]e"
            r"(?: (?:number|no|nr|id))?(?: is)?[ :.#]*$|dl(?: (?:number|no))?[ :.#]*$",
            digits_between(5, 16),
        ),
        digits=5,
    ),
)
_PHONES = (
    _phone(
        rf"(\+\d{{1,4}}(?:[ .\-/]?\(?\d{{1,5}}\)?){{2,7}}(?: ?(?:{checks.CURRENCY}))?)",
        checks.international,
    ),
    _phone(
        r"\b(00[1-9]\d{0,3}(?:[ .\-/]\(?\d{1,5}\)?){2,6})\b",
        digits_between(9, 17),
    ),
    # North America, and what is written like it.
    _phone(
        r"((?:\b1[ .-])?(?:\(\d{3}\) ?|\b\d{3}[.-])\d{3}[.-]\d{4}"
        r"(?: ?(?:x|ext\.?) ?\d{1,6})?)\b",
    ),
    _phone(r"\b([2-9]\d{2} [2-9]\d{2} \d{4})\b"),
    # National numbers with their trunk 0, in groups.
    _phone(
        r"((?:\(0[1-9]\d{0,3}\)|\b0[1-9]\d{0,3})(?:[ .\-/]\d{2,8}){1,5})\b",
        digits_between(9, 13),
    ),
    # Anything else in groups, beside a word that says it is one.
    _phone(
        r"(?i)((?:\(\d{1,5}\)|\b\d{1,5})(?:[ .\-/]\d{2,8}){1,6}"
        r"(?: \(?(?:office|fax|mobile|cell|home|work|direct|landline)\b)?)",
        checks.phone,
    ),
    _phone(r"\b(\d{7,12})\b", checks.phone),
)
_KEYS = (
    _rule(Kind.KEY, BLOCK_START.pattern, sign="-----"),
    _rule(Kind.KEY, r"\b((?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[A-Z0-9]{16})\b", length=20),
    _rule(
        Kind.KEY,
        r"\b(gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|"
        r"glpat-[A-Za-z0-9_-]{16,64}|xox[abeoprs]-[A-Za-z0-9-]{10,255}|"
        r"(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,255}|sk-[A-Za-z0-9_-]{20,255}|"
        r"hf_[A-Za-z0-9]{20,64}|npm_[A-Za-z0-9]{30,64}|pypi-[A-Za-z0-9_-]{20,255}|"
        r"plb_[A-Za-z0-9]{4,16}_[A-Za-z0-9_-]{20,64}|AIza[A-Za-z0-9_-]{35}|"
        r"ya29\.[A-Za-z0-9_-]{20,255})",
        length=15,
    ),
    _rule(
        Kind.KEY,
        r"\b(eyJ[A-Za-z0-9_-]{6,}\.eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*)",
        sign="eyJ",
    ),
    _rule(
        Kind.KEY,
        rf"(?i)\b(?:{_WORD_KEY})[\"']?[:=][\"']?([^\s\"',;<>]{{8,256}})",
        checks.secret,
        digits=1,
        length=12,
    ),
    _rule(
        Kind.KEY,
        r"^[\"']?([A-Za-z0-9/+_.~!@#$%^&*-]{8,256}=*)",
        beside(rf"(?:{_WORD_KEY})(?: is)?[\"']?[ :=]+$", checks.secret),
        digits=1,
        length=8,
    ),
    _rule(
        Kind.KEY,
        r"://[^/\s:@]{1,64}:([^/\s@]{3,128})@",
        sign="://",
    ),
)
_ADDRESSES = (
    _rule(
        Kind.EMAIL,
        r"([\pL\pN][\pL\pN.!#$%&'*+/=?^_{|}~-]*@"
        rf"(?:{_PLACE}\.)+(?:\pL\pL+|xn--[A-Za-z0-9-]+))",
        sign="@",
    ),
    _rule(
        Kind.IP,
        r"\b(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\b",
        checks.address4,
        sign=".",
        digits=4,
    ),
    _rule(
        Kind.IP,
        r"(?i)(?:^|[^\pL\pN:.])([0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?:[^\pL\pN:]|$)",
        checks.address6,
        sign=":",
        digits=2,
    ),
    _rule(
        Kind.DOMAIN,
        rf"(?i)\b((?:{_PLACE}\.)+(?:{_TLD}))\b",
        sign=".",
    ),
)
_POSTCODES = (
    _rule(
        Kind.POSTCODE,
        r"(?i)\b([A-Z]{0,2}\d[A-Z0-9]{1,5}(?:[ -]\d[A-Z0-9]{1,4})?)\b",
        beside(
            r"(?:zip|postal|post) ?code(?: is)?[ :]*$|postcode(?: is)?[ :]*$|plz[ :]*$"
        ),
        digits=1,
        length=2,
    ),
)

# In order of claim: where two rules meet at the same place the first has it.
RULES: tuple[Rule, ...] = (
    *_KEYS,
    *_ADDRESSES,
    *_ACCOUNTS,
    *_CARDS,
    *_LICENCES,
    *_POSTCODES,
    *_IDS,
    *_PHONES,
)
