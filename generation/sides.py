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
            is_comparison = 2 <= len(sides) <= MAX_SIDES
            return (sides, match["aspect"] or "") if is_comparison else ((), "")
    return (), ""


def _bare(side: str) -> str:
    plain = side.strip(" ,\"“”'")
    return re.sub(r"^(?:the|a|an) (?=\w{2})", "", plain, flags=re.IGNORECASE)
