"""An answer made again from what is stored of it: the same prompt, weights and seed.

The prompt is built anew from the spans of the sources, and must have the digest that
the receipt holds, else a document or the prompt's words have changed since.

Sums of a batch of another width round differently, so that of two tokens that are as
good as equal now the one and now the other is the likeliest. A text that comes out
otherwise is therefore read once more as it was stored: it is the same text of the same
weights if each of its tokens is the likeliest in its place but for rounding.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

from generation import prompting
from generation.guards.canaries import canary_of
from generation.llm import LanguageModel, Message, SamplingParams, TextPiece
from generation.models import Answer
from generation.receipts import digest_of, prompts_of, text_digest
from generation.selectors import sources_of
from generation.stopping import until_it_repeats
from rag_site.asking import Asker
from rag_site.errors import Conflict, NotFound

# Most that rounding was seen to move a log-probability by is 0.24 (docs/evaluation.md,
# Generation); of two tokens each may be moved.
ROUNDING = 0.5


class NotReplayable(Conflict):
    """This answer cannot be made again: no model wrote it, it did not end, or it is JSON."""

    code = "not_replayable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it.

    Attributes:
        text: as the model wrote it, before citations were mended.
        is_same_prompt: every byte that was sent is as it was.
        is_same_model: the weights have the digest of then.
        is_same_text: so is the text, but for rounding.
        shortfall: how much less likely than the likeliest a token of the stored text
            was at most, in natural logarithms; None where it came out by itself, or
            where that cannot be told.
    """

    answer_id: UUID
    text: str
    is_same_prompt: bool
    is_same_model: bool
    is_same_text: bool
    shortfall: float | None = None

    @property
    def is_same(self) -> bool:
        return self.is_same_prompt and self.is_same_model and self.is_same_text


def model_name_of(answer: Answer) -> str:
    """Return the name of the model that wrote it. Raises NotReplayable."""
    receipt = answer.receipt
    if answer.state != Answer.State.DONE or "prompt_digest" not in receipt:
        raise NotReplayable
    # The database keeps a schema, not the order of its keys, which was sent.
    if receipt["asked_for"] == "form":
        raise NotReplayable
    return answer.model_name


def replay(answer_id: UUID, model: LanguageModel) -> Replayed:
    """Ask ``model`` the stored prompt again.

    Raises:
        NotFound, NotReplayable, and what the model raises.
    """
    answer = answer_of(answer_id)
    model_name_of(answer)
    prompts = _prompts(answer)
    messages = [message for prompt in prompts for message in prompt]
    text, digest = asyncio.run(_write(prompts, answer.receipt["sampling"], model))
    is_same_text = text_digest(text) == answer.receipt.get("written_digest", "")
    shortfall = None
    if not is_same_text and len(prompts) == 1:
        shortfall = asyncio.run(_shortfall(prompts[0], answer.receipt, model))
    if shortfall is not None and shortfall <= ROUNDING:
        text, is_same_text = answer.receipt["written"], True
    return Replayed(
        answer_id=answer.pk,
        text=text,
        is_same_prompt=digest_of(messages) == answer.receipt["prompt_digest"],
        is_same_model=digest == answer.model_digest,
        is_same_text=is_same_text,
        shortfall=shortfall,
    )


def answer_of(answer_id: UUID) -> Answer:
    """Return any answer: whoever has a shell may read the database anyway."""
    row = Answer.objects.select_related("conversation").filter(pk=answer_id).first()
    if row is None:
        raise NotFound
    return row


def _prompts(answer: Answer) -> list[tuple[Message, ...]]:
    """Return what was sent: one prompt, or one for each group of passages."""
    asker = Asker(user_id=answer.conversation.user_id, via="shell")
    sources = [source for source in sources_of(answer, asker) if source.in_prompt]
    question = answer.standalone_question or answer.question
    extra = prompting.Extra(canary=canary_of(str(answer.pk), settings.SECRET_KEY))
    return prompts_of(answer.receipt, question, sources, extra)


async def _write(
    prompts: Sequence[tuple[Message, ...]],
    sampling: dict[str, Any],
    model: LanguageModel,
) -> tuple[str, str]:
    """Return the text and the digest of the weights.

    Nothing that was evaluated before is reused: sums of a batch of another width
    round differently, and two tokens may be as good as equal.
    """
    params = SamplingParams(**{**sampling, "stop": tuple(sampling["stop"])})
    info = await model.info()
    texts = []
    for messages in prompts:
        user = f"replay-{uuid4()}"
        stream = model.stream(_unshared(messages), params, user=user)
        pieces = [
            item.text
            async for item in until_it_repeats(stream)
            if isinstance(item, TextPiece)
        ]
        texts.append("".join(pieces))
    return "\n".join(texts), info.digest


async def _shortfall(
    messages: Sequence[Message], receipt: Mapping[str, Any], model: LanguageModel
) -> float | None:
    """Return how much less likely than the likeliest a token as written was at most.

    None if items of people were masked in it, if tokens were drawn at random, or from
    a server that cannot tell.
    """
    written = receipt.get("written")
    if not written or receipt["sampling"]["temperature"]:
        return None
    scores = await model.score(_unshared(messages), written, user=f"replay-{uuid4()}")
    if scores is None:
        return None
    return max((score.likeliest - score.logprob for score in scores), default=0.0)


def _unshared(messages: Sequence[Message]) -> list[Message]:
    """Return the messages so that nothing that was evaluated of them is reused."""
    return [Message(role=one.role, content=one.content) for one in messages]
