"""One question to one answer, as events: search, judge, prompt, write, check.

The same pipeline serves the page, the API and the shell. Nothing here touches
the database but ``means.find``; no connection is held while tokens flow.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from django.utils import timezone

from generation import prompting
from generation.collecting import collect
from generation.concluding import conclude, conclude_form
from generation.deciding import (
    FITTED,
    confidence,
    log_odds,
)
from generation.drafts import Asked, Draft, Means
from generation.forming import Form, fill_form
from generation.guarding import (
    EVIDENCE_FLOOR,
    NOT_IN_DOCUMENTS,
    may_become_refusal,
    weigh,
)
from generation.kinds import FACT, GATHERED
from generation.listing import tell_documents
from generation.llm import (
    Finished,
    Message,
    QueuePlace,
    SamplingParams,
    TextPiece,
)
from generation.outgoing import OutgoingGuard
from generation.receipts import (
    digest_of,
    left_out_of,
    model_of,
    sampling_of,
)
from generation.showing import (
    as_sources,
    closest,
    cut_notice,
    left_out_notice,
    unread_notice,
)
from generation.stopping import until
from generation.trimming import trim
from generation.types import (
    Event,
    GenerationConfig,
    Queued,
    Searching,
    Sources,
    Token,
)
from generation.understanding import understand
from generation.widening import Reading, trim_sides, widen
from retrieval.types import Hit

__all__ = ["Asked", "Means", "answer"]

logger = logging.getLogger(__name__)

# Likeliest tokens that are asked for where a decision rests on them.
_CHANCES = 20


async def answer(asked: Asked, means: Means) -> AsyncIterator[Event]:
    """Yield the events of one answer, ending with Done.

    Raises:
        RagError: of search or of the model; what was yielded stays valid.
    """
    draft = Draft()
    question, wanted = understand(asked.question, asked.previous, timezone.localdate())
    if asked.schema is not None:
        wanted = FACT
    yield Searching(collections=asked.collections, question=question)
    told = await tell_documents(question, wanted, asked, means, draft)
    if told:
        for event in told:
            yield event
        return
    found = await means.find(question)
    reading = await widen(wanted, question, found, means, draft)
    draft.lap("search")
    if asked.unread:
        yield unread_notice(asked.unread)
    for notice in draft.notices:
        yield notice
    evidence = weigh(wanted.topic or question, reading.hits)
    draft.receipt["judgement"] = evidence.data()
    if evidence.score < EVIDENCE_FLOOR:
        yield Sources(sources=closest(found.hits))
        yield draft.done(NOT_IN_DOCUMENTS, refused=True)
        return
    draft.model = await means.model.info()
    if wanted.kind in GATHERED and means.library is not None:
        async for event in collect(question, wanted, asked, means, draft):
            yield event
        return
    async for event in _from_passages(question, reading, asked, means, draft):
        yield event


async def _from_passages(
    question: str, reading: Reading, asked: Asked, means: Means, draft: Draft
) -> AsyncIterator[Event]:
    """Yield the events of an answer from these passages, in one prompt."""
    prompt = await build_prompt(question, reading, means, asked.extra)
    draft.lap("prompt")
    draft.receipt["left_out"] = left_out_of(reading.hits, prompt.sources)
    yield Sources(sources=prompt.sources)
    if prompt.left_out:
        yield left_out_notice(prompt.left_out)
    if asked.schema is not None:
        async for event in _fill(question, prompt, asked, means, draft):
            yield event
        return
    async for event in _ask_whether(prompt, asked, means, draft):
        yield event
    if not draft.is_doubted:
        async for event in _write(prompt, asked, means, draft):
            yield event
    for event in conclude(question, prompt, means, draft, reading):
        yield event


async def _ask_whether(
    prompt: prompting.Prompt, asked: Asked, means: Means, draft: Draft
) -> AsyncIterator[Event]:
    """Ask the model whether the passages hold the answer, and judge what it says."""
    # Of a comparison with one side missing the honest "no" is known already.
    if draft.model.name not in FITTED or draft.lacking:
        return
    params = SamplingParams(
        max_tokens=1,
        is_urgent=asked.is_urgent,
        adapter=asked.adapter,
        chances=_CHANCES,
    )
    _note("check", prompt.check, params, draft)
    stream = means.model.stream(prompt.check, params, user=asked.user)
    async for item in until(stream, means.stop, seconds=means.config.wall_s):
        if isinstance(item, QueuePlace) and item.position > 0:
            yield Queued(position=item.position, estimate_s=item.estimate_s)
        elif isinstance(item, TextPiece) and not draft.raw:
            draft.raw = item.text
            _judge(item.chances, draft, means.config)
        elif isinstance(item, Finished):
            _count(item, draft)
    draft.lap("check")


def _judge(said: Mapping[str, float], draft: Draft, config: GenerationConfig) -> None:
    """Doubt the answer if the model is not sure enough that there is one."""
    says_yes = log_odds(said)
    if says_yes is None:
        return
    sure = confidence(says_yes, draft.model.name)
    draft.is_doubted = sure < config.refusal_threshold
    draft.receipt["judgement"] |= {
        "says_yes": round(says_yes, 4),
        "confidence": round(sure, 4),
        "threshold": config.refusal_threshold,
    }


def _note(
    asked_for: str, messages: Sequence[Message], params: SamplingParams, draft: Draft
) -> None:
    """Put in the receipt what is sent; of two requests the last one stays."""
    draft.raw = ""
    draft.receipt |= {
        "model": model_of(draft.model),
        "asked_for": asked_for,
        "sampling": sampling_of(params),
        "prompt_digest": digest_of(messages),
    }


async def build_prompt(
    question: str,
    reading: Reading,
    means: Means,
    extra: prompting.Extra = prompting.NO_EXTRA,
) -> prompting.Prompt:
    """Return the prompt, its budget counted by the model's own tokenizer."""
    config = means.config
    # Half, because the embedder's tokens, which are counted here, are not the model's.
    room = config.source_tokens // 2
    if not prompting.wants_explanation(question):
        room = min(room, config.fact_tokens)
    if reading.sides:
        read = trim_sides(question, reading.sides, tokens=room)
    else:
        read = trim(question, worth_reading(reading.hits, config), tokens=room)
    sources = as_sources(read)
    passages = [prompting.passage_text(source) for source in sources]
    frame = prompting.frame_texts(question, extra)
    counts = await means.model.count_tokens([*passages, *frame])
    return prompting.build(
        question,
        sources,
        counts[: len(passages)],
        config=config,
        frame_tokens=prompting.frame_tokens(counts[len(passages) :]),
        extra=extra,
    )


def worth_reading(hits: Sequence[Hit], config: GenerationConfig) -> list[Hit]:
    """Return the best passages, without those far behind the best one."""
    least = config.min_score_share * hits[0].score if hits else 0.0
    return [hit for hit in hits[: config.max_sources] if hit.score >= least]


async def _write(
    prompt: prompting.Prompt, asked: Asked, means: Means, draft: Draft
) -> AsyncIterator[Event]:
    """Yield places in line and tokens until the model ends or is stopped."""
    params = _params(asked, means)
    _note("answer", prompt.messages, params, draft)
    guard = OutgoingGuard(asked.canary, means.masks)
    shown = 0
    stream = means.model.stream(prompt.messages, params, user=asked.user)
    async for item in until(stream, means.stop, seconds=means.config.wall_s):
        if isinstance(item, QueuePlace) and item.position > 0:
            yield Queued(position=item.position, estimate_s=item.estimate_s)
        elif isinstance(item, TextPiece):
            if "first_token_ms" not in draft.timings:
                draft.lap("first_token")
            draft.raw += item.text
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
    draft: Draft,
) -> AsyncIterator[Event]:
    """Yield the form that the asker wants, whole, with its evidence."""

    def stream(params: SamplingParams) -> AsyncIterator[Any]:
        written = means.model.stream(prompt.messages, params, user=asked.user)
        return until(written, means.stop, seconds=means.config.wall_s)

    params = _params(asked, means)
    _note("form", prompt.messages, params, draft)
    filled = fill_form(stream, params, means.masks, means.stop.is_set)
    async for item in filled:
        if isinstance(item, QueuePlace) and item.position > 0:
            yield Queued(position=item.position, estimate_s=item.estimate_s)
        elif isinstance(item, Finished):
            _count(item, draft)
        elif isinstance(item, Form):
            draft.lap("writing")
            for event in conclude_form(question, prompt, asked, draft, item):
                yield event
            return
    yield draft.done("", refused=False, stopped=True, outcome="partly")


def _count(end: Finished, draft: Draft) -> None:
    counts = {
        "prompt_tokens": end.prompt_tokens,
        "answer_tokens": end.answer_tokens,
        "reused_tokens": end.reused_tokens,
    }
    draft.timings |= {k: float(v) for k, v in counts.items() if v is not None}
