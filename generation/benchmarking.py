"""The model server for one asker, against a bare loop on the same library and prompts.

Both read the same tokens and write as many, in turns, in the same run: what is
left is what the engine's thread, HTTP and the framing of events cost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from django.conf import settings

from generation import benchmark_batching as batching
from generation.benchmark_drafting import drafting
from generation.llm import HttpLanguageModel, Message, SamplingParams, TextPiece
from generation.serving import started
from rag_site.benchmarks import Result, line, measured_model
from rag_site.weights import locate

# Pairs: single ones lie between 0.87 and 1.11 on a busy machine.
QUESTIONS = 9
PROMPT_TOKENS = 300
ANSWER_TOKENS = 48
#: Goals of the project: see docs/evaluation.md.
DECODE_GOAL = "ratio at least 0.95"
FIRST_TOKEN_GOAL = "at most 50 ms over the baseline"  # noqa: S105 - not a secret
# Plain words, so that every tokenizer of the catalogue takes about one token for each.
_WORDS = [
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
    "small",
    "train",
    "open",
    "road",
]


@dataclass(slots=True)
class _Figures:
    """Of each request: seconds to the first token, and tokens a second after it."""

    first_s: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    def add(self, started: float, times: Sequence[float]) -> None:
        self.first_s.append(times[0] - started)
        self.rate.append((len(times) - 1) / (times[-1] - times[0]))


def run(options: Mapping[str, Any]) -> list[Result]:
    """Measure a model server of our own, whether the site runs or not.

    Args:
        options: ``questions`` and ``model``, each with a default, ``data``, a
            folder of questions with paragraphs (corpus.jsonl[.gz], qa.jsonl),
            ``progress``, called with stages done and in all, and ``tell``, called
            with each figure when it is there.

    Raises:
        WeightsMissing, ModelUnavailable
    """
    name = measured_model(options.get("model"))
    count = options.get("questions") or QUESTIONS
    loop = BareLoop(name)
    found: list[Result] = []
    with started(name) as model:
        stages = _stages(name, loop, model, count, options.get("data"))
        for done, stage in enumerate(stages, start=1):
            new = stage()
            found += new
            for result in new:
                options.get("tell", _ignored)(line(result))
            options.get("progress", _ignored)(done, len(stages))
    return found


def _ignored(*_args: object) -> None:
    """For a caller that does not listen."""


def _stages(
    name: str, loop: BareLoop, model: HttpLanguageModel, count: int, data: str | None
) -> list[Callable[[], list[Result]]]:
    """Return what is measured, in this order; memory is held by one at a time."""
    folder = Path(data) if data else None
    server = batching.Server(model, loop, locate(name))
    return [
        lambda: _one_asker(name, loop, model, count),
        lambda: batching.several_askers(server),
        lambda: asyncio.run(batching.shared_passages(model, 1)),
        lambda: asyncio.run(batching.conversation(model, 1)),
        lambda: drafting(loop, folder),
    ]


def _one_asker(
    name: str, loop: BareLoop, model: HttpLanguageModel, count: int
) -> list[Result]:
    ours, bare = _Figures(), _Figures()
    asyncio.run(_ask(model, prompt(0), _Figures()))  # warms the file cache
    for number in range(1, count + 1):
        loop.run(loop.tokens(prompt(number)), bare)
        asyncio.run(_ask(model, prompt(number), ours))
    return _results(name, ours, bare)


def prompt(number: int) -> str:
    """Return a text that shares no beginning with that of another number."""
    start = number * 5
    words = [
        _WORDS[(start + n * (number + 1)) % len(_WORDS)] for n in range(PROMPT_TOKENS)
    ]
    return f"{number}: {' '.join(words)}\nWrite a long story about these words."


async def _ask(model: HttpLanguageModel, text: str, figures: _Figures) -> None:
    params = SamplingParams(max_tokens=ANSWER_TOKENS)
    messages = [Message(role="user", content=text)]
    started = time.perf_counter()
    items = model.stream(messages, params, user="benchmark")
    times = [time.perf_counter() async for i in items if isinstance(i, TextPiece)]
    figures.add(started, times)


class BareLoop:
    """The shortest loop that writes tokens: llama_decode, then a greedy sampler.

    It computes in threads that end with it: see Engine for what they would cost the
    next one.
    """

    def __init__(self, name: str) -> None:
        from generation.server.native import BATCH_TOKENS, Shape, Weights
        from generation.server.templates import template_for

        self.template = template_for(name)
        self.weights = Weights(
            locate(name),
            Shape(
                context_tokens=settings.CONTEXT_TOKENS,
                slots=batching.ASKERS,
                threads=settings.MODEL_THREADS,
                gpu_layers=settings.GPU_LAYERS,
            ),
        )
        self.batch = BATCH_TOKENS

    def tokens(self, text: str) -> list[int]:
        from generation.server.templates import render

        return [
            token
            for piece in render(self.template, [("user", text)])
            for token in self.weights.tokenize(piece.text, is_special=piece.is_special)
        ]

    def run(self, tokens: list[int], figures: _Figures) -> None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(self._run, tokens, figures).result()

    def run_several(self, prompts: Sequence[Sequence[int]], count: int) -> float:
        """Return the seconds to write ``count`` tokens after each prompt, all at once."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._run_several, prompts, count).result()

    def _run(self, tokens: list[int], figures: _Figures) -> None:
        import llama_cpp

        context = self.weights.context
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        sampler = llama_cpp.llama_sampler_init_greedy()
        times: list[float] = []
        started = time.perf_counter()
        for at in range(0, len(tokens), self.batch):
            _decode(context, tokens[at : at + self.batch])
        for _ in range(ANSWER_TOKENS):
            token = llama_cpp.llama_sampler_sample(sampler, context, -1)
            times.append(time.perf_counter())
            _decode(context, [token])
        llama_cpp.llama_sampler_free(sampler)
        figures.add(started, times)

    def _run_several(self, prompts: Sequence[Sequence[int]], count: int) -> float:
        import llama_cpp

        from generation.server.native import Row

        self.weights.clear()
        sampler = llama_cpp.llama_sampler_init_greedy()
        rows = [
            Row(token, place, sequence, place == len(tokens) - 1)
            for sequence, tokens in enumerate(prompts)
            for place, token in enumerate(tokens)
        ]
        chosen: dict[int, int] = {}
        started = time.perf_counter()
        for at in range(0, len(rows), self.batch):
            part = rows[at : at + self.batch]
            self._choose(sampler, part, chosen)
        for step in range(count - 1):
            part = [
                Row(chosen[sequence], len(tokens) + step, sequence, True)
                for sequence, tokens in enumerate(prompts)
            ]
            self._choose(sampler, part, chosen)
        took = time.perf_counter() - started
        llama_cpp.llama_sampler_free(sampler)
        self.weights.clear()
        return took

    def _choose(
        self, sampler: Any, rows: Sequence[Any], chosen: dict[int, int]
    ) -> None:
        import llama_cpp

        self.weights.evaluate(rows, lambda: False)
        for place, row in enumerate(rows):
            if row.wants_result:
                chosen[row.sequence] = llama_cpp.llama_sampler_sample(
                    sampler, self.weights.context, place
                )


def _decode(context: Any, tokens: Sequence[int]) -> None:
    import llama_cpp

    array = (llama_cpp.llama_token * len(tokens))(*tokens)
    llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(array, len(tokens)))


def _results(name: str, ours: _Figures, bare: _Figures) -> list[Result]:
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
