"""One question to one answer, as events: search, judge, prompt, write, check.

The same pipeline serves the page, the API and the shell. Nothing here touches
the database but ``means.find``; no connection is held while tokens flow.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from math import inf
from typing import Any

from django.utils import timezone

from generation import courtesies, prompting
from generation.concluding import conclude, conclude_form
from generation.drafts import Asked, Draft, Means
from generation.everything.collecting import collect
from generation.everything.kinds import FACT, GATHERED, Wanted
from generation.everything.listing import tell_documents
from generation.everything.widening import Material, trim_sides, widen
from generation.forming import Form, fill_form
from generation.guards.guarding import (
    EVIDENCE_FLOOR,
    NOT_IN_DOCUMENTS,
    is_refusal,
    may_become_refusal,
    weigh,
)
from generation.guards.outgoing import OutgoingGuard
from generation.judging import ask_whether, is_verified, verify
from generation.llm import (
    Finished,
    Message,
    QueuePlace,
    SamplingParams,
    TextPiece,
)
from generation.receipts import (
    left_out_of,
)
from generation.showing import (
    as_sources,
    closest,
    cut_notice,
    left_out_notice,
    unread_notice,
)
from generation.stopping import until, until_it_repeats
from generation.tables.telling import tell_rows
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
from retrieval.types import Hit, SearchResult

__all__ = ["Asked", "Means", "answer"]

logger = logging.getLogger(__name__)

# An answer of more characters is not of a few words: it is shown as it comes, and only
# its sentences are checked.
HELD_CHARS = 240


async def answer(asked: Asked, means: Means) -> AsyncIterator[Event]:
    """Yield the events of one answer, ending with Done.

    Raises:
        RagError: of search or of the model; what was yielded stays valid.
    """
    draft = Draft()
    said = courtesies.reply_to(asked.question) if asked.schema is None else ""
    if said:
        draft.receipt["way"] = courtesies.WAY
        yield Token(text=said)
        yield draft.done(said, refused=False, outcome="answered")
        return
    question, wanted = understand(asked.question, asked.previous, timezone.localdate())
    if asked.schema is not None:
        wanted = FACT
    yield Searching(collections=asked.collections, question=question)
    told = await tell_documents(question, wanted, asked, means, draft)
    if not told:
        found = await means.find(question)
        draft.lap("search")
        told = await tell_rows(question, wanted, found, asked, means, draft)
    for event in told:
        yield event
    if not told:
        async for event in _from_found(question, wanted, found, asked, means, draft):
            yield event


async def _from_found(
    question: str,
    wanted: Wanted,
    found: SearchResult,
    asked: Asked,
    means: Means,
    draft: Draft,
) -> AsyncIterator[Event]:
    """Yield the events of an answer that a model writes, or of a refusal."""
    material = await widen(wanted, question, found, means, draft)
    draft.lap("widening")
    if asked.unread:
        yield unread_notice(asked.unread)
    for notice in draft.notices:
        yield notice
    is_gathered = wanted.kind in GATHERED and means.library is not None
    evidence = weigh(wanted.topic if is_gathered else question, material.hits)
    draft.receipt["judgement"] = evidence.data()
    # A list has but the word for its items, which need not be theirs: "suppliers" of
    # passages that tell who supplies what. Each line of it is held to its passage.
    if evidence.score < EVIDENCE_FLOOR and not is_gathered:
        yield Sources(sources=closest(found.hits))
        yield draft.done(NOT_IN_DOCUMENTS, refused=True)
        return
    draft.model = await means.model.info()
    if is_gathered:
        async for event in collect(question, wanted, asked, means, draft):
            yield event
        return
    async for event in _from_passages(question, material, asked, means, draft):
        yield event


async def _from_passages(
    question: str, material: Material, asked: Asked, means: Means, draft: Draft
) -> AsyncIterator[Event]:
    """Yield the events of an answer from these passages, in one prompt."""
    prompt = await build_prompt(question, material, means, asked.extra)
    draft.lap("prompt")
    draft.receipt["left_out"] = left_out_of(material.hits, prompt.sources)
    yield Sources(sources=prompt.sources)
    if prompt.left_out:
        yield left_out_notice(prompt.left_out)
    if asked.schema is not None:
        async for event in _fill(question, prompt, asked, means, draft):
            yield event
        return
    async for event in ask_whether(prompt, asked, means, draft):
        yield event
    if not draft.is_doubted:
        async for event in _in_prose(question, prompt, asked, means, draft):
            yield event
    for event in await conclude(question, prompt, means, draft, material):
        yield event


async def _in_prose(
    question: str, prompt: prompting.Prompt, asked: Asked, means: Means, draft: Draft
) -> AsyncIterator[Event]:
    """Yield the answer as it is written, or a short one when it is verified.

    A small model refuses too readily and too seldom, so where its yes was measured its
    refusal is not taken for one: it is asked again for the best that there is.
    """
    params = _params(asked, means)
    draft.note("answer", prompt.messages, params)
    hold = HELD_CHARS if is_verified(question, draft) else 0
    async for event in _write(prompt.messages, params, asked, means, draft, hold):
        yield event
    if draft.says_yes is None or draft.shown:
        return
    if is_refusal(draft.raw):
        draft.note("insist", prompt.insist, params)
        async for event in _write(prompt.insist, params, asked, means, draft, inf):
            yield event
    async for event in verify(question, prompt, asked, means, draft):
        yield event
    for token in _unshown(draft):
        yield token


async def build_prompt(
    question: str,
    material: Material,
    means: Means,
    extra: prompting.Extra = prompting.NO_EXTRA,
) -> prompting.Prompt:
    """Return the prompt, its budget counted by the model's own tokenizer."""
    config = means.config
    # Half, because the embedder's tokens, which are counted here, are not the model's.
    room = config.source_tokens // 2
    if not prompting.wants_explanation(question):
        room = min(room, config.fact_tokens)
    if material.sides:
        read = trim_sides(question, material.sides, tokens=room)
    else:
        read = trim(question, worth_reading(material.hits, config), tokens=room)
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
    messages: Sequence[Message],
    params: SamplingParams,
    asked: Asked,
    means: Means,
    draft: Draft,
    hold: float,
) -> AsyncIterator[Event]:
    """Yield places in line and tokens until the model ends or is stopped.

    Args:
        hold: characters up to which nothing is shown yet.
    """
    guard = OutgoingGuard(asked.canary, means.masks)
    draft.text = ""
    stream = until_it_repeats(means.model.stream(messages, params, user=asked.user))
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
            for token in _unshown(draft, hold):
                yield token
        elif isinstance(item, Finished):
            draft.count(item)
            if item.reason == "length":
                yield cut_notice()
    draft.text += guard.finish()
    draft.verdicts = guard.verdicts
    for token in _unshown(draft, hold):
        yield token
    draft.lap("writing")


def _unshown(draft: Draft, hold: float = 0) -> Iterator[Token]:
    """Yield what may be shown and is not yet, once it has more than ``hold`` characters."""
    is_refused = draft.is_doubted or may_become_refusal(draft.text)
    if len(draft.text) > max(draft.shown, hold) and not is_refused:
        yield Token(text=draft.text[draft.shown :])
        draft.shown = len(draft.text)


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
    draft.note("form", prompt.messages, params)
    filled = fill_form(stream, params, means.masks, means.stop.is_set)
    async for item in filled:
        if isinstance(item, QueuePlace) and item.position > 0:
            yield Queued(position=item.position, estimate_s=item.estimate_s)
        elif isinstance(item, Finished):
            draft.count(item)
        elif isinstance(item, Form):
            draft.lap("writing")
            for event in conclude_form(question, prompt, asked, draft, item):
                yield event
            return
    yield draft.done("", refused=False, stopped=True, outcome="partly")
