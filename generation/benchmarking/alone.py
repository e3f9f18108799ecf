"""The model server for one asker, against a bare loop on the same library and prompts.

Both read the same tokens and write as many, in turns, in the same run: what is
left is what the engine's thread, HTTP and the framing of events cost.
"""

from __future__ import annotations

import asyncio
import time
from statistics import median

from generation.benchmarking.bare import BareLoop, Figures
from generation.benchmarking.batching import words
from generation.llm import HttpLanguageModel, Message, SamplingParams, TextPiece
from rag_site.benchmarks import Result

PROMPT_TOKENS = 300
ANSWER_TOKENS = 48
#: Goals of the project: see docs/evaluation.md.
DECODE_GOAL = "ratio at least 0.95"
FIRST_TOKEN_GOAL = "at most 50 ms over the baseline"  # noqa: S105 - not a secret


def one_asker(
    name: str, loop: BareLoop, model: HttpLanguageModel, count: int
) -> list[Result]:
    ours, bare = Figures(), Figures()
    asyncio.run(_ask(model, prompt(0), Figures()))  # warms the file cache
    for number in range(1, count + 1):
        loop.run(loop.tokens(prompt(number)), ANSWER_TOKENS, bare)
        asyncio.run(_ask(model, prompt(number), ours))
    return _results(name, ours, bare)


def prompt(number: int) -> str:
    """Return a text that shares no beginning with that of another number."""
    return f"{words(number, PROMPT_TOKENS)}\nWrite a long story about these words."


async def _ask(model: HttpLanguageModel, text: str, figures: Figures) -> None:
    params = SamplingParams(max_tokens=ANSWER_TOKENS)
    messages = [Message(role="user", content=text)]
    started = time.perf_counter()
    items = model.stream(messages, params, user="benchmark")
    times = [time.perf_counter() async for i in items if isinstance(i, TextPiece)]
    figures.add(started, times)


def _results(name: str, ours: Figures, bare: Figures) -> list[Result]:
    # Of pairs taken one after the other: a busy machine slows both of a pair.
    pairs = zip(ours.rate, bare.rate, strict=True)
    over = [a - b for a, b in zip(ours.first_s, bare.first_s, strict=True)]
    return [
        Result(
            name=f"{name}: decoding, one asker over HTTP against a bare loop",
            value=round(median(ours.rate), 2),
            unit="tokens/s",
            baseline=round(median(bare.rate), 2),
            ratio=round(median(a / b for a, b in pairs), 3),
            goal=DECODE_GOAL,
        ),
        Result(
            name=f"{name}: time to the first token against bare prompt evaluation",
            value=round(median(ours.first_s) * 1000, 1),
            unit="ms",
            baseline=round(median(bare.first_s) * 1000, 1),
            ratio=round(median(ours.first_s) / median(bare.first_s), 3),
            goal=FIRST_TOKEN_GOAL,
        ),
        Result(
            name=f"{name}: time to the first token over the baseline",
            value=round(median(over) * 1000, 1),
            unit="ms",
            goal="at most 50",
        ),
    ]
