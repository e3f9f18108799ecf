"""What an answer rests on, and the passages found that say otherwise. Pure.

All passages found are looked at, those too that were cut from the prompt or left out
as near copies: a near copy with another name in it is just what disagrees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from generation.grounding.conflicts import Line, disagreement, line_of, lines_of
from generation.showing import as_sources
from generation.types import Borne, CitationFound, Conflict, SourceRef, Statement
from retrieval.types import Hit

# Statements against one. More would say no more than that it is contested.
MOST_OTHERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Contested:
    """A conflict; ``added`` are its sources that were not in the prompt."""

    conflict: Conflict
    added: tuple[SourceRef, ...]


def contest(
    question: str,
    citations: Sequence[CitationFound],
    sources: Sequence[SourceRef],
    hits: Sequence[Hit],
) -> Contested | None:
    """Return what contradicts the first sentence that is contested, None if none is.

    Args:
        sources: those of the prompt, numbered from 1.
        hits: all passages found.
    """
    named = {source.n: source for source in sources}
    read = [(hit, lines_of(hit.text, _title(hit))) for hit in hits]
    for citation in citations:
        for borne in citation.evidence:
            told = citation.sentence
            others = list(_others(question, told, borne, named[borne.n], read))
            if others:
                return _contested(borne, others[:MOST_OTHERS], sources)
    return None


def _others(
    question: str,
    told: str,
    borne: Borne,
    source: SourceRef,
    read: Sequence[tuple[Hit, Sequence[Line]]],
) -> Iterator[tuple[Hit, Line]]:
    """Yield the passages that disagree with ``borne``, one of each document."""
    own = line_of(borne.quote, _title(source))
    seen = set()
    for hit, lines in read:
        is_beside = hit.version_id == source.version_id and (
            # Other parts of a document tell of other things, in the same words.
            hit.heading != source.heading
            or (hit.start < borne.end and borne.start < hit.end)
        )
        if is_beside or hit.document_id in seen:
            continue
        line = disagreement(question, told, own, lines)
        if line is not None:
            seen.add(hit.document_id)
            yield hit, line


def _title(passage: SourceRef | Hit) -> str:
    return f"{passage.document} {passage.heading}"


def _contested(
    borne: Borne,
    others: Sequence[tuple[Hit, Line]],
    sources: Sequence[SourceRef],
) -> Contested:
    first = Statement(n=borne.n, start=borne.start, end=borne.end, quote=borne.quote)
    statements, added = [first], list[SourceRef]()
    for hit, line in others:
        start, end = hit.start + line.start, hit.start + line.end
        number = _number_in(sources, hit, start, end)
        statement = Statement(n=number, start=start, end=end, quote=line.text)
        if not statement.n:
            number = len(sources) + len(added) + 1
            statement = replace(statement, n=number)
            added += [replace(s, n=number) for s in as_sources([hit], in_prompt=False)]
        statements.append(statement)
    return Contested(
        conflict=Conflict(statements=tuple(statements)), added=tuple(added)
    )


def _number_in(sources: Sequence[SourceRef], hit: Hit, start: int, end: int) -> int:
    """Return the source of the prompt that holds these characters, 0 if none does."""
    holding = [
        source.n
        for source in sources
        if source.version_id == hit.version_id
        and source.start <= start
        and end <= source.end
    ]
    return holding[0] if holding else 0
