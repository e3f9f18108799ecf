"""Several askers at once, reuse and drafting, each against the same without it.

Every pair runs in turns on one server in one run: a busy machine slows both.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from generation.llm import (
    Finished,
    HttpLanguageModel,
    Message,
    SamplingParams,
    TextPiece,
)
from rag_site.benchmarks import Result

if TYPE_CHECKING:
    from generation.server.engine import Engine

logger = logging.getLogger(__name__)

ASKERS = 8
ANSWER_TOKENS = 128
SHORT_PROMPT_WORDS = 70
PASSAGE_WORDS = 900
TURNS = 10
FIRST_TURN_WORDS = 1200
LOOKUP_QUESTIONS = 6
_TOPICS = [
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
    first, text, end = 0.0, "", Finished()
    params = SamplingParams(max_tokens=tokens)
    name = user or secrets.token_hex(8)
    async for item in model.stream(messages, params, user=name):
        if isinstance(item, TextPiece):
            first = first or time.perf_counter() - started
            text += item.text
        elif isinstance(item, Finished):
            end = item
    return Asked(
        text=text,
        first_s=first,
        total_s=time.perf_counter() - started,
        prompt=end.prompt_tokens or 0,
        reused=end.reused_tokens or 0,
        answered=end.answer_tokens or 0,
    )


def words(seed: int, count: int) -> str:
    """Return plain words; texts of two seeds share no beginning."""
    step = 1 + seed % 11
    chosen = (_TOPICS[(seed * 7 + n * step) % len(_TOPICS)] for n in range(count))
    return f"{seed}: {' '.join(chosen)}"


def user_message(text: str, *, scope: str = "", shared: int = 0) -> list[Message]:
    return [Message(role="user", content=text, scope=scope, shared_chars=shared)]


def _row(name: str, value: float, baseline: float, *, unit: str, goal: str) -> Result:
    return Result(
        name=name,
        value=round(value, 2),
        unit=unit,
        baseline=round(baseline, 2),
        ratio=round(value / baseline, 3) if baseline else None,
        goal=goal,
    )


async def several_askers(model: HttpLanguageModel, round_: int) -> list[Result]:
    """Eight short prompts one after another, then eight at once."""

    def prompt(number: int) -> list[Message]:
        text = words(number, SHORT_PROMPT_WORDS)
        return user_message(f"{text}\nWrite a long story about these words.")

    start = 100 + round_ * 2 * ASKERS
    began = time.perf_counter()
    alone = [await ask(model, prompt(start + n)) for n in range(ASKERS)]
    alone_s = time.perf_counter() - began
    began = time.perf_counter()
    together = await asyncio.gather(
        *(ask(model, prompt(start + ASKERS + n)) for n in range(ASKERS))
    )
    together_s = time.perf_counter() - began
    one = sum(found.answered for found in alone) / alone_s
    many = sum(found.answered for found in together) / together_s
    firsts = [found.first_s for found in together]
    return [
        _row(
            f"{ASKERS} askers at once against one after another",
            many,
            one,
            unit="tokens/s",
            goal="ratio at least 2.3",
        ),
        _row(
            "slowest first token of them against the median",
            max(firsts),
            median(firsts),
            unit="s",
            goal="ratio at most 1.5",
        ),
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
        _row(
            f"{name}, prompt tokens evaluated",
            shared_tokens,
            plain_tokens,
            unit="tokens",
            goal="ratio at most 0.35",
        ),
        _row(
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
        _row(
            f"{name}, prompt tokens evaluated",
            sum(one.evaluated for one in kept),
            sum(one.evaluated for one in plain),
            unit="tokens",
            goal="ratio at most 0.35",
        ),
        _row(
            f"{name}, time to the last answer",
            sum(one.total_s for one in kept),
            sum(one.total_s for one in plain),
            unit="s",
            goal="ratio at most 0.35",
        ),
        _row(
            f"first token of the second turn against the first, {kept[0].prompt} tokens",
            kept[1].first_s,
            kept[0].first_s,
            unit="s",
            goal="ratio at most 0.3",
        ),
    ]


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


def drafting(loop: Any, folder: Path | None) -> list[Result]:
    """Decoding with drafts from the prompt against the same engine without them."""
    from generation.server.engine import Engine

    engine = Engine(loop.weights, depth=4)
    free = [f"Write a story about {topic}." for topic in _TOPICS[:3]]
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
    engine: Engine, loop: Any, kind: str, prompts: Sequence[str], goal: str
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
        _row(name, rates[True], rates[False], unit="tokens/s", goal=goal),
        _row(f"{name}: same texts", same, len(prompts), unit="texts", goal="all"),
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
