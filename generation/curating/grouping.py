"""Which questions ask the same: those of the same words, whatever their order. Pure."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from generation.grounding.words import fold, question_terms


# Of the questions of one inbox and some more: to read 2,000 takes more than a second, and
# each look at the page and each mark on it wants all of them.
@lru_cache(maxsize=4_096)
def key_of(question: str) -> str:
    """Return 64 hexadecimal digits, equal for questions with the same content words.

    Case, accents, endings, order and the words of asking make no difference. A
    question of none but those is told by all of its words.
    """
    terms = sorted(question_terms(question)) or fold(question).split()
    return hashlib.sha256(" ".join(terms).encode()).hexdigest()
