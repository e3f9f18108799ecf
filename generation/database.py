"""Database work from asynchronous code, without holding a connection between calls.

Tokens flow for minutes: an answer that kept its connection that long would
starve everybody else of the pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``call`` in a worker thread and give its connections back afterwards."""
    return await asyncio.to_thread(lambda: _closing(call, *args, **kwargs))


def _closing(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return call(*args, **kwargs)
    finally:
        connections.close_all()
