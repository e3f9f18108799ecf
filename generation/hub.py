"""Answers being written in this process: who listens, and how to stop them.

They run on an event loop in a thread of their own, so that they can be begun
from a synchronous view, an asynchronous one or a shell, and outlive all three.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

#: Sequence number, kind and data of an event.
Numbered = tuple[int, str, dict[str, Any]]

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_live: dict[UUID, Live] = {}


@dataclass(eq=False, slots=True)
class Live:
    """One running answer. Events are added on the hub's loop, read from any."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    events: list[Numbered] = field(default_factory=list)
    is_over: bool = False
    # Held so that the task is not collected while it runs.
    task: Future[None] | None = None
    _listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = field(
        default_factory=set
    )

    def publish(self, kind: str, data: dict[str, Any]) -> int:
        """Add an event, wake the listeners and return its number, from 1."""
        sequence = len(self.events) + 1
        self.events.append((sequence, kind, data))
        self._wake()
        return sequence

    def end(self) -> None:
        self.is_over = True
        self._wake()

    def _wake(self) -> None:
        for loop, changed in list(self._listeners):
            # A listener whose loop has ended is gone.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(changed.set)

    async def listen(self, after: int) -> AsyncIterator[Numbered]:
        """Yield events numbered above ``after`` until the answer is over."""
        changed = asyncio.Event()
        listener = (asyncio.get_running_loop(), changed)
        self._listeners.add(listener)
        try:
            while True:
                changed.clear()
                over = self.is_over
                for event in self.events[after:]:
                    after = event[0]
                    yield event
                if over:
                    return
                await changed.wait()
        finally:
            self._listeners.discard(listener)


def loop() -> asyncio.AbstractEventLoop:
    """Return the loop of the answers, started on the first call."""
    global _loop  # noqa: PLW0603 - one thread a process, made when first needed
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(
                target=_loop.run_forever, name="answers", daemon=True
            ).start()
        return _loop


def begin(answer_id: UUID, run: Coroutine[Any, Any, None], live: Live) -> bool:
    """Run an answer in the background; False if it runs already."""
    with _lock:
        if answer_id in _live:
            run.close()
            return False
        _live[answer_id] = live
    # A context of its own: nothing of the request that began it stays alive.
    live.task = contextvars.Context().run(
        asyncio.run_coroutine_threadsafe, _ending(answer_id, run, live), loop()
    )
    return True


async def _ending(answer_id: UUID, run: Coroutine[Any, Any, None], live: Live) -> None:
    try:
        await run
    finally:
        _live.pop(answer_id, None)
        live.end()


def live_answer(answer_id: UUID) -> Live | None:
    return _live.get(answer_id)


def request_stop(answer_id: UUID) -> bool:
    """Stop an answer of this process at once; False if it does not run here."""
    live = _live.get(answer_id)
    if live is None:
        return False
    loop().call_soon_threadsafe(live.stop.set)
    return True
