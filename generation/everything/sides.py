"""What a question compares: "A and B", "A vs B". Pure."""

from __future__ import annotations

import re

#: More than these would leave each too few passages.
MAX_SIDES = 4
_ASPECT = (
    r"(?:,? (?:in terms of|with (?:regard|respect) to|regarding|as to) (?P<aspect>.+))?"
)
_JOINED = r"(?P<first>.+?) (?:and|with|to|against|versus|vs\.?) (?P<second>.+?)"
_NAME = r"(?!(?:how|what|which|who|why|when|where|is|are|do|does|did|was|were)\b)\S+(?: [^\s:.]+){0,4}"
_PATTERNS = tuple(
    re.compile(pattern + _ASPECT, re.IGNORECASE)
    for pattern in (
        rf"(?:please |(?:can|could) you )?compare (?:the )?{_JOINED}",
        (
            r"(?:what|which|where)(?: is|'s| are| were| was)? (?:the )?"
            r"(?:main |key |important |biggest |only )?(?:difference|differences|similarities) "
            r"(?:between|of) (?P<first>.+) (?:and|versus|vs\.?) (?P<second>.+?)"
        ),
        (
            r"(?:what is the )?(?:difference|differences|comparison) between "
            r"(?P<first>.+) and (?P<second>.+?)"
        ),
        (
            r"how (?:do|does|did) (?P<first>.+?) (?:compare (?:to|with)|differ from) "
            r"(?P<second>.+?)"
        ),
        r"how (?:do|did) (?P<first>.+?) and (?P<second>.+?) (?:differ|compare)",
        # A heading of its own: a sentence that has a "versus" asks something else.
        rf"(?P<first>{_NAME}) (?:vs\.?|versus) (?P<second>{_NAME})",
    )
)
# "The 2023 and 2024 policy": a number, or its place, before what both are.
_NUMBERED = r"(?:\S*\d\S*|first|second|third|fourth|last|previous|next)"
_SHARED_END = re.compile(rf"{_NUMBERED} (?P<end>[^\d].+)", re.IGNORECASE)
# "The price of A and B". In small letters: a Bank of America is no bank and America.
_SHARED_START = re.compile(
    r"(?P<start>[^\W\d_].*) (?:of|for|in) (?P<first>\S+(?: \S+)?)"
)
_PLACED = re.compile(r" (?:of|for|in) ")
_HAS_DIGIT = re.compile(r"\S*\d")
_COMMAS = re.compile(r"\s*,\s*(?:and\s+)?")


def sides_of(question: str) -> tuple[tuple[str, ...], str]:
    """Return what is compared, at most MAX_SIDES things, and in which respect.

    ``question`` has no mark at its end. Nothing where it compares nothing.
    """
    for pattern in _PATTERNS:
        match = pattern.fullmatch(question)
        if match:
            parts = [*_COMMAS.split(match["first"]), match["second"]]
            sides = tuple(dict.fromkeys(_bare(part) for part in parts if _bare(part)))
            if 2 <= len(sides) <= MAX_SIDES:
                return _with_shared(sides, match["aspect"] or "")
            return (), ""
    return (), ""


def _with_shared(sides: tuple[str, ...], aspect: str) -> tuple[tuple[str, ...], str]:
    """Return the sides, each with what is said once of all, and the respect."""
    *others, last = sides
    end = _SHARED_END.fullmatch(last)
    if end and all(re.fullmatch(_NUMBERED, one, re.IGNORECASE) for one in others):
        return (*(f"{one} {end['end']}" for one in others), last), aspect
    start = _SHARED_START.fullmatch(sides[0])
    if start and start["start"][0].islower() and not aspect:
        names = (_bare(start["first"]), *sides[1:])
        if all(map(_is_name, names)):
            return names, start["start"]
    return sides, aspect


def _is_name(side: str) -> bool:
    """Whether it may be a name, and not terms of "service" beside privacy rules."""
    is_named = side[:1].isupper() or _HAS_DIGIT.match(side)
    return bool(is_named) and not _PLACED.search(side)


def _bare(side: str) -> str:
    plain = side.strip(" ,\"“”'")
    return re.sub(r"^(?:the|a|an) (?=\w{2})", "", plain, flags=re.IGNORECASE)
