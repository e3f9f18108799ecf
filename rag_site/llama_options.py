"""Which build of llama-cpp-python suits this machine: CMake options (a leaf).

The first step of the set-up asks, before anything is installed, so it uses the
standard library only.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

# ggml's option, and the processor flags that all must be there for it: its
# CMakeLists turns each option into these compiler flags.
_OPTIONS: dict[str, tuple[str, ...]] = {
    "GGML_SSE42": ("sse4_2",),
    "GGML_AVX": ("avx",),
    "GGML_F16C": ("f16c",),
    "GGML_FMA": ("fma",),
    "GGML_AVX2": ("avx2",),
    "GGML_BMI2": ("bmi2",),
    "GGML_AVX_VNNI": ("avx_vnni",),
    "GGML_AVX512": ("avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw"),
    "GGML_AVX512_VBMI": ("avx512f", "avx512vbmi"),
    "GGML_AVX512_VNNI": ("avx512f", "avx512_vnni"),
    "GGML_AVX512_BF16": ("avx512f", "avx512_bf16"),
}


def cpu_flags(cpuinfo: str) -> frozenset[str]:
    """Return the flags that every core of /proc/cpuinfo has."""
    cores = re.findall(r"^flags\s*:(.*)$", cpuinfo, flags=re.MULTILINE)
    return frozenset.intersection(*(frozenset(core.split()) for core in cores or [""]))


def options_for(
    machine: str, flags: frozenset[str], *, has_cuda: bool = False
) -> tuple[str, ...]:
    """Return CMake options: never AMX, never more than the processor has."""
    chosen = ["-DGGML_NATIVE=OFF"]
    if machine in {"x86_64", "AMD64"}:
        chosen += [
            f"-D{option}={'ON' if flags.issuperset(needed) else 'OFF'}"
            for option, needed in _OPTIONS.items()
        ]
    if has_cuda:
        chosen.append("-DGGML_CUDA=ON")
    return tuple(chosen)


def fewer(options: tuple[str, ...], retreat: str) -> tuple[str, ...]:
    """Turn off the options whose names match ``retreat``."""
    return tuple(
        option.replace("=ON", "=OFF")
        if re.search(retreat, option) and "GGML_SSE42" not in option
        else option
        for option in options
    )


def has_cuda() -> bool:
    """Whether a compiler for the GPU and a GPU to run on are both here."""
    smi = shutil.which("nvidia-smi")
    if not (smi and shutil.which("nvcc")):
        return False
    return subprocess.run([smi, "-L"], capture_output=True, check=False).returncode == 0


def options_here() -> tuple[str, ...]:
    """Return the options for this machine, or those in PLUMBLINE_CMAKE_ARGS."""
    if chosen := os.environ.get("PLUMBLINE_CMAKE_ARGS"):
        return tuple(chosen.split())
    try:
        flags = cpu_flags(Path("/proc/cpuinfo").read_text())
    except OSError:  # macOS: the compiler's baseline, and Metal by default
        flags = frozenset({"sse4_2"})
    return options_for(platform.machine(), flags, has_cuda=has_cuda())
