"""From the text that a model wrote to the end of an answer: checked, cited, judged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from generation import prompting
from generation.contesting import contest
from generation.deciding import (
    missing_from,
    outcome_of,
)
from generation.drafts import Asked, Draft, Means
from generation.everything.widening import Material
from generation.forming import Form
from generation.grounding.citations import Checked, Cited, check
from generation.grounding.entailing import hold_to
from generation.grounding.entailment import EntailmentUnavailable
from generation.grounding.sentences import without_marks, without_rounds
from generation.guards.guarding import (
    NOT_IN_DOCUMENTS,
    holds_refusal,
    is_refusal,
    without_marker,
)
from generation.guards.obeying import rests_on_an_order
from generation.guards.outgoing import OutgoingGuard
from generation.paraphrase import look_again
from generation.receipts import text_digest
from generation.shortening import shorten
from generation.showing import order_notice, withheld_notice
from generation.structured import evidence
from generation.types import (
    Borne,
    CitationFound,
    Event,
    SourceRef,
    Sources,
    Token,
)
from ingestion.errors import EmbedderUnavailable
from ingestion.masking import Kind, mask
from retrieval.types import Hit

logger = logging.getLogger(__name__)


def conclude_form(
    question: str, prompt: prompting.Prompt, asked: Asked, draft: Draft, form: Form
) -> list[Event]:
    guard = OutgoingGuard(asked.canary)
    guard.feed(form.text)
    draft.verdicts = guard.verdicts
    if guard.is_blocked:
        return withhold(draft)
    texts = {source.n: source.quote for source in prompt.sources}
    found = evidence(form.leaves, texts, question=question, schema=asked.schema or {})
    return [
        Token(text=form.text),
        *found,
        draft.done(form.text, refused=False, outcome=outcome_of(found, ())),
    ]


def withhold(draft: Draft) -> list[Event]:
    return [withheld_notice(), draft.done(NOT_IN_DOCUMENTS, refused=True)]


async def conclude(
    question: str,
    prompt: prompting.Prompt,
    means: Means,
    draft: Draft,
    material: Material,
) -> list[Event]:
    """Return the sentences with their sources, what contradicts them, and the end."""
    if draft.verdicts.is_blocked:
        return withhold(draft)
    stopped = means.stop.is_set()
    text = without_rounds(draft.text.strip())
    draft.receipt["written_digest"] = text_digest(draft.raw)
    if not means.masks:
        draft.receipt["written"] = draft.raw
    is_empty = not (without_marks(text) or stopped)
    is_fact = not prompting.wants_explanation(question)
    is_taken_back = is_refusal(text) or (is_fact and holds_refusal(text))
    if draft.is_doubted or is_taken_back or is_empty:
        return [draft.done(NOT_IN_DOCUMENTS, refused=True, stopped=stopped)]
    if rests_on_an_order(text, question, [s.quote for s in prompt.sources]):
        draft.receipt["followed_an_order"] = True
        refusal = draft.done(NOT_IN_DOCUMENTS, refused=True, stopped=stopped)
        return [order_notice(), refusal]
    text = shorten(text, question) if is_fact else without_marker(text)
    checked, texts = await _checked(text, question, prompt, means, draft)
    cited = [citation_of(item, prompt.sources, texts) for item in checked.cited]
    lacking = [*draft.lacking, *missing_from(question, prompt.sources)]
    missing = tuple(dict.fromkeys(lacking))
    hits = _without_items([*material.hits, *material.copies], means.masks)
    contested = contest(question, cited, prompt.sources, hits)
    events: list[Event] = [*cited]
    if contested is not None:
        added = [Sources(sources=contested.added)] if contested.added else []
        events = [*added, *cited, contested.conflict]
        draft.receipt["conflict"] = contested.conflict.spans()
    end = draft.done(
        checked.text,
        refused=False,
        stopped=stopped,
        outcome="partly" if contested else outcome_of(cited, missing),
        missing=missing,
    )
    return [*events, end]


async def _checked(
    text: str, question: str, prompt: prompting.Prompt, means: Means, draft: Draft
) -> tuple[Checked, Mapping[int, str]]:
    """Return the sentences, judged, and the sources as they were held to them."""
    texts = {source.n: source.quote for source in prompt.sources}
    headings = {source.n: source.heading for source in prompt.sources}
    if means.masks:
        # A label in the answer stands for what its source says.
        texts = {n: mask(quote, means.masks) for n, quote in texts.items()}
    checked = check(text, texts, question=question, headings=headings)
    try:
        entailment = await asyncio.to_thread(means.entailment)
        if entailment is not None:
            held = await hold_to(checked, texts, headings, question, entailment)
            draft.receipt["entailment"] = {
                "name": entailment.name,
                "digest": entailment.digest,
            }
            return held, texts
    except EntailmentUnavailable as exc:
        logger.warning("sentences are judged without it: %s", exc.message)
    if means.library is None:
        return checked, texts
    embed = means.library.embed
    try:
        return await look_again(checked, texts, headings, question, embed), texts
    except EmbedderUnavailable as exc:
        logger.warning("sentences are judged by their words alone: %s", exc.message)
        return checked, texts


def _without_items(hits: Sequence[Hit], masks: frozenset[Kind]) -> Sequence[Hit]:
    """Return the passages that may be quoted beside an answer."""
    return [hit for hit in hits if mask(hit.text, masks) == hit.text] if masks else hits


def citation_of(
    item: Cited, sources: Sequence[SourceRef], texts: Mapping[int, str]
) -> CitationFound:
    """Return a sentence with the words that bear it, as spans of their versions.

    Args:
        texts: the sources as the sentence was held to them, masked or not.
    """
    starts = {source.n: source.start for source in sources}
    quotes = {source.n: source.quote for source in sources}
    borne = [
        Borne(
            n=words.n,
            start=starts[words.n] + words.start,
            end=starts[words.n] + words.end,
            quote=quotes[words.n][words.start : words.end],
        )
        for words in item.words
        # Words of a masked text stand at other places in the stored one.
        if texts[words.n] == quotes[words.n]
    ]
    return CitationFound(
        start=item.start,
        end=item.end,
        sentence=item.sentence,
        sources=item.sources,
        verdict=item.verdict,
        evidence=tuple(borne),
    )
