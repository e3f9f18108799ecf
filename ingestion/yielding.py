"""Chat before ingestion: embedding waits while a question is being answered.

A hint in Redis only. While Redis is away nobody waits, and a process that dies
in the middle of an answer is forgotten after ``_FORGET_S``. Beneath it workers run
at a lower priority, which needs no hint.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from functools import lru_cache
from types import TracebackType

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

# A sorted set: a member for each answer that runs, scored by when to forget it.
_KEY = "plumbline:answering"
_FORGET_S = 120
_POLL_S = 0.2
# A tenth of a processor beside a process of ordinary priority, and all of it
# beside none: reading never stands still.
_NICE = 10


class answering:  # noqa: N801 - used like a function
    """Mark that an answer is being made, ``with`` or ``async with``."""

    def __init__(self) -> None:
        self._member = uuid.uuid4().hex

    def __enter__(self) -> None:
        until = time.time() + _FORGET_S
        try:
            _client().zadd(_KEY, {self._member: until})
        except redis.RedisError as exc:
            _skipped(exc)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            _client().zrem(_KEY, self._member)
        except redis.RedisError as error:
            _skipped(error)

    async def __aenter__(self) -> None:
        await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, exc, trace)


def give_way() -> None:
    """Lower the priority of this thread, and of the threads and processes it starts."""
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))


def wait_for_quiet(max_wait_s: float) -> float:
    """Wait until no answer is being made, or ``max_wait_s``; return the seconds."""
    started = time.monotonic()
    while is_answering() and time.monotonic() - started < max_wait_s:
        time.sleep(_POLL_S)
    return time.monotonic() - started


def is_answering() -> bool:
    try:
        return bool(_client().zcount(_KEY, time.time(), "+inf"))
    except redis.RedisError as exc:
        _skipped(exc)
        return False


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    # Short: a hint must not cost more than what it saves.
    return redis.Redis.from_url(
        settings.CELERY_BROKER_URL, socket_timeout=0.5, socket_connect_timeout=0.5
    )


def _skipped(exc: redis.RedisError) -> None:
    logger.debug("Redis is away, nobody yields: %s", type(exc).__name__)
