"""llama-cpp-python is built for the processor at hand: never AMX, never too much."""

from __future__ import annotations

import pytest

from rag_site.bootstrap import without
from rag_site.llama_build import locked_entry, steps_done
from rag_site.llama_options import cpu_flags, fewer, options_for

OLD = "flags\t\t: fpu sse sse2 ssse3 sse4_1 sse4_2 popcnt avx f16c"
HASWELL = f"{OLD} fma avx2 bmi1 bmi2"
SAPPHIRE = (
    f"{HASWELL} avx512f avx512dq avx512cd avx512bw avx512vl avx512vbmi avx512_vnni "
    "avx512_bf16 avx_vnni amx_bf16 amx_tile amx_int8"
)


def options(cpuinfo: str) -> dict[str, str]:
    chosen = options_for("x86_64", cpu_flags(cpuinfo))
    return dict(option.removeprefix("-D").split("=") for option in chosen)


def test_the_full_set_has_everything_but_amx() -> None:
    chosen = options(f"processor\t: 0\n{SAPPHIRE}\n\nprocessor\t: 1\n{SAPPHIRE}\n")
    assert chosen.pop("GGML_NATIVE") == "OFF"
    assert set(chosen.values()) == {"ON"}
    assert not [name for name in chosen if "AMX" in name]


@pytest.mark.parametrize(
    ("cpuinfo", "on"),
    [
        (HASWELL, {"SSE42", "AVX", "F16C", "FMA", "AVX2", "BMI2"}),
        (OLD, {"SSE42", "AVX", "F16C"}),
        ("flags : fpu sse4_2", {"SSE42"}),
        ("", set()),
        # AVX-512 in ggml means five of its parts.
        (
            f"{HASWELL} avx512f avx512cd",
            {"SSE42", "AVX", "F16C", "FMA", "AVX2", "BMI2"},
        ),
    ],
)
def test_never_more_than_the_processor_has(cpuinfo: str, on: set[str]) -> None:
    chosen = options(cpuinfo)
    assert {
        name.removeprefix("GGML_") for name, is_on in chosen.items() if is_on == "ON"
    } == on


def test_cores_that_differ_share_the_least() -> None:
    assert cpu_flags(f"{SAPPHIRE}\n{HASWELL}\n") == cpu_flags(HASWELL)


def test_other_processors_get_the_baseline() -> None:
    assert options_for("aarch64", frozenset()) == ("-DGGML_NATIVE=OFF",)
    assert options_for("aarch64", frozenset(), has_cuda=True)[-1] == "-DGGML_CUDA=ON"


def test_an_illegal_instruction_is_met_with_fewer_options() -> None:
    full = options_for("x86_64", cpu_flags(SAPPHIRE))
    narrower = fewer(full, r"AVX512|AVX_VNNI")
    assert "-DGGML_AVX2=ON" in narrower
    assert "-DGGML_AVX512=OFF" in narrower
    assert fewer(full, r"AVX|FMA|F16C|BMI2").count("-DGGML_SSE42=ON") == 1


def test_the_source_is_hash_checked() -> None:
    entry = locked_entry()
    assert entry.startswith("llama-cpp-python==")
    assert "--hash=sha256:" in entry


def test_the_rest_of_the_lock_is_untouched() -> None:
    lock = "a==1 \\\n    --hash=sha256:1\n    # via b\nllama==2 \\\n    --hash=x\nz==3 \\\n    --hash=y\n"
    assert without("llama", lock) == (
        "a==1 \\\n    --hash=sha256:1\n    # via b\nz==3 \\\n    --hash=y\n"
    )


def test_progress_is_read_from_the_log() -> None:
    assert steps_done("  [1/96] Building\n  [17/96] Building CXX object\n") == (17, 96)
    assert steps_done("Collecting") == (0, 1)
