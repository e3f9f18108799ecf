"""Questions that an embedder of English cannot read: there words weigh more. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ingestion.languages import EXACT
from rag_site.weights import CATALOGUE

# Shares of the dense score, for a question in another script than Latin, and for one of
# documents next to none of which is in English. nDCG@10 of XQuAD, 60 to 100 questions,
# all-MiniLM-L6-v2, with the weight of English, with 0.4, with 0.2, and of words alone:
# Arabic 0.780, 0.850, 0.860, 0.857; Hindi 0.937, 0.964, 0.965, 0.965; Thai 0.623, 0.959,
# 0.959, 0.959; Romanian 0.947, 0.968, 0.968, 0.968; German 0.973, 0.959, 0.954, 0.946.
SCRIPT_WEIGHT = 0.2
LANGUAGE_WEIGHT = 0.4
# Of passages in a language that has rules, fewer in English than this share are those
# that were too short to tell: they count as the language of their collection.
_UNTOLD_SHARE = 0.2
# Letters up to here are Latin, and so are those of the block for Vietnamese.
_LAST_LATIN = 0x24F
_MORE_LATIN = range(0x1E00, 0x1F00)


def dense_weight(
    usual: float, question: str, embedder: str, chunks: Mapping[str, int]
) -> float:
    """Return the share of the dense score for ``question``.

    Args:
        usual: for a question that ``embedder`` can read.
        chunks: that are searched, by their language.
    """
    known = CATALOGUE.get(embedder)
    if known is None or not known.is_english:
        return usual
    if not _is_latin(question):
        return min(usual, SCRIPT_WEIGHT)
    told = sum(count for language, count in chunks.items() if language != EXACT)
    if told and chunks.get("english", 0) < _UNTOLD_SHARE * told:
        return min(usual, LANGUAGE_WEIGHT)
    return usual


def _is_latin(question: str) -> bool:
    """Whether at least half of the letters are Latin."""
    letters = [ord(letter) for letter in question if letter.isalpha()]
    latin = sum(x <= _LAST_LATIN or x in _MORE_LATIN for x in letters)
    return 2 * latin >= len(letters)
