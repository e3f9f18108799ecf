"""What a reader is shown beside an answer: its passages, and notices. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from generation.types import Borne, CitationFound, Conflict, Notice, SourceRef
from retrieval.types import Hit

# Passages shown with a refusal.
CLOSEST = 3


def as_sources(
    hits: Sequence[Hit], *, first: int = 1, in_prompt: bool = True
) -> list[SourceRef]:
    """Number hits from ``first`` on in their order."""
    return [
        SourceRef(
            n=n,
            document_id=hit.document_id,
            version_id=hit.version_id,
            document=hit.document,
            heading=hit.heading,
            page=hit.page,
            start=hit.start,
            end=hit.end,
            quote=hit.text,
            score=hit.score,
            dense_rank=hit.dense_rank,
            lexical_rank=hit.lexical_rank,
            in_prompt=in_prompt,
        )
        for n, hit in enumerate(hits, start=first)
    ]


def cited_line(
    source: SourceRef,
    line: str,
    span: tuple[int, int],
    words: tuple[int, int] | None,
) -> CitationFound:
    """Return the citation of a line that code wrote.

    Args:
        span: of the line in the answer.
        words: characters of the source's quote that bear it, None for none.
    """
    evidence: tuple[Borne, ...] = ()
    if words is not None:
        start, end = words
        evidence = (
            Borne(
                n=source.n,
                start=source.start + start,
                end=source.start + end,
                quote=source.quote[start:end],
            ),
        )
    return CitationFound(
        start=span[0],
        end=span[1],
        sentence=line,
        sources=(source.n,),
        verdict="supported",
        evidence=evidence,
    )


def closest(hits: Sequence[Hit]) -> tuple[SourceRef, ...]:
    """Return the passages to show beside a refusal that asked no model."""
    return tuple(as_sources(hits[:CLOSEST], in_prompt=False))


def conflict_words(conflict: Conflict) -> str:
    """Return a conflict in one line, for doors that show nothing but text."""
    said = [
        f"[{statement.n}] says “{' '.join(statement.quote.split())}”"
        for statement in conflict.statements
        if statement.quote
    ]
    return f"The sources disagree: {'; '.join(said)}."


def unread_notice(names: Sequence[str]) -> Notice:
    shown = ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
    verb = "is" if len(names) == 1 else "are"
    return Notice(
        code="documents_unread",
        message=f"{shown} {verb} still being read and not part of this answer.",
    )


def left_out_notice(count: int) -> Notice:
    passages = "1 passage was" if count == 1 else f"{count} passages were"
    return Notice(
        code="context_left_out",
        message=f"{passages} left out: the model's context is full.",
    )


def withheld_notice() -> Notice:
    return Notice(
        code="answer_withheld",
        message="The answer repeated text that is not for readers, so it is not shown.",
    )


def order_notice() -> Notice:
    return Notice(
        code="order_in_document",
        message="A passage tells the model what to say, and the answer said nothing "
        "else, so it is not shown.",
    )


def cut_notice() -> Notice:
    return Notice(
        code="answer_cut",
        message="The answer reached its longest length and ends here.",
    )
