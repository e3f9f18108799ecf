"""Questions whose answer stands in many passages: read in groups, item by item.

    List all suppliers    ->    - Acme Ltd [1][9]
                                - Berg Pumps [2]

The model names the items of each group of passages; every line is held to its passage
by the citation checker, and one that its passage does not bear is left out. A number
is counted from the lines that remain, never taken from a model.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from generation import prompting
from generation.concluding import withhold
from generation.deciding import Outcome
from generation.drafts import Asked, Draft, Means
from generation.everything.items import Items
from generation.everything.kinds import Kind, Wanted
from generation.everything.library import Matching
from generation.guards.guarding import NOT_IN_DOCUMENTS
from generation.guards.outgoing import OutgoingGuard, Verdicts
from generation.llm import Finished, Message, QueuePlace, SamplingParams, TextPiece
from generation.receipts import digest_of, model_of, sampling_of, text_digest
from generation.showing import as_sources, cut_notice
from generation.stopping import until, until_it_repeats
from generation.types import (
    Event,
    GenerationConfig,
    Notice,
    Queued,
    Reading,
    SourceRef,
    Sources,
    Token,
)


@dataclass(slots=True)
class _Work:
    """One gathering: what was sent and written so far."""

    question: str
    asked: Asked
    means: Means
    draft: Draft
    params: SamplingParams
    deadline: float
    items: Items
    sent: list[Message] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    # Passages of groups to whose end the model came.
    finished: int = 0
    is_cut: bool = False

    @property
    def is_over(self) -> bool:
        return self.means.stop.is_set() or time.monotonic() >= self.deadline


async def collect(
    question: str, wanted: Wanted, asked: Asked, means: Means, draft: Draft
) -> AsyncIterator[Event]:
    """Yield the events of a list over all matching passages, up to the end."""
    assert means.library is not None  # noqa: S101 - asked by the caller
    config = means.config
    matching = await means.library.matching(wanted.topic, config.min_score_share)
    draft.lap("gather")
    sources = as_sources(matching.hits[: config.gather_passages])
    groups = await _grouped(question, sources, asked, means)
    planned = sum(len(group) for group in groups)
    work = _work(question, wanted, asked, means, draft)
    read: list[SourceRef] = []
    for group in groups:
        if work.is_over:
            break
        read += group
        yield Sources(sources=tuple(group))
        yield Reading(passages=len(read), total=planned)
        async for event in _read(group, work):
            yield event
        if draft.verdicts.is_blocked:
            break
    draft.lap("writing")
    _note(wanted, matching, work)
    if draft.verdicts.is_blocked:
        ending: Sequence[Event] = withhold(draft)
    else:
        ending = _conclude(wanted, matching, read, work)
    for event in ending:
        yield event


def _work(
    question: str, wanted: Wanted, asked: Asked, means: Means, draft: Draft
) -> _Work:
    config = means.config
    params = SamplingParams(
        max_tokens=config.max_answer_tokens,
        temperature=config.temperature,
        seed=config.seed,
        is_urgent=asked.is_urgent,
        adapter=asked.adapter,
    )
    return _Work(
        question=question,
        asked=asked,
        means=means,
        draft=draft,
        params=params,
        deadline=time.monotonic() + config.wall_s,
        items=Items(topic=wanted.topic, masks=means.masks),
    )


async def _grouped(
    question: str, sources: Sequence[SourceRef], asked: Asked, means: Means
) -> list[list[SourceRef]]:
    """Return the sources in groups that fit into a prompt, numbered through.

    One that fits into none is left out.
    """
    passages = [prompting.passage_text(source) for source in sources]
    empty = prompting.gather_of(question, (), asked.extra)
    frame = [message.content for message in empty]
    counts = await means.model.count_tokens([*passages, *frame])
    room = room_of(means.config, prompting.frame_tokens(counts[len(passages) :]))
    return grouped(sources, counts, room=room, most=means.config.max_sources)


def room_of(config: GenerationConfig, frame_tokens: int) -> int:
    """Return the tokens of passages in one prompt."""
    room = config.context_tokens - config.max_answer_tokens - frame_tokens
    return min(room, config.source_tokens)


def grouped(
    sources: Sequence[SourceRef], counts: Sequence[int], *, room: int, most: int
) -> list[list[SourceRef]]:
    """Return ``sources`` in their order, in groups of ``most`` and ``room`` tokens."""
    groups: list[list[SourceRef]] = []
    left, number = 0, 0
    for source, count in zip(sources, counts, strict=False):
        # A line break between passages may be a token of its own.
        if count + 1 > room:
            continue
        if not groups or count + 1 > left or len(groups[-1]) == most:
            groups.append([])
            left = room
        number += 1
        groups[-1].append(replace(source, n=number))
        left -= count + 1
    return groups


async def _read(group: Sequence[SourceRef], work: _Work) -> AsyncIterator[Event]:
    """Yield what happens while the model reads ``group``, and its items as a token."""
    messages = prompting.gather_of(work.question, group, work.asked.extra)
    work.sent += messages
    work.groups.append(len(group))
    guard = OutgoingGuard(work.asked.canary, work.means.masks)
    raw = text = ""
    stream = until_it_repeats(
        work.means.model.stream(messages, work.params, user=work.asked.user)
    )
    left = max(0.0, work.deadline - time.monotonic())
    async for item in until(stream, work.means.stop, seconds=left):
        if isinstance(item, QueuePlace) and item.position > 0:
            yield Queued(position=item.position, estimate_s=item.estimate_s)
        elif isinstance(item, TextPiece):
            raw += item.text
            text += guard.feed(item.text)
            if guard.is_blocked:
                break
        elif isinstance(item, Finished):
            _count(item, work)
    text += guard.finish()
    work.written.append(raw)
    work.finished += 0 if work.is_over else len(group)
    work.draft.verdicts = _together(work.draft.verdicts, guard.verdicts)
    if guard.is_blocked:
        return
    new = work.items.take(text, group)
    if new:
        yield Token(text=new)


def _count(end: Finished, work: _Work) -> None:
    # Ended because time is up, it says "length" too.
    work.is_cut = work.is_cut or (end.reason == "length" and not work.is_over)
    counts = {
        "prompt_tokens": end.prompt_tokens,
        "answer_tokens": end.answer_tokens,
        "reused_tokens": end.reused_tokens,
    }
    timings = work.draft.timings
    for name, count in counts.items():
        if count is not None:
            timings[name] = timings.get(name, 0.0) + count


def _together(one: Verdicts, other: Verdicts) -> Verdicts:
    kinds = [*one.masked, *other.masked]
    return Verdicts(
        masked={k: one.masked.get(k, 0) + other.masked.get(k, 0) for k in kinds},
        is_blocked=one.is_blocked or other.is_blocked,
    )


def _note(wanted: Wanted, matching: Matching, work: _Work) -> None:
    """Put in the receipt what was sent, all prompts in their order, and written."""
    draft = work.draft
    draft.raw = "\n".join(work.written)
    draft.receipt |= {
        "way": wanted.kind.value,
        "passages": {"matching": matching.total, "read": work.finished},
        "model": model_of(draft.model),
        "asked_for": "gather",
        "groups": work.groups,
        "sampling": sampling_of(work.params),
        "prompt_digest": digest_of(work.sent),
        "written_digest": text_digest(draft.raw),
        "dropped_lines": work.items.dropped,
    }


def _conclude(
    wanted: Wanted, matching: Matching, read: Sequence[SourceRef], work: _Work
) -> list[Event]:
    draft, items = work.draft, work.items
    stopped = work.means.stop.is_set()
    notices = [coverage_of(matching, read[: work.finished], is_over=work.is_over)]
    if items.dropped:
        notices.append(_dropped_notice(items.dropped))
    if work.is_cut:
        notices.append(cut_notice())
    if not items:
        if stopped:
            end = draft.done("", refused=False, stopped=True, outcome="partly")
        else:
            end = draft.done(NOT_IN_DOCUMENTS, refused=True)
        return [*notices, end]
    head = ""
    if wanted.kind == Kind.COUNT:
        head = f"{len(items):,}, counted from the passages that were read:\n\n"
    text, cited = items.written(head)
    is_whole = work.finished == matching.total and not work.is_cut
    outcome: Outcome = "answered" if is_whole else "partly"
    end = draft.done(text, refused=False, stopped=stopped, outcome=outcome)
    return [*notices, *cited, end]


def coverage_of(
    matching: Matching, read: Sequence[SourceRef], *, is_over: bool
) -> Notice:
    """Return the notice that tells how much of what matches was read."""
    documents = len({source.document_id for source in read})
    if not matching.total:
        return Notice(code="coverage", message="No passage matches.")
    if len(read) == matching.total:
        every = "The 1 matching passage was" if len(read) == 1 else (
            f"All {len(read)} matching passages in {documents} "
            f"document{'s' if documents > 1 else ''} were"
        )  # fmt: skip
        return Notice(code="coverage", message=f"{every} read.")
    why = (
        "It ended before the others were read"
        if is_over
        else "Narrow the question, or choose collections or filters, to have all read"
    )
    told = f"{len(read)} of {matching.total:,} matching passages were read. {why}."
    return Notice(code="coverage_partly", message=told)


def _dropped_notice(count: int) -> Notice:
    lines = "1 line" if count == 1 else f"{count} lines"
    verb = "is" if count == 1 else "are"
    return Notice(
        code="lines_dropped",
        message=f"{lines} of the model {verb} left out: no passage bears what it says.",
    )
