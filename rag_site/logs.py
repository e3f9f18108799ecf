"""Logging with one correlation id in every line (a leaf).

Never log document text, question text, tokens or secrets above DEBUG.
"""

from __future__ import annotations

import contextvars
import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

_reference: contextvars.ContextVar[str] = contextvars.ContextVar(
    "reference", default="-"
)


def new_reference() -> str:
    """Return a fresh id, 8 hexadecimal characters: short enough to read out."""
    return secrets.token_hex(4)


def current_reference() -> str:
    return _reference.get()


@contextmanager
def referenced(reference: str) -> Iterator[str]:
    """Carry ``reference`` in every log line written inside the block; yield it."""
    token = _reference.set(reference)
    try:
        yield reference
    finally:
        _reference.reset(token)


@contextmanager
def timed(logger: logging.Logger, stage: str, **counts: object) -> Iterator[None]:
    """Log one INFO line for a stage with its counts and milliseconds."""
    started = time.perf_counter()
    yield
    extra = " ".join(f"{key}={value}" for key, value in counts.items())
    logger.info("%s %s ms=%d", stage, extra, (time.perf_counter() - started) * 1000)


class ReferenceFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.reference = _reference.get()
        return True
