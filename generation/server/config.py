"""What the model server serves and how much, from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from rag_site import weights

# Most requests need a fraction of their context, so slots share this many of them.
CONTEXTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """One set of weights and its bounds.

    Attributes:
        threads: of llama.cpp; 0 all cores.
        gpu_layers: -1 all that fit, 0 none.
        slots: requests that are answered at the same time.
        cache_tokens: room of all of them together, and of prefixes kept for reuse.
        queue_depth: requests that may wait.
        wall_s: seconds from submission after which an answer is ended.
    """

    model: str
    path: Path
    digest: str
    key: str
    quantization: str = ""
    context_tokens: int = 4096
    threads: int = 0
    gpu_layers: int = -1
    slots: int = 8
    cache_tokens: int = 16_384
    queue_depth: int = 16
    wall_s: float = 300

    @classmethod
    def from_settings(cls, model: str = "") -> ServerConfig:
        """Find and verify the weights.

        Raises:
            WeightsMissing, WeightsDamaged, UnknownWeights: nothing to serve.
        """
        name = model or settings.MODEL
        entry = weights.weights_named(name)
        return cls(
            model=name,
            path=weights.locate(name),
            digest=weights.digest_of(entry),
            key=settings.MODEL_SERVER_KEY,
            quantization=entry.quantization,
            context_tokens=settings.CONTEXT_TOKENS,
            threads=settings.MODEL_THREADS,
            gpu_layers=settings.GPU_LAYERS,
            slots=settings.MODEL_SLOTS,
            cache_tokens=settings.CACHE_TOKENS or CONTEXTS * settings.CONTEXT_TOKENS,
            queue_depth=settings.MODEL_QUEUE,
            wall_s=settings.ANSWER_WALL_S,
        )
