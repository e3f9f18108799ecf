"""Events of an answer, and the values that make one.

The same events reach the page, the REST stream, the shell and the saved row;
``kind`` and ``data()`` are the names and payloads of the public API.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal
from uuid import UUID

# Of a passage, before the words that bear an answer, in its card.
_LEAD_CHARS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationConfig:
    """How an answer is made; tokens by the model's own tokenizer.

    Attributes:
        context_tokens: prompt and answer together.
        max_answer_tokens: of the answer.
        max_form_tokens: of an answer by a schema, whose brackets and names count.
        source_tokens: of all passages in the prompt.
        max_sources: passages in the prompt.
        min_score_share: share of the best passage's score below which one is
            not worth its tokens, and distracts a small model. 0 keeps all.
        fact_tokens: of the passages for a question that a few words answer; what
            others need is bounded by ``source_tokens`` only.
        refusal_threshold: confidence below which a question is not answered, 0 to 1
            (generation.deciding); at 0 the model is not asked for it.
        gather_passages: passages that are read for a question over everything, in
            groups of ``max_sources``.
        temperature: 0 is greedy and repeatable.
        wall_s: seconds after which an answer is ended.
    """

    context_tokens: int = 4096
    max_answer_tokens: int = 400
    max_form_tokens: int = 800
    source_tokens: int = 1400
    max_sources: int = 6
    min_score_share: float = 0.6
    fact_tokens: int = 260
    refusal_threshold: float = 0.3
    gather_passages: int = 24
    temperature: float = 0.0
    seed: int = 1
    wall_s: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Borne:
    """The words of source ``n`` that bear a sentence: a span of its version's text."""

    n: int
    start: int
    end: int
    quote: str
    # Unknown while the answer is being written.
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Borne):
    """A sentence of source ``n`` that others contradict.

    ``added_on`` is the day on which its version of the document was added.
    """

    added_on: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRef:
    """A numbered passage. ``quote`` is the passage as stored, word for word.

    ``borne`` are the words in it that bear a sentence of the answer, if any.
    """

    n: int
    document_id: UUID
    version_id: UUID
    document: str
    heading: str
    page: int
    start: int
    end: int
    quote: str
    score: float
    dense_rank: int | None = None
    lexical_rank: int | None = None
    in_prompt: bool = True
    borne: Borne | None = None

    @property
    def place(self) -> tuple[int, int, int]:
        """Page, first and last character to show: of the words, else of the passage."""
        if self.borne is None:
            return self.page, self.start, self.end
        return self.borne.page or self.page, self.borne.start, self.borne.end

    @property
    def parts(self) -> tuple[str, str, str]:
        """The quote shortly before, of and after the words that bear the answer.

        A card has few lines: what stands far before would push the words out of it.
        """
        if self.borne is None:
            return self.quote, "", ""
        start, end = self.borne.start - self.start, self.borne.end - self.start
        before = self.quote[:start]
        if start > _LEAD_CHARS:
            near = before[-_LEAD_CHARS:]
            has_line = "\n" in near
            near = near.rpartition("\n")[2] if has_line else near.partition(" ")[2]
            before = f"… {near}"
        return before, self.quote[start:end], self.quote[end:]

    def __repr__(self) -> str:
        return f"SourceRef([{self.n}] {self.document!r} p. {self.page})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of the events; subclasses set ``kind``."""

    kind: ClassVar[str] = ""

    def data(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searching(Event):
    kind: ClassVar[str] = "searching"
    collections: int
    question: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources(Event):
    """Numbered passages; a second one adds those that only a conflict brings."""

    kind: ClassVar[str] = "sources"
    sources: tuple[SourceRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Event):
    """Of ``total`` passages those up to ``passages`` are being read."""

    kind: ClassVar[str] = "reading"
    passages: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued(Event):
    """Place in the model server's line, 1 is next; ``estimate_s`` None if unknown."""

    kind: ClassVar[str] = "queued"
    position: int
    estimate_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token(Event):
    kind: ClassVar[str] = "token"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationFound(Event):
    """A sentence of the answer: its span in the text, the sources it names, a verdict."""

    kind: ClassVar[str] = "citation"
    start: int
    end: int
    sentence: str
    sources: tuple[int, ...]
    verdict: Literal["supported", "partly", "unsupported"]
    evidence: tuple[Borne, ...] = ()

    def data(self) -> dict[str, Any]:
        return {
            "start": self.start,
            "end": self.end,
            "sentence": self.sentence,
            "sources": list(self.sources),
            "supported": self.verdict == "supported",
            "verdict": self.verdict,
            "evidence": [asdict(words) for words in self.evidence],
        }

    def spans(self) -> dict[str, Any]:
        """Return the data without words of documents, which are read when shown."""
        evidence = [{"n": b.n, "start": b.start, "end": b.end} for b in self.evidence]
        return {**self.data(), "evidence": evidence}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict(Event):
    """Sources that disagree about what is asked.

    The first statement is the one that the answer rests on.
    """

    kind: ClassVar[str] = "conflict"
    statements: tuple[Statement, ...]

    @property
    def sources(self) -> tuple[int, ...]:
        return tuple(statement.n for statement in self.statements)

    def spans(self) -> dict[str, Any]:
        """Return where the statements stand; their words are read when shown."""
        rows = [{"n": s.n, "start": s.start, "end": s.end} for s in self.statements]
        return {"statements": rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    kind: ClassVar[str] = "notice"
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Event):
    """The end.

    Attributes:
        text: the finished answer.
        missing: names and numbers of the question that no passage holds.
        stopped: a person ended it.
        receipt: what made the answer (generation.receipts); saved, not sent.
    """

    kind: ClassVar[str] = "done"
    answer_id: UUID | None
    text: str
    refused: bool
    outcome: Literal["answered", "partly", "not_in_documents"]
    missing: tuple[str, ...] = ()
    stopped: bool = False
    timings: dict[str, float] = field(default_factory=dict)
    model: str = ""
    model_digest: str = ""
    # generation.guards.outgoing.Verdicts
    guards: dict[str, Any] = field(default_factory=dict)
    receipt: dict[str, Any] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        return {k: v for k, v in asdict(self).items() if k != "receipt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    kind: ClassVar[str] = "error"
    code: str
    message: str
    reference: str
    retryable: bool = True
