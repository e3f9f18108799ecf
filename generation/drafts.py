"""A question with what it is answered by, and the answer as it grows."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from generation import prompting
from generation.deciding import Outcome
from generation.everything.library import Library
from generation.grounding.entailment import Entailment, get_entailment
from generation.guards.outgoing import Verdicts
from generation.llm import (
    Finished,
    LanguageModel,
    Message,
    ModelInfo,
    SamplingParams,
)
from generation.receipts import digest_of, model_of, sampling_of
from generation.standalone import Turn
from generation.types import (
    Done,
    GenerationConfig,
    Notice,
)
from ingestion.masking import Kind
from retrieval.types import SearchResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with what it is asked of.

    Attributes:
        user: scope of the model server's fairness and reuse, never a name.
        collections: how many will be searched.
        unread: names of documents in reach that are still being read.
        is_urgent: somebody waits at a screen; else a program asks.
        schema: JSON Schema that the answer keeps to, None for prose.
        canary: what no answer to this request may hold (generation.guards.canaries).
        adapter: of the collections, if they all name the same.
    """

    question: str
    user: str
    previous: Turn | None = None
    collections: int = 0
    unread: tuple[str, ...] = ()
    is_urgent: bool = True
    schema: Mapping[str, Any] | None = None
    canary: str = ""
    adapter: str = ""

    @property
    def extra(self) -> prompting.Extra:
        schema = json.dumps(self.schema, ensure_ascii=False) if self.schema else ""
        return prompting.Extra(schema=schema, canary=self.canary)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What an answer is made with; ``stop`` ends it and keeps what is written.

    ``masks`` are the kinds of items that no answer shows. Without a ``library`` every
    question is answered from the passages that ``find`` returns. The model that
    ``entailment`` returns reads sentences and sources after the words of both.
    """

    model: LanguageModel
    find: Callable[[str], Awaitable[SearchResult]]
    config: GenerationConfig
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    masks: frozenset[Kind] = frozenset()
    library: Library | None = None
    entailment: Callable[[], Entailment | None] = get_entailment


class Draft:
    """The answer as it grows, with the times of its stages in milliseconds."""

    def __init__(self) -> None:
        # As masked for readers, and as the model wrote it.
        self.text = self.raw = ""
        self.model = ModelInfo(name="")
        self.verdicts = Verdicts()
        self.started = self._last = time.perf_counter()
        self.timings: dict[str, float] = {}
        self.receipt: dict[str, Any] = {"judgement": {}}
        # Characters of the text that readers have.
        self.shown = 0
        self.is_doubted = False
        # Log-odds before writing; None where no rule was fitted for the model.
        self.says_yes: float | None = None
        # Told to the reader with the sources.
        self.notices: list[Notice] = []
        # What a comparison has no passage for.
        self.lacking: tuple[str, ...] = ()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.timings[f"{stage}_ms"] = round((now - self._last) * 1000, 1)
        self._last = now

    def note(
        self, asked_for: str, messages: Sequence[Message], params: SamplingParams
    ) -> None:
        """Put in the receipt what is sent; of two requests the last one stays."""
        self.raw = ""
        self.receipt |= {
            "model": model_of(self.model),
            "asked_for": asked_for,
            "sampling": sampling_of(params),
            "prompt_digest": digest_of(messages),
        }

    def count(self, end: Finished) -> None:
        counts = {
            "prompt_tokens": end.prompt_tokens,
            "answer_tokens": end.answer_tokens,
            "reused_tokens": end.reused_tokens,
        }
        self.timings |= {k: float(v) for k, v in counts.items() if v is not None}

    def done(
        self,
        text: str,
        *,
        refused: bool,
        stopped: bool = False,
        outcome: Outcome = "not_in_documents",
        missing: tuple[str, ...] = (),
    ) -> Done:
        guards = asdict(self.verdicts)
        total = time.perf_counter() - self.started
        self.timings["total_ms"] = round(total * 1000, 1)
        return Done(
            answer_id=None,
            text=text,
            refused=refused,
            outcome=outcome,
            missing=missing,
            stopped=stopped,
            timings=self.timings,
            model=self.model.name,
            model_digest=self.model.digest,
            guards=guards,
            receipt=self.receipt | {"guards": guards},
        )
