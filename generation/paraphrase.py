"""Sentences that say in other words what their source says: told by the embedder.

Words decide first. Where they find nothing in the source that a sentence names, one of
its sentences that means much the same makes "unsupported" into "partly", and never into
"supported": what means the opposite is near as well.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from generation.everything.library import Embedded
from generation.grounding.citations import Checked, Cited, Words
from generation.grounding.evidence import Passage, agreeing, passages_of
from generation.grounding.words import Claim, claim_of

Embed = Callable[[Sequence[str]], Awaitable[Embedded]]

# Cosine from which two sentences mean much the same, by embedder; another one is not
# asked, for its cosines are its own. Of 150 SQuAD 2 dev questions, written as statements
# with their answers, 0.85 are so near to the sentence that holds the answer, and 0.05 to
# any of another paragraph of the same article.
SAME_MEANING = {"all-minilm-l6-v2": 0.6}


async def look_again(
    checked: Checked,
    texts: Mapping[int, str],
    headings: Mapping[int, str],
    question: str,
    embed: Embed,
) -> Checked:
    """Return the sentences, those that are restated by their source as "partly".

    Args:
        texts, headings: of the sources by number, as they were checked against.

    Raises:
        EmbedderUnavailable
    """
    asked = claim_of(question)
    held = passages_of(texts, headings, question)
    cited = [await _look(item, texts, held, asked, embed) for item in checked.cited]
    return replace(checked, cited=tuple(cited))


async def _look(
    item: Cited,
    texts: Mapping[int, str],
    held: Mapping[int, Passage],
    asked: Claim,
    embed: Embed,
) -> Cited:
    claim = claim_of(item.sentence)
    if item.verdict != "unsupported" or not claim.terms:
        return item
    parts = agreeing(claim, item.sources, held, asked)
    if not parts:
        return item
    quotes = [texts[n][part.start : part.end] for n, part in parts]
    embedded = await embed([item.sentence, *quotes])
    cosines = embedded.vectors[1:] @ embedded.vectors[0]
    best = int(cosines.argmax())
    if cosines[best] < SAME_MEANING.get(embedded.model, math.inf):
        return item
    n, part = parts[best]
    words = Words(n=n, start=part.start, end=part.end)
    return replace(item, verdict="partly", words=(words,))
