"""How a GGUF model is fitted into this machine, before anything is loaded. Pure.

Weights, the cache of keys and values, what is kept for reuse, and buffers are summed
against what is free; slots and cache shrink to fit, a request's context never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_site.errors import Unavailable
from rag_site.gguf import BUFFER_BYTES, Header

MB = 1_000_000
# Most requests need a fraction of their context, so slots share this many of them.
CONTEXTS = 4
# Of free memory; the rest is for whatever else runs here.
SHARE = 0.9
# Cells for one more request to be worth a slot.
CELLS_A_SLOT = 512


class MemoryShort(Unavailable):
    """The model does not fit into memory. Choose a smaller one, or free some memory."""

    code = "memory_short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A GPU and its free memory."""

    name: str
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the settings ask for; ``cells`` 0 and ``gpu_layers`` -1 leave it open."""

    context_tokens: int
    slots: int = 8
    cells: int = 0
    gpu_layers: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is loaded where; ``why`` says it in sentences with numbers.

    Attributes:
        cells: tokens in the cache, of all requests together.
        split: share of each GPU; empty with fewer than two.
        kept_bytes: ordinary memory for what past requests leave, for reuse.
    """

    context_tokens: int
    slots: int
    cells: int
    gpu_layers: int
    split: tuple[float, ...]
    weights_bytes: int
    cache_bytes: int
    kept_bytes: int
    buffer_bytes: int
    ram_bytes: int
    ram_free_bytes: int
    why: tuple[str, ...]


def plan(
    header: Header,
    size_bytes: int,
    wanted: Wanted,
    *,
    ram_free: int,
    devices: Sequence[Device] = (),
) -> Plan:
    """Fit a model of ``size_bytes`` into what is free.

    Raises:
        MemoryShort: not even one request fits; with the numbers.
    """
    context = min(wanted.context_tokens, header.context_tokens or wanted.context_tokens)
    desired = max(context, wanted.cells or CONTEXTS * context)
    layers = _layers_on_gpu(header, size_bytes, wanted, desired, devices)
    on_gpu = layers / (header.layers + 1) if layers else 0.0
    weights_in_ram = round(size_bytes * (1 - on_gpu))
    per_cell = header.cache_bytes(1) * (1 - on_gpu)
    room = ram_free * SHARE - weights_in_ram - BUFFER_BYTES
    # All on a GPU, the cache takes no memory here, but the buffers do.
    if room < context * per_cell:
        raise _short(context, weights_in_ram, context * per_cell, ram_free)
    # Where memory is short, what is kept for reuse gets as much as the cache.
    half = int(room / 2 / per_cell) if per_cell else desired
    cells = min(desired, max(context, half))
    kept = min(round(room - cells * per_cell), header.cache_bytes(desired))
    slots = max(1, min(wanted.slots, cells // CELLS_A_SLOT))
    return Plan(
        context_tokens=context,
        slots=slots,
        cells=cells,
        gpu_layers=layers,
        split=_split(devices) if layers else (),
        weights_bytes=size_bytes,
        cache_bytes=header.cache_bytes(cells),
        kept_bytes=kept,
        buffer_bytes=BUFFER_BYTES,
        ram_bytes=round(weights_in_ram + BUFFER_BYTES + cells * per_cell) + kept,
        ram_free_bytes=ram_free,
        why=(
            *_reasons(wanted, context, desired, cells, slots),
            f"What was read stays for reuse in {kept / MB:,.0f} MB beside the cache.",
            _on_devices(layers, header, devices),
        ),
    )


def _short(context: int, weights: float, cache: float, free: int) -> MemoryShort:
    need = weights + cache + BUFFER_BYTES
    return MemoryShort(
        f"The model needs {need / MB:,.0f} MB of memory: {weights / MB:,.0f} MB for "
        f"weights, {cache / MB:,.0f} MB for one request of {context:,} tokens, "
        f"{BUFFER_BYTES / MB:,.0f} MB for buffers; {free * SHARE / MB:,.0f} MB of "
        f"{free / MB:,.0f} MB free may be used. Choose a smaller model with "
        "PLUMBLINE_MODEL, lower PLUMBLINE_CONTEXT_TOKENS, or free some memory."
    )


def _split(devices: Sequence[Device]) -> tuple[float, ...]:
    """Return the share of each GPU by what is free on it."""
    total = sum(device.free_bytes for device in devices)
    shares = tuple(round(device.free_bytes / total, 3) for device in devices)
    return shares if len(shares) > 1 else ()


def _layers_on_gpu(
    header: Header,
    size_bytes: int,
    wanted: Wanted,
    cells: int,
    devices: Sequence[Device],
) -> int:
    """Return how many layers fit onto the GPUs; one beyond the last is the output."""
    if not devices or wanted.gpu_layers == 0:
        return 0
    most = header.layers + 1
    per_layer = size_bytes / most + header.cache_bytes(cells) / max(1, header.layers)
    buffers = BUFFER_BYTES * len(devices)
    room = sum(device.free_bytes for device in devices) * SHARE - buffers
    fitting = max(0, min(most, int(room / per_layer)))
    return fitting if wanted.gpu_layers < 0 else min(fitting, wanted.gpu_layers)


def _reasons(
    wanted: Wanted, context: int, desired: int, cells: int, slots: int
) -> list[str]:
    found = [f"{slots} requests at once share a cache of {cells:,} tokens."]
    if context < wanted.context_tokens:
        found.append(
            f"A request may have {context:,} tokens, not {wanted.context_tokens:,}: "
            "the model was trained for no more."
        )
    if cells < desired:
        found.append(f"The cache was to hold {desired:,} tokens: memory is short.")
    if slots < wanted.slots:
        found.append(
            f"{wanted.slots} requests at once would have too little room each."
        )
    return found


def _on_devices(layers: int, header: Header, devices: Sequence[Device]) -> str:
    if not devices:
        return "No GPU is used: this build of llama.cpp sees none."
    names = ", ".join(f"{d.name} ({d.free_bytes / MB:,.0f} MB free)" for d in devices)
    return f"{layers} of {header.layers + 1} layers go to {names}."
