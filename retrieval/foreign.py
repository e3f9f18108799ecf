"""Questions in a script that the embedder cannot read: there words decide. Pure."""

from __future__ import annotations

from rag_site.weights import CATALOGUE

# Share of the dense score for such a question. nDCG@10 of XQuAD, first 60 questions,
# all-MiniLM-L6-v2, with the weight of English, with 0.4 and with this: Arabic 0.780,
# 0.850, 0.860 (words alone 0.857); Hindi 0.937, 0.964, 0.965 (0.965); Thai 0.623, 0.959,
# 0.959 (0.959); Chinese 0.950, 0.955, 0.954 (0.949).
FOREIGN_WEIGHT = 0.2
# Letters up to here are Latin, and so are those of the block for Vietnamese.
_LAST_LATIN = 0x24F
_MORE_LATIN = range(0x1E00, 0x1F00)


def is_foreign(question: str, embedder: str) -> bool:
    """Whether ``embedder`` knows English alone and ``question`` is in no Latin script."""
    known = CATALOGUE.get(embedder)
    if known is None or not known.is_english:
        return False
    letters = [ord(letter) for letter in question if letter.isalpha()]
    latin = sum(x <= _LAST_LATIN or x in _MORE_LATIN for x in letters)
    return 2 * latin < len(letters)
