"""Drafts from the text so far, against the same engine without them."""

from __future__ import annotations

import gzip
import json
import logging
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from generation.benchmarking.batching import ANSWER_TOKENS, TOPICS, row
from rag_site.benchmarks import Result

if TYPE_CHECKING:
    from generation.benchmarking.bare import BareLoop
    from generation.server.engine import Engine

logger = logging.getLogger(__name__)

LOOKUP_QUESTIONS = 12


def paragraphs(folder: Path, count: int) -> list[tuple[str, str]]:
    """Return answerable questions of SQuAD's shape, each with its paragraph."""
    packed = folder / "corpus.jsonl.gz"
    raw = (
        gzip.decompress(packed.read_bytes())
        if packed.exists()
        else (folder / "corpus.jsonl").read_bytes()
    )
    texts = {row["_id"]: row["text"] for row in map(json.loads, raw.splitlines())}
    rows = map(json.loads, (folder / "qa.jsonl").read_text().splitlines())
    chosen = [row for row in rows if row["answerable"]][:count]
    return [(row["question"], texts[row["context_ids"][0]]) for row in chosen]


def drafting(loop: BareLoop, folder: Path | None) -> list[Result]:
    """Decoding with drafts from the prompt against the same engine without them."""
    from generation.server.costs import StepCosts
    from generation.server.engine import Engine

    engine = Engine(
        loop.weights, depth=4, costs=lambda: StepCosts(loop.weights.step_seconds())
    )
    free = [f"Write a story about {topic}." for topic in TOPICS[:3]]
    kinds = [("free text", free, "ratio at least 0.97")]
    if folder is None:
        logger.warning("no folder of questions was named: extractive answers left out")
    else:
        quoting = [
            f"{text}\n\nCopy the sentences of this text that answer the question, word "
            f"for word, and nothing else.\nQuestion: {question}"
            for question, text in paragraphs(folder, LOOKUP_QUESTIONS)
        ]
        kinds.append(("extractive answers", quoting, "ratio at least 1.4"))
    try:
        return [row for kind in kinds for row in _drafted(engine, loop, *kind)]
    finally:
        engine.close()


def _drafted(
    engine: Engine, loop: BareLoop, kind: str, prompts: Sequence[str], goal: str
) -> list[Result]:
    tokens, seconds, same = {True: 0, False: 0}, {True: 0.0, False: 0.0}, 0
    for prompt in prompts:
        texts = {}
        for drafts in (False, True):
            engine.drafts = drafts
            texts[drafts], count, took = _write(engine, loop.tokens(prompt))
            tokens[drafts] += count
            seconds[drafts] += took
        same += texts[True] == texts[False]
    rates = {drafts: tokens[drafts] / seconds[drafts] for drafts in tokens}
    name = f"decoding with drafts from the prompt, {kind}"
    return [
        row(name, rates[True], rates[False], unit="tokens/s", goal=goal),
        row(f"{name}: same texts", same, len(prompts), unit="texts", goal="all"),
    ]


def _write(engine: Engine, tokens: Sequence[int]) -> tuple[str, int, float]:
    """Return the text, its tokens after the first, and the seconds they took."""
    from generation.server.jobs import End, Piece, Place, Request
    from generation.server.prefixes import labelled

    over, pieces, ends = threading.Event(), list[str](), list[End]()

    def emit(item: Place | Piece | End) -> None:
        if isinstance(item, Piece):
            pieces.append(item.text)
        elif isinstance(item, End):
            ends.append(item)
            over.set()

    scope = secrets.token_hex(8)
    request = Request(
        person=scope,
        tokens=tuple(tokens),
        labels=labelled(tokens, scope),
        max_tokens=ANSWER_TOKENS,
        wall_s=600,
        scope=scope,
    )
    engine.submit(request, emit)
    over.wait()
    return (
        "".join(pieces),
        ends[0].answer_tokens - 1,
        ends[0].total_s - ends[0].first_token_s,
    )
