"""What the model server serves and how much, from the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from generation.server.adapters import Adapter, find_adapters
from rag_site import weights
from rag_site.gguf import read_header
from rag_site.machine import usable_memory
from rag_site.weights_plan import Device, Plan, Wanted, plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """One set of weights and its bounds.

    Attributes:
        threads: of llama.cpp; 0 all cores.
        gpu_layers: -1 all that fit, 0 none.
        slots: requests that are answered at the same time.
        cache_tokens: room of all of them together; 0 lets the plan choose.
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
    cache_tokens: int = 0
    queue_depth: int = 16
    wall_s: float = 300
    adapters: tuple[Adapter, ...] = ()

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
            cache_tokens=settings.CACHE_TOKENS,
            queue_depth=settings.MODEL_QUEUE,
            wall_s=settings.ANSWER_WALL_S,
            adapters=find_adapters(settings.VAR_DIR / "adapters"),
        )

    def plan(self, devices: Sequence[Device]) -> Plan:
        """Fit the model into what is free now.

        Raises:
            MemoryShort: with the numbers.
        """
        return plan(
            read_header(self.path),
            self.path.stat().st_size,
            Wanted(
                context_tokens=self.context_tokens,
                slots=self.slots,
                cells=self.cache_tokens,
                gpu_layers=self.gpu_layers,
            ),
            ram_free=usable_memory(),
            devices=devices,
        )
