"""Several askers at once and reuse, each against the same without it.

Every pair runs in turns on one server in one run: a busy machine slows both.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from django.conf import settings

from generation.benchmarking.peer import PeerMissing, peer
from generation.llm import (
    Finished,
    HttpLanguageModel,
    Message,
    SamplingParams,
    TextPiece,
)
from rag_site.benchmarks import Result
from rag_site.errors import RagError

if TYPE_CHECKING:
    from generation.benchmarking.bare import BareLoop

logger = logging.getLogger(__name__)

ASKERS = 8
ANSWER_TOKENS = 128
SHORT_PROMPT_WORDS = 70
PASSAGE_WORDS = 900
TURNS = 10
FIRST_TURN_WORDS = 1200
# Plain words, so that every tokenizer of the catalogue takes about one token for each.
TOPICS = [
    "water",
    "river",
    "stone",
    "light",
    "paper",
    "table",
    "green",
    "house",
    "north",
    "field",
    "train",
    "road",
    "glass",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one request cost: seconds, and tokens by the server's count."""

    text: str
    first_s: float
    total_s: float
    prompt: int
    reused: int
    answered: int

    @property
    def evaluated(self) -> int:
        return self.prompt - self.reused


async def ask(
    model: HttpLanguageModel,
    messages: Sequence[Message],
    *,
    user: str = "",
    tokens: int = ANSWER_TOKENS,
) -> Asked:
    """Ask once; without a ``user`` nothing is shared with anybody."""
    started = time.perf_counter()
    first, text, end, pieces = 0.0, "", Finished(), 0
    params = SamplingParams(max_tokens=tokens)
    name = user or secrets.token_hex(8)
    async for item in model.stream(messages, params, user=name):
        if isinstance(item, TextPiece):
            first = first or time.perf_counter() - started
            text += item.text
            pieces += 1
        elif isinstance(item, Finished):
            end = item
    return Asked(
        text=text,
        first_s=first,
        total_s=time.perf_counter() - started,
        prompt=end.prompt_tokens or 0,
        reused=end.reused_tokens or 0,
        answered=end.answer_tokens or pieces,
    )


def words(seed: int, count: int) -> str:
    """Return plain words; texts of two seeds share no beginning."""
    step = 1 + seed % 11
    chosen = (TOPICS[(seed * 7 + n * step) % len(TOPICS)] for n in range(count))
    return f"{seed}: {' '.join(chosen)}"


def user_message(text: str, *, scope: str = "", shared: int = 0) -> list[Message]:
    return [Message(role="user", content=text, scope=scope, shared_chars=shared)]


def row(name: str, value: float, baseline: float, *, unit: str, goal: str) -> Result:
    return Result(
        name=name,
        value=round(value, 2),
        unit=unit,
        baseline=round(baseline, 2),
        ratio=round(value / baseline, 3) if baseline else None,
        goal=goal or None,
    )


@dataclass(frozen=True, slots=True)
class Server:
    """What is measured, the bare loop on the same library, and the weights of both."""

    model: HttpLanguageModel
    loop: BareLoop
    weights: Path


def short_prompt(number: int) -> str:
    text = words(number, SHORT_PROMPT_WORDS)
    return f"{text}\nWrite a long story about these words."


def several_askers(server: Server) -> list[Result]:
    """Eight short prompts one after another, then eight at once; and two peers at it."""
    alone_s, together = asyncio.run(_alone_and_together(server.model, 100))
    bare = _bare_together(server.loop)
    firsts = [found.first_s for found in together.found]
    name = f"{ASKERS} askers at once"
    return [
        row(
            f"{name} against one after another",
            together.rate,
            alone_s,
            unit="tokens/s",
            goal="ratio at least 2.3",
        ),
        row(
            "slowest first token of them against the median",
            max(firsts),
            median(firsts),
            unit="s",
            goal="ratio at most 1.5",
        ),
        row(
            f"{name} against a bare loop of as many sequences",
            together.rate,
            bare[1],
            unit="tokens/s",
            goal="",
        ),
        row(
            f"that bare loop of {ASKERS} against a bare loop of one",
            bare[1],
            bare[0],
            unit="tokens/s",
            goal="",
        ),
        *_beside_peer(server, together.rate),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Together:
    found: list[Asked]
    seconds: float

    @property
    def rate(self) -> float:
        return sum(one.answered for one in self.found) / self.seconds


async def _alone_and_together(
    model: HttpLanguageModel, start: int
) -> tuple[float, _Together]:
    """Return tokens a second one after another, and what came of all at once."""
    began = time.perf_counter()
    alone = [
        await ask(model, user_message(short_prompt(start + n))) for n in range(ASKERS)
    ]
    took = time.perf_counter() - began
    together = await _together(model, start + ASKERS)
    return sum(one.answered for one in alone) / took, together


async def _together(model: HttpLanguageModel, start: int) -> _Together:
    began = time.perf_counter()
    found = await asyncio.gather(
        *(ask(model, user_message(short_prompt(start + n))) for n in range(ASKERS))
    )
    return _Together(found=found, seconds=time.perf_counter() - began)


def _bare_together(loop: BareLoop) -> tuple[float, float]:
    """Return tokens a second of the bare loop, one after another and all at once."""
    alone = [loop.tokens(short_prompt(200 + n)) for n in range(ASKERS)]
    alone_s = sum(loop.run_several([one], ANSWER_TOKENS) for one in alone)
    several = [loop.tokens(short_prompt(300 + n)) for n in range(ASKERS)]
    together_s = loop.run_several(several, ANSWER_TOKENS)
    tokens = ASKERS * ANSWER_TOKENS
    return tokens / alone_s, tokens / together_s


def _beside_peer(server: Server, ours: float) -> list[Result]:
    """Ask llama-cpp-python's own example server the same; skipped where it is not had."""
    from generation.server.native import available_threads

    threads = available_threads(settings.MODEL_THREADS)
    try:
        with peer(server.weights, slots=ASKERS, threads=threads) as other:
            asyncio.run(ask(other, user_message("Hello."), tokens=2))
            theirs = asyncio.run(_together(other, 400))
    except (PeerMissing, RagError) as exc:
        logger.warning("the comparison with the example server is left out: %s", exc)
        return []
    return [
        row(
            f"{ASKERS} askers at once against the library's example server",
            ours,
            theirs.rate,
            unit="tokens/s",
            goal="ratio at least 1",
        )
    ]


async def shared_passages(model: HttpLanguageModel, round_: int) -> list[Result]:
    """Eight askers over the same passages, without and with the right to share them."""

    async def run(seed: int, *, shares: bool) -> tuple[int, float]:
        passages = words(seed, PASSAGE_WORDS)
        scope, shared = (f"v-{seed}", len(passages)) if shares else ("", 0)
        began = time.perf_counter()
        found = await asyncio.gather(
            *(
                ask(
                    model,
                    user_message(
                        f"{passages}\nQuestion {n}: what is it?",
                        scope=scope,
                        shared=shared,
                    ),
                    tokens=16,
                )
                for n in range(ASKERS)
            )
        )
        seconds = time.perf_counter() - began
        return sum(one.evaluated for one in found), seconds

    plain_tokens, plain_s = await run(300 + round_, shares=False)
    shared_tokens, shared_s = await run(600 + round_, shares=True)
    name = f"{ASKERS} askers over the same passages"
    return [
        row(
            f"{name}, prompt tokens evaluated",
            shared_tokens,
            plain_tokens,
            unit="tokens",
            goal="ratio at most 0.35",
        ),
        row(
            f"{name}, time to the last answer",
            shared_s,
            plain_s,
            unit="s",
            goal="ratio at most 0.35",
        ),
    ]


async def conversation(model: HttpLanguageModel, round_: int) -> list[Result]:
    """Ten turns of one conversation, as one person and as ten strangers."""

    async def run(seed: int, user: str) -> list[Asked]:
        messages = user_message(words(seed, FIRST_TURN_WORDS) + "\nSum up.")
        found = []
        for turn in range(TURNS):
            one = await ask(model, messages, user=user, tokens=16)
            found.append(one)
            answer = Message(role="assistant", content=one.text)
            messages = [*messages, answer, *user_message(f"And in {turn + 1900}?")]
        return found

    plain = await run(900 + round_, "")
    kept = await run(1200 + round_, f"talker-{round_}")
    name = f"{TURNS} turns of a conversation"
    return [
        row(
            f"{name}, prompt tokens evaluated",
            sum(one.evaluated for one in kept),
            sum(one.evaluated for one in plain),
            unit="tokens",
            goal="ratio at most 0.35",
        ),
        row(
            f"{name}, time to the last answer",
            sum(one.total_s for one in kept),
            sum(one.total_s for one in plain),
            unit="s",
            goal="ratio at most 0.35",
        ),
        row(
            f"first token of the second turn against the first, {kept[0].prompt} tokens",
            kept[1].first_s,
            kept[0].first_s,
            unit="s",
            goal="ratio at most 0.3",
        ),
    ]
