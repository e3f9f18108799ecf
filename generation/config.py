"""The stage's configuration from the settings: the only reader of them here."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from generation.types import GenerationConfig
from retrieval.types import RetrievalConfig


def generation_config() -> GenerationConfig:
    return GenerationConfig(
        context_tokens=settings.CONTEXT_TOKENS,
        max_answer_tokens=settings.MAX_ANSWER_TOKENS,
        source_tokens=settings.SOURCE_TOKENS,
        max_sources=settings.MAX_SOURCES,
        gather_passages=settings.GATHER_PASSAGES,
        refusal_threshold=settings.REFUSAL_THRESHOLD,
        wall_s=settings.ANSWER_WALL_S,
    )


def retrieval_config() -> RetrievalConfig:
    """Return the search of an answer: a few more hits than sources."""
    config = RetrievalConfig.from_settings(k=settings.MAX_SOURCES + 2)
    return replace(config, neighbours=settings.NEIGHBOURS)
