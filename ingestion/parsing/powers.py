"""Raised numbers, which must not add to the number before them: 10^6 is not 106."""

from __future__ import annotations

import re

#: What a power begins with, as a pattern.
EXPONENT = r"[+\-\u2212\u2013]?\d"
# Its sign may be a part of its own.
_EXPONENT = re.compile(rf"\s*(?:{EXPONENT}|[+\-\u2212\u2013]$)")


def is_power(before: str, raised: str) -> bool:
    """Whether raised letters are a power of the number that ends ``before``."""
    return before[-1:].isdigit() and bool(_EXPONENT.match(raised))
