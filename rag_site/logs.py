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
from typing import Any

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


def logging_config(level: str) -> dict[str, Any]:
    """Return Django's LOGGING: one line an event, with its reference, on stderr."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"reference": {"()": "rag_site.logs.ReferenceFilter"}},
        "formatters": {
            "line": {
                "format": "%(asctime)s %(levelname)-7s [%(reference)s] %(name)s: %(message)s"
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "filters": ["reference"],
                "formatter": "line",
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # uvicorn gave these handlers and INFO before it imported the site.
            "uvicorn": {"level": level, "propagate": True},
            "uvicorn.error": {"level": level},
            "httpx": {"level": "WARNING"},
            # Whoever starts a worker waits for its line that it is ready.
            "celery.apps.worker": {"level": "INFO"},
            "django.request": {"level": "ERROR"},
            "sentence_transformers": {"level": "WARNING"},
            # The stages log their own lines; these two add three for every timer.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
        },
    }
