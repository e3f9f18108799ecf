"""What must hold of every answer, whatever its model writes, counted over a run.

Quotes stand word for word in the stored text, no number names a source that is not
in the list, and the prompt was made of exactly the passages that are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from generation.drafts import Asked
from generation.grounding.sentences import split_answer
from generation.receipts import digest_of, prompts_of
from generation.types import (
    Borne,
    CitationFound,
    Conflict,
    Done,
    Event,
    Searching,
    SourceRef,
    Sources,
)

#: What is counted, and of each how many hold.
PAIRS = {
    "quotes": "quotes_found",
    "citation_numbers": "citation_numbers_listed",
    "prompts": "prompts_as_shown",
}
# Characters start to end of the stored text of a version.
Stored = Callable[[UUID, int, int], str]


def held_of(asked: Asked, events: Sequence[Event], stored: Stored) -> dict[str, int]:
    """Return the counts of one answer, under the names of ``PAIRS``."""
    shown = [s for event in events if isinstance(event, Sources) for s in event.sources]
    found = Counter[str]()
    for version, start, end, quote in _quotes(events, shown):
        found["quotes"] += 1
        found["quotes_found"] += bool(quote) and stored(version, start, end) == quote
    listed = {source.n for source in shown}
    for number in _numbers(events):
        found["citation_numbers"] += 1
        found["citation_numbers_listed"] += number in listed
    receipt = next(e.receipt for e in events if isinstance(e, Done))
    if "prompt_digest" in receipt:
        found["prompts"] += 1
        question = next(e.question for e in events if isinstance(e, Searching))
        read = [source for source in shown if source.in_prompt]
        sent = prompts_of(receipt, question, read, asked.extra)
        found["prompts_as_shown"] += receipt["prompt_digest"] == digest_of(
            [message for prompt in sent for message in prompt]
        )
    return dict(found)


def _quotes(
    events: Sequence[Event], shown: Sequence[SourceRef]
) -> Iterator[tuple[UUID, int, int, str]]:
    """Yield version, span and words of all that a reader is shown as a quote."""
    versions = {source.n: source.version_id for source in shown}
    for source in shown:
        yield source.version_id, source.start, source.end, source.quote
    for event in events:
        said: tuple[Borne, ...] = ()
        if isinstance(event, CitationFound):
            said = event.evidence
        elif isinstance(event, Conflict):
            said = event.statements
        for words in said:
            # A number that is not listed has no version, and so no words.
            version = versions.get(words.n, UUID(int=0))
            yield version, words.start, words.end, words.quote


def _numbers(events: Sequence[Event]) -> Iterator[int]:
    """Yield every number that names a source, in the text and beside it."""
    for event in events:
        if isinstance(event, CitationFound | Conflict):
            yield from event.sources
        elif isinstance(event, Done):
            for sentence in split_answer(event.text):
                yield from sentence.marks


def summed(counts: Sequence[Mapping[str, int]]) -> dict[str, Any]:
    """Return the counts of a run, and how many of them do not hold."""
    total = Counter[str]()
    for one in counts:
        total.update(one)
    kept = {name: total[name] for pair in PAIRS.items() for name in pair}
    lost = sum(total[name] - total[right] for name, right in PAIRS.items())
    return {"invariants": kept, "violations": lost}
