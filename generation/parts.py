"""Which model and which embedder answer in this process.

The settings say so, unless a command or a test chose others for a while.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from generation.llm import HttpLanguageModel, LanguageModel
from ingestion.embedding import Embedder


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """``embedder`` None is the one that the settings name."""

    model: LanguageModel
    embedder: Embedder | None = None


# The last is in force. A plain list: answers run in a thread of their own, which
# a context variable of the caller would not reach.
_chosen: list[Parts] = []


def current() -> Parts:
    if _chosen:
        return _chosen[-1]
    url, key = settings.MODEL_SERVER_URL, settings.MODEL_SERVER_KEY
    return Parts(model=HttpLanguageModel(url, key, name=settings.MODEL))


@contextlib.contextmanager
def using(model: LanguageModel, *, embedder: Embedder | None = None) -> Iterator[None]:
    """Answer with ``model`` in this process inside the block: shell and tests."""
    parts = Parts(model=model, embedder=embedder)
    _chosen.append(parts)
    try:
        yield
    finally:
        _chosen.remove(parts)
