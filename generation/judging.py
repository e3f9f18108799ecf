"""Asking the model for one word: before it writes, and about what it wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from generation import prompting
from generation.deciding import (
    FITTED,
    READ,
    Rule,
    confidence,
    log_odds,
    missing_from,
)
from generation.drafts import Asked, Draft, Means
from generation.grounding.citations import Cited, check
from generation.grounding.premises import unborne
from generation.grounding.sentences import (
    split_sentences,
    without_marks,
    without_rounds,
)
from generation.grounding.words import claim_of, question_terms
from generation.guards.guarding import is_refusal
from generation.llm import Finished, Message, QueuePlace, SamplingParams, TextPiece
from generation.readouts import TOKEN_IDS, readout_of
from generation.standalone import asked_now
from generation.stopping import until
from generation.tables.beside import record_at
from generation.types import Event, Queued, SourceRef

# A word, the likeliest in its place, and the tokens that are read beside it.
WORD = SamplingParams(max_tokens=1, chances=20)
VERDICT = replace(WORD, token_ids=TOKEN_IDS)
# Characters of the first passage, where no words of it bear the answer.
_TEXT_CHARS = 700


async def ask_whether(
    prompt: prompting.Prompt, asked: Asked, means: Means, draft: Draft
) -> AsyncIterator[Event]:
    """Ask whether the passages hold the answer; doubt it if nothing could make it sure."""
    # Of a comparison with one side missing the honest "no" is known already.
    is_judged = means.config.refusal_threshold > 0 and not draft.lacking
    if draft.model.name not in FITTED or not is_judged:
        return
    draft.note("check", prompt.check, _params(WORD, asked))
    said: list[TextPiece | Finished] = []
    async for event in _one_word(prompt.check, WORD, asked, means, said):
        yield event
    for item in said:
        if isinstance(item, Finished):
            draft.count(item)
        else:
            draft.raw += item.text
    draft.says_yes = log_odds(first_of(said).chances, "yes", "no")
    if draft.says_yes is not None:
        rule = READ.get(draft.model.name, FITTED[draft.model.name])
        _judge(draft, means, confidence(rule, draft.says_yes))
        draft.receipt["judgement"]["says_yes"] = round(draft.says_yes, 4)
    draft.lap("check")


def is_verified(question: str, draft: Draft) -> bool:
    """Whether an answer to ``question`` is verified before it is shown."""
    return draft.says_yes is not None and not prompting.wants_explanation(question)


async def verify(
    question: str, prompt: prompting.Prompt, asked: Asked, means: Means, draft: Draft
) -> AsyncIterator[Event]:
    """Ask whether the words that bear the answer say so; doubt it if it is not sure.

    Of several sentences no claim can be made: the passages must bear one of them.
    """
    answer = without_marks(without_rounds(draft.raw))
    is_refused = draft.verdicts.is_blocked or is_refusal(draft.raw)
    if draft.says_yes is None or not answer or is_refused:
        return
    if prompting.wants_explanation(question):
        draft.is_doubted = not _is_borne(question, draft.raw, prompt)
        return
    text = bearing_text(question, draft.raw, prompt.sources)
    messages = prompting.claim_of_answer(question, answer, text)
    said: list[TextPiece | Finished] = []
    name = draft.model.name
    params = VERDICT if readout_of(name) else WORD
    async for event in _one_word(messages, params, asked, means, said):
        yield event
    rule, says_true = _verdict(name, first_of(said))
    if says_true is not None:
        asked_for = asked_now(question)
        missing = missing_from(asked_for, prompt.sources)
        words = unborne(asked_for, text, missing, _around(prompt.sources))
        told = (draft.says_yes, says_true)
        _judge(draft, means, confidence(rule, *told, is_unborne=bool(words)))
        draft.receipt["judgement"]["says_true"] = round(says_true, 4)
        if words:
            draft.receipt["judgement"]["unborne"] = list(words)
    draft.lap("verifying")


def _verdict(model: str, first: TextPiece) -> tuple[Rule, float | None]:
    """Return the reading of a claim and its rule, or the word where none can be had."""
    readout = readout_of(model)
    read = readout.read(first.wanted) if readout else None
    if read is not None:
        return READ[model], read
    return FITTED[model], log_odds(first.chances, "true", "false")


def _is_borne(question: str, answer: str, prompt: prompting.Prompt) -> bool:
    cited = _checked(question, answer, prompt.sources)
    return any(item.verdict == "supported" for item in cited)


def _checked(
    question: str, answer: str, sources: Sequence[SourceRef]
) -> tuple[Cited, ...]:
    texts = {source.n: source.quote for source in sources}
    headings = {source.n: source.heading for source in sources}
    return check(answer, texts, question=question, headings=headings).cited


def bearing_text(question: str, answer: str, sources: Sequence[SourceRef]) -> str:
    """Return the words of a source that bear ``answer``, with the sentence before them.

    Where none do, those that the first source begins with. A page seldom names its
    subject in each sentence: where the question does and they do not, its title leads.
    A row of a table has the names of its columns.
    """
    cited = _checked(question, answer, sources)
    words = next((words for item in cited for words in item.words), None)
    source, start, end = sources[0], 0, _TEXT_CHARS
    if words is not None:
        source = next(source for source in sources if source.n == words.n)
        sentences = split_sentences(source.quote)
        first = next(i for i, part in enumerate(sentences) if part.end > words.start)
        start, end = sentences[max(0, first - 1)].start, words.end
    record = record_at(source.quote, source.heading, words.start) if words else ""
    text = record or " ".join(source.quote[start:end].split())
    title = source.heading or source.document
    lacking = question_terms(question) - claim_of(text).terms
    return f"{title}: {text}" if lacking & claim_of(title).terms else text


def _around(sources: Sequence[SourceRef]) -> str:
    return " ".join(f"{s.document} {s.heading} {s.quote}" for s in sources)


def _params(wanted: SamplingParams, asked: Asked) -> SamplingParams:
    return replace(wanted, is_urgent=asked.is_urgent, adapter=asked.adapter)


async def _one_word(
    messages: Sequence[Message],
    wanted: SamplingParams,
    asked: Asked,
    means: Means,
    said: list[TextPiece | Finished],
) -> AsyncIterator[Event]:
    """Yield places in line; ``said`` takes all that the model says."""
    params = _params(wanted, asked)
    stream = means.model.stream(messages, params, user=asked.user)
    async for item in until(stream, means.stop, seconds=means.config.wall_s):
        if not isinstance(item, QueuePlace):
            said.append(item)
        elif item.position > 0:
            yield Queued(position=item.position, estimate_s=item.estimate_s)


def first_of(said: Sequence[QueuePlace | TextPiece | Finished]) -> TextPiece:
    """Return the reply's first token, with no chances from a server without them."""
    pieces = (item for item in said if isinstance(item, TextPiece))
    return next(pieces, TextPiece(text=""))


def _judge(draft: Draft, means: Means, sure: float) -> None:
    threshold = means.config.refusal_threshold
    draft.is_doubted = sure < threshold
    draft.receipt["judgement"] |= {
        "confidence": round(sure, 4),
        "threshold": threshold,
    }
