"""Whether the weights fit into memory, asked before they are loaded."""

from __future__ import annotations

from pathlib import Path

import psutil

from rag_site.weights_plan import MB, MemoryShort

__all__ = ["MemoryShort", "check_memory", "needed_bytes"]

# Compute buffers of llama.cpp at 256-token batches, and the interpreter.
OVERHEAD_BYTES = 400 * MB
# Keys and values of one token in f16. The largest model of the catalogue (8B, 36
# layers of 8 heads of 128) takes 147 kB; smaller ones take less.
KV_BYTES_PER_TOKEN = 150_000


def needed_bytes(size_bytes: int, *, context_tokens: int) -> int:
    """Return an upper estimate of what a model of ``size_bytes`` occupies."""
    kv = min(KV_BYTES_PER_TOKEN * context_tokens, size_bytes)
    return size_bytes + kv + OVERHEAD_BYTES


def check_memory(path: Path, *, context_tokens: int) -> None:
    """Raise MemoryShort, with the numbers, if the weights cannot fit."""
    needed = needed_bytes(path.stat().st_size, context_tokens=context_tokens)
    free = psutil.virtual_memory().available
    if needed > free:
        raise MemoryShort(
            f"The model needs about {needed // MB:,} MB of memory and {free // MB:,} MB "
            "are free. Choose a smaller model with PLUMBLINE_MODEL, lower "
            "PLUMBLINE_CONTEXT_TOKENS, or free some memory."
        )
