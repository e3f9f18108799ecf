"""Speed of the model server, stage by stage: `manage.py benchmark generation`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from generation.benchmarking import batching
from generation.benchmarking.alone import one_asker
from generation.benchmarking.bare import BareLoop
from generation.benchmarking.drafting import drafting
from generation.llm import HttpLanguageModel
from generation.serving import started
from rag_site.benchmarks import Result, line, measured_model
from rag_site.weights import locate

# Pairs: single ones lie between 0.87 and 1.11 on a busy machine.
QUESTIONS = 9


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
    loop = BareLoop(name, slots=batching.ASKERS)
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
        lambda: one_asker(name, loop, model, count),
        lambda: batching.several_askers(server),
        lambda: asyncio.run(batching.shared_passages(model, 1)),
        lambda: asyncio.run(batching.conversation(model, 1)),
        lambda: drafting(loop, folder),
    ]
