"""The bare loop that a model server is held against, on the same library and prompts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from rag_site.weights import locate


@dataclass(slots=True)
class Figures:
    """Of each request: seconds to the first token, and tokens a second after it."""

    first_s: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    def add(self, started: float, times: Sequence[float]) -> None:
        self.first_s.append(times[0] - started)
        self.rate.append((len(times) - 1) / (times[-1] - times[0]))


class BareLoop:
    """The shortest loop that writes tokens: llama_decode, then a greedy sampler.

    It computes in threads that end with it: see Engine for what they would cost the
    next one.
    """

    def __init__(self, name: str, *, slots: int) -> None:
        from generation.server.native import BATCH_TOKENS, Shape, Weights
        from generation.server.templates import template_for

        self.template = template_for(name)
        self.weights = Weights(
            locate(name),
            Shape(
                context_tokens=settings.CONTEXT_TOKENS,
                slots=slots,
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

    def run(self, tokens: list[int], count: int, figures: Figures) -> None:
        """Write ``count`` tokens after ``tokens``; ``figures`` takes how fast."""
        with ThreadPoolExecutor(1) as thread:
            thread.submit(self._run, tokens, count, figures).result()

    def run_several(self, prompts: Sequence[Sequence[int]], count: int) -> float:
        """Return the seconds to write ``count`` tokens after each prompt, all at once."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._run_several, prompts, count).result()

    def _run(self, tokens: list[int], count: int, figures: Figures) -> None:
        import llama_cpp

        context = self.weights.context
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        sampler = llama_cpp.llama_sampler_init_greedy()
        times: list[float] = []
        started = time.perf_counter()
        for at in range(0, len(tokens), self.batch):
            _decode(context, tokens[at : at + self.batch])
        for _ in range(count):
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
