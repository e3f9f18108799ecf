"""A language model that says what it was told to, through the real protocol's events."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

from generation.errors import ModelLost
from generation.estimating import estimate_tokens
from generation.llm import (
    Finished,
    Message,
    ModelInfo,
    QueuePlace,
    SamplingParams,
    Scored,
    TextPiece,
)


class ScriptedLLM:
    """Implements ``generation.llm.LanguageModel``.

        model = ScriptedLLM()
        model.enqueue(["Forty ", "litres [1]."])
        model.prompts                  # what it was sent

    A piece that is an exception is raised there; ``delay_s`` passes before each
    piece, so that a test can act in the middle of an answer.
    """

    def __init__(self, *, delay_s: float = 0.0, place: int = 0) -> None:
        self.delay_s = delay_s
        self.place = place
        self.prompts: list[tuple[Message, ...]] = []
        self.params: list[SamplingParams] = []
        self.users: list[str] = []
        self.cancelled = 0
        # Log-probabilities of tokens in the check whether the passages hold the
        # answer. Empty as from a server that tells none.
        self.check: dict[str, float] = {}
        # Of the tokens that are asked for by number; empty as from a server without them.
        self.wanted: tuple[float, ...] = ()
        # Of each token of a continuation; None as from a server that cannot score.
        self.score_each: float | None = -1.0
        self.likeliest = -1.0
        self._scripts: deque[list[str | Exception]] = deque()

    def enqueue(self, pieces: Sequence[str | Exception]) -> None:
        self._scripts.append(list(pieces))

    async def stream(
        self, messages: Sequence[Message], params: SamplingParams, *, user: str
    ) -> AsyncIterator[QueuePlace | TextPiece | Finished]:
        if params.max_tokens == 1:
            wanted = self.wanted if params.token_ids else ()
            yield TextPiece(text="yes", chances=self.check, wanted=wanted)
            yield Finished()
            return
        self.prompts.append(tuple(messages))
        self.params.append(params)
        self.users.append(user)
        pieces = self._scripts.popleft() if self._scripts else ["Scripted answer [1]."]
        if self.place:
            yield QueuePlace(position=self.place)
        yield QueuePlace(position=0)
        given = pieces[: params.max_tokens]
        try:
            for piece in given:
                await asyncio.sleep(self.delay_s)
                if isinstance(piece, Exception):
                    raise piece
                yield TextPiece(text=piece)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        yield Finished(
            reason="length" if len(given) < len(pieces) else "stop",
            prompt_tokens=sum(estimate_tokens(m.content) for m in messages),
            answer_tokens=len(given),
        )

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [estimate_tokens(text) for text in texts]

    async def score(
        self, messages: Sequence[Message], continuation: str, *, user: str
    ) -> tuple[Scored, ...] | None:
        each = self.score_each
        if each is None:
            return None
        return (Scored(each, self.likeliest),) * estimate_tokens(continuation)

    async def info(self) -> ModelInfo:
        return ModelInfo(name="scripted", digest="0" * 64, context_tokens=4096)


def lost() -> ModelLost:
    """What a model server that dies in mid-answer looks like."""
    return ModelLost()
