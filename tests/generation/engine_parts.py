"""What tests of the engine share: a request by letters, and what came of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from generation.server.engine import Engine
from generation.server.jobs import End, Job, Piece, Place, Request, Sampling
from generation.server.prefixes import labelled
from generation.server.saving import EVERYBODY, NOTHING_SAVED, SavedPrefixes
from tests.fakes_weights import ScriptedWeights


def tokens_of(text: str) -> tuple[int, ...]:
    return tuple(ord(letter) - 96 for letter in text)


def asked(
    text: str, *, person: str = "anna", shared: int = 0, **fields: Any
) -> Request:
    """A request for what follows ``text``; its first ``shared`` letters are everybody's."""
    tokens = tokens_of(text)
    labels = labelled(tokens[:shared], EVERYBODY) + labelled(tokens[shared:], person)
    chosen: dict[str, Any] = {"max_tokens": 20, "wall_s": 60.0, **fields}
    seed = chosen.pop("seed", 0)
    return Request(
        person=person,
        tokens=tokens,
        labels=labels,
        scope=person,
        sampling=Sampling(seed=seed),
        **chosen,
    )


class Heard:
    """Everything that one job was told."""

    def __init__(self) -> None:
        self.items: list[Place | Piece | End] = []
        self.over = threading.Event()
        self.job: Job | None = None

    def __call__(self, item: Place | Piece | End) -> None:
        assert not self.over.is_set(), "nothing comes after the end"
        self.items.append(item)
        if isinstance(item, End):
            self.over.set()

    @property
    def text(self) -> str:
        return "".join(item.text for item in self.items if isinstance(item, Piece))

    @property
    def end(self) -> End:
        assert self.over.wait(20), "the job did not end"
        found = self.items[-1]
        assert isinstance(found, End)
        return found


def ask(engine: Engine, request: Request) -> Heard:
    heard = Heard()
    heard.job = engine.submit(request, heard)
    return heard


@contextmanager
def running(
    weights: ScriptedWeights,
    *,
    depth: int = 50,
    drafts: bool = True,
    saved: SavedPrefixes = NOTHING_SAVED,
    kept_bytes: int = 20_000,
) -> Iterator[Engine]:
    engine = Engine(
        weights, depth=depth, drafts=drafts, saved=saved, kept_bytes=kept_bytes
    )
    try:
        yield engine
    finally:
        weights.gate.set()
        engine.close()
