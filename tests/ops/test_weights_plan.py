"""What a model is given of the machine: it fits, or the refusal has the numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_site.gguf import BUFFER_BYTES, Header
from rag_site.weights_plan import SHARE, Device, MemoryShort, Plan, Wanted, plan

GB = 1_000_000_000


def header(**changed: int) -> Header:
    facts = {"parameters": 10**9, "layers": 28, "heads": 12, "kv_heads": 2} | changed
    return Header(
        architecture="test",
        name="test",
        quantization="Q4_K",
        head_size=128,
        embedding_size=1536,
        context_tokens=32_768,
        vocabulary=151_936,
        **facts,
    )


@given(
    st.integers(1, 80).map(lambda n: n * GB // 4),
    st.integers(1, 20).map(lambda n: n * GB // 4),
    st.integers(512, 65_536),
    st.integers(1, 32),
    st.lists(st.integers(0, 40 * GB), max_size=3),
)
def test_what_is_planned_fits_and_a_request_has_its_context(
    free: int, size: int, context: int, slots: int, gpus: list[int]
) -> None:
    devices = [Device(name=f"gpu{n}", free_bytes=one) for n, one in enumerate(gpus)]
    wanted = Wanted(context_tokens=context, slots=slots)
    try:
        found = plan(header(), size, wanted, ram_free=free, devices=devices)
    except MemoryShort:
        return
    assert found.ram_bytes <= free
    assert found.context_tokens == min(context, 32_768)
    assert found.cells >= found.context_tokens
    assert 1 <= found.slots <= slots
    assert 0 <= found.gpu_layers <= 29
    if found.gpu_layers:
        on_gpu = found.gpu_layers / 29 * size + BUFFER_BYTES * len(devices)
        assert on_gpu <= sum(gpus) * SHARE + 1


def small(**changed: int) -> Plan:
    return plan(header(), GB, Wanted(context_tokens=4096, **changed), ram_free=3 * GB)


def test_short_memory_costs_cache_and_slots_first() -> None:
    roomy = plan(header(), GB, Wanted(context_tokens=4096), ram_free=30 * GB)
    assert roomy.cells == 4 * 4096
    assert roomy.slots == 8
    assert roomy.kept_bytes == roomy.cache_bytes
    tight = plan(header(), GB, Wanted(context_tokens=4096), ram_free=int(1.75 * GB))
    assert 4096 <= tight.cells < roomy.cells
    # The cache keeps a whole context; below two of them less is kept.
    assert 0 < tight.kept_bytes < tight.cache_bytes
    half = plan(header(), GB, Wanted(context_tokens=4096), ram_free=int(1.95 * GB))
    assert half.cells < roomy.cells
    assert half.kept_bytes == pytest.approx(half.cache_bytes, rel=0.001)
    assert any("memory is short" in reason for reason in tight.why)


def test_a_refusal_has_the_numbers() -> None:
    with pytest.raises(
        MemoryShort, match=r"10,000 MB for weights.*2,700 MB of 3,000 MB"
    ):
        plan(header(), 10 * GB, Wanted(context_tokens=4096), ram_free=3 * GB)


def test_several_gpus_share_by_what_is_free() -> None:
    devices = [
        Device(name="a", free_bytes=30 * GB),
        Device(name="b", free_bytes=10 * GB),
    ]
    wanted = Wanted(context_tokens=4096)
    found = plan(header(), GB, wanted, ram_free=8 * GB, devices=devices)
    assert found.gpu_layers == 29
    assert found.split == (0.75, 0.25)
    one = plan(header(), GB, wanted, ram_free=8 * GB, devices=devices[:1])
    assert one.split == ()


def test_no_context_beyond_what_the_model_was_trained_for() -> None:
    found = plan(header(), GB, Wanted(context_tokens=100_000), ram_free=60 * GB)
    assert found.context_tokens == 32_768
    assert any("trained" in reason for reason in found.why)
    assert small(slots=2).slots == 2
