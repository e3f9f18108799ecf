"""One question to one answer, as events: search, judge, prompt, write, check.

The same pipeline serves the page, the API and the shell. Nothing here touches
the database but ``means.find``; no connection is held while tokens flow.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from generation import prompting
from generation.citations import check
from generation.forming import Form, fill_form
from generation.guarding import (
    NOT_IN_DOCUMENTS,
    is_refusal,
    may_become_refusal,
    weigh,
)
from generation.llm import (
    Finished,
    LanguageModel,
    ModelInfo,
    QueuePlace,
    SamplingParams,
    TextPiece,
)
from generation.outgoing import OutgoingGuard, Verdicts
from generation.sentences import without_marks
from generation.standalone import Turn, make_standalone
from generation.stopping import until
from generation.structured import evidence
from generation.types import (
    CitationFound,
    Done,
    Event,
    GenerationConfig,
    Notice,
    Queued,
    Searching,
    SourceRef,
    Sources,
    Token,
)
from ingestion.masking import Kind, mask
from retrieval.types import Hit, SearchResult

logger = logging.getLogger(__name__)

# Passages shown with a refusal.
CLOSEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with what it is asked of.

    Attributes:
        user: scope of the model server's fairness and reuse, never a name.
        collections: how many will be searched.
        unread: names of documents in reach that are still being read.
        is_urgent: somebody waits at a screen; else a program asks.
        schema: JSON Schema that the answer keeps to, None for prose.
        canary: what no answer to this request may hold (generation.canaries).
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

    ``masks`` are the kinds of items that no answer shows.
    """

    model: LanguageModel
    find: Callable[[str], Awaitable[SearchResult]]
    config: GenerationConfig
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    masks: frozenset[Kind] = frozenset()


class _Draft:
    """The answer as it grows, with the times of its stages in milliseconds."""

    def __init__(self) -> None:
        self.text = ""
        self.model = ModelInfo(name="")
        self.verdicts = Verdicts()
        self.started = self._last = time.perf_counter()
        self.timings: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.timings[f"{stage}_ms"] = round((now - self._last) * 1000, 1)
        self._last = now

    def done(self, text: str, *, refused: bool, stopped: bool = False) -> Done:
        total = time.perf_counter() - self.started
        self.timings["total_ms"] = round(total * 1000, 1)
        return Done(
            answer_id=None,
            text=text,
            refused=refused,
            stopped=stopped,
            timings=self.timings,
            model=self.model.name,
            model_digest=self.model.digest,
            guards=asdict(self.verdicts),
        )


async def answer(asked: Asked, means: Means) -> AsyncIterator[Event]:
    """Yield the events of one answer, ending with Done.

    Raises:
        RagError: of search or of the model; what was yielded stays valid.
    """
    draft = _Draft()
    question = make_standalone(asked.question, asked.previous)
    yield Searching(collections=asked.collections, question=question)
    found = await means.find(question)
    draft.lap("search")
    if asked.unread:
        yield unread_notice(asked.unread)
    if weigh(question, found.hits).score < means.config.refusal_threshold:
        yield Sources(sources=closest(found.hits))
        yield draft.done(NOT_IN_DOCUMENTS, refused=True)
        return
    prompt = await build_prompt(question, found.hits, means, asked.extra)
    draft.lap("prompt")
    yield Sources(sources=prompt.sources)
    if prompt.left_out:
        yield left_out_notice(prompt.left_out)
    if asked.schema is not None:
        async for event in _fill(question, prompt, asked, means, draft):
            yield event
        return
    async for event in _write(prompt, asked, means, draft):
        yield event
    for event in _conclude(question, prompt, means, draft):
        yield event


async def build_prompt(
    question: str,
    hits: Sequence[Hit],
    means: Means,
    extra: prompting.Extra = prompting.NO_EXTRA,
) -> prompting.Prompt:
    """Return the prompt, its budget counted by the model's own tokenizer."""
    sources = as_sources(worth_reading(hits, means.config))
    passages = [prompting.passage_text(source) for source in sources]
    frame = prompting.frame_texts(question, extra)
    counts = await means.model.count_tokens([*passages, *frame])
    return prompting.build(
        question,
        sources,
        counts[: len(passages)],
        config=means.config,
        frame_tokens=prompting.frame_tokens(counts[len(passages) :]),
        extra=extra,
    )


def worth_reading(hits: Sequence[Hit], config: GenerationConfig) -> list[Hit]:
    """Return the best passages, without those far behind the best one."""
    least = config.min_score_share * hits[0].score if hits else 0.0
    return [hit for hit in hits[: config.max_sources] if hit.score >= least]


async def _write(
    prompt: prompting.Prompt, asked: Asked, means: Means, draft: _Draft
) -> AsyncIterator[Event]:
    """Yield places in line and tokens until the model ends or is stopped."""
    params = _params(asked, means)
    draft.model = await means.model.info()
    guard = OutgoingGuard(asked.canary, means.masks)
    shown = 0
    stream = means.model.stream(prompt.messages, params, user=asked.user)
    async for item in until(stream, means.stop, seconds=means.config.wall_s):
        if isinstance(item, QueuePlace) and item.position > 0:
            yield Queued(position=item.position, estimate_s=item.estimate_s)
        elif isinstance(item, TextPiece):
            if "first_token_ms" not in draft.timings:
                draft.lap("first_token")
            draft.text += guard.feed(item.text)
            if guard.is_blocked:
                break
            if len(draft.text) > shown and not may_become_refusal(draft.text):
                yield Token(text=draft.text[shown:])
                shown = len(draft.text)
        elif isinstance(item, Finished):
            _count(item, draft)
            if item.reason == "length":
                yield cut_notice()
    draft.text += guard.finish()
    draft.verdicts = guard.verdicts
    if len(draft.text) > shown and not may_become_refusal(draft.text):
        yield Token(text=draft.text[shown:])
    draft.lap("writing")


def _params(asked: Asked, means: Means) -> SamplingParams:
    config = means.config
    is_form = asked.schema is not None
    return SamplingParams(
        max_tokens=config.max_form_tokens if is_form else config.max_answer_tokens,
        temperature=config.temperature,
        seed=config.seed,
        is_urgent=asked.is_urgent,
        schema=asked.schema,
        adapter=asked.adapter,
    )


async def _fill(
    question: str,
    prompt: prompting.Prompt,
    asked: Asked,
    means: Means,
    draft: _Draft,
) -> AsyncIterator[Event]:
    """Yield the form that the asker wants, whole, with its evidence."""

    def stream(params: SamplingParams) -> AsyncIterator[Any]:
        written = means.model.stream(prompt.messages, params, user=asked.user)
        return until(written, means.stop, seconds=means.config.wall_s)

    draft.model = await means.model.info()
    filled = fill_form(stream, _params(asked, means), means.masks, means.stop.is_set)
    async for item in filled:
        if isinstance(item, QueuePlace) and item.position > 0:
            yield Queued(position=item.position, estimate_s=item.estimate_s)
        elif isinstance(item, Finished):
            _count(item, draft)
        elif isinstance(item, Form):
            draft.lap("writing")
            for event in _concluded_form(question, prompt, asked, draft, item):
                yield event
            return
    yield draft.done("", refused=False, stopped=True)


def _concluded_form(
    question: str, prompt: prompting.Prompt, asked: Asked, draft: _Draft, form: Form
) -> list[Event]:
    guard = OutgoingGuard(asked.canary)
    guard.feed(form.text)
    draft.verdicts = guard.verdicts
    if guard.is_blocked:
        return _withheld(draft)
    texts = {source.n: source.quote for source in prompt.sources}
    found = evidence(form.leaves, texts, question=question, schema=asked.schema or {})
    return [Token(text=form.text), *found, draft.done(form.text, refused=False)]


def _withheld(draft: _Draft) -> list[Event]:
    return [withheld_notice(), draft.done(NOT_IN_DOCUMENTS, refused=True)]


def _count(end: Finished, draft: _Draft) -> None:
    counts = {
        "prompt_tokens": end.prompt_tokens,
        "answer_tokens": end.answer_tokens,
        "reused_tokens": end.reused_tokens,
    }
    draft.timings |= {k: float(v) for k, v in counts.items() if v is not None}


def _conclude(
    question: str, prompt: prompting.Prompt, means: Means, draft: _Draft
) -> list[Event]:
    """Return the sentences with their sources, and the end."""
    if draft.verdicts.is_blocked:
        return _withheld(draft)
    stopped = means.stop.is_set()
    text = draft.text.strip()
    if is_refusal(text) or not (without_marks(text) or stopped):
        return [draft.done(NOT_IN_DOCUMENTS, refused=True, stopped=stopped)]
    texts = {source.n: source.quote for source in prompt.sources}
    headings = {source.n: source.heading for source in prompt.sources}
    if means.masks:
        # A label in the answer stands for what its source says.
        texts = {n: mask(quote, means.masks) for n, quote in texts.items()}
    checked = check(text, texts, question=question, headings=headings)
    found = [
        CitationFound(
            start=item.start,
            end=item.end,
            sentence=item.sentence,
            sources=item.sources,
            verdict=item.verdict,
        )
        for item in checked.cited
    ]
    return [*found, draft.done(checked.text, refused=False, stopped=stopped)]


def as_sources(hits: Sequence[Hit], *, in_prompt: bool = True) -> list[SourceRef]:
    """Number hits from 1 in their order."""
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
        for n, hit in enumerate(hits, start=1)
    ]


def closest(hits: Sequence[Hit]) -> tuple[SourceRef, ...]:
    """Return the passages to show beside a refusal that asked no model."""
    return tuple(as_sources(hits[:CLOSEST], in_prompt=False))


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


def cut_notice() -> Notice:
    return Notice(
        code="answer_cut",
        message="The answer reached its longest length and ends here.",
    )
