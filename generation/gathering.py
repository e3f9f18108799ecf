"""One answer to its end, for those who want the whole and no stream."""

from __future__ import annotations

import time
from dataclasses import dataclass

from generation.answering import Asked, Means, answer
from generation.types import CitationFound, Done, Event, SourceRef, Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What came of a question; ``seconds`` from asking to the end."""

    events: tuple[Event, ...]
    seconds: float

    @property
    def sources(self) -> tuple[SourceRef, ...]:
        """Each source once, though some come again with those of a later group."""
        lists = (e.sources for e in self.events if isinstance(e, Sources))
        return tuple({source.n: source for some in lists for source in some}.values())

    @property
    def citations(self) -> tuple[CitationFound, ...]:
        return tuple(e for e in self.events if isinstance(e, CitationFound))

    @property
    def end(self) -> Done:
        end = self.events[-1]
        assert isinstance(end, Done)  # noqa: S101 - answer() ends with Done or raises
        return end

    @property
    def cited(self) -> tuple[SourceRef, ...]:
        """The sources that a sentence names."""
        named = {n for citation in self.citations for n in citation.sources}
        return tuple(source for source in self.sources if source.n in named)

    @property
    def confidence(self) -> float | None:
        """That the documents hold an answer, 0 to 1; None where the model told none."""
        found: float | None = self.end.receipt["judgement"].get("confidence")
        return found


async def gather(asked: Asked, means: Means) -> Gathered:
    """Answer ``asked``. Raises what ``answer`` raises."""
    started = time.perf_counter()
    events = [event async for event in answer(asked, means)]
    return Gathered(events=tuple(events), seconds=time.perf_counter() - started)
