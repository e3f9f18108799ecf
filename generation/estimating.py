"""How many tokens a text has, where no tokenizer can be asked. Pure."""

from __future__ import annotations

import math
import re

# Each may be a token of its own: digits, marks, and white space that no word takes.
# A run of white space is looked at once: from each place it would take the square of it.
_SINGLE = re.compile(r"\d|[^\w\s]|_|(?<!\s)\s+(?=\d)|\n+")


def estimate_tokens(text: str) -> int:
    """Return an upper estimate for a tokenizer that is not known.

    Byte-pair vocabularies give English words about one token for 4 letters and
    other scripts one for 3 bytes; rare marks take up to one for each byte.
    """
    single = sum(len(found.encode(errors="replace")) for found in _SINGLE.findall(text))
    words = re.sub(r"\s", "", _SINGLE.sub("", text))
    return single + math.ceil(len(words.encode("utf-8", errors="replace")) / 3) + 1
