"""Which precision the embedder computes in, decided by a measurement.

``auto`` compares bfloat16 with float32 once on each machine, on texts that are
part of the program: it must be clearly faster and mean the same. The verdict is
kept with what it depends on, so that it is taken again after a change of CPU,
library or weights. See docs/adr/0012.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Precision = Literal["float32", "bfloat16"]
Choice = Literal["auto", "float32", "bfloat16"]
Encode = Callable[[Sequence[str]], NDArray[np.float32]]

#: Lowest cosine to the float32 vector that any sample text may have: at 0.999 no
#: score moves by more than the length of the difference, sqrt(2 - 1.998) = 0.045.
MIN_COSINE = 0.999
#: Below this bfloat16 is not worth its rounding.
MIN_SPEEDUP = 1.2
# CPU flags under which bfloat16 matrix products run in hardware: x86 names,
# then the ARM one. Without them torch emulates bfloat16, slower than float32.
_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
_CPU_INFO = Path("/proc/cpuinfo")
# The fastest of so many rounds counts: other work only ever slows a round down.
_ROUNDS = 3

# Prose, a table, code, figures and other languages, at the length of a chunk.
_SAMPLE = (
    """Inspect the pressure relief valve every quarter. Close the inlet, drain the
    housing and check the seat for scoring before the spring is fitted again.""",
    "Region | Revenue | Change\nNorth | 1,204,300 | +3.2 %\nSouth | 880,125 | -1.1 %\n",
    """def claim(row):
        if row.lease_until and row.lease_until > now():
            return None
        row.attempt += 1
        return row""",
    """Der Mieter zeigt Mängel der Wohnung unverzüglich an. Le locataire signale sans
    délai tout défaut du logement. 入居者は不具合を直ちに知らせる。""",
)
_REPEATS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A precision and why: ``speedup`` over float32 and the lowest cosine to it."""

    precision: Precision
    speedup: float
    cosine: float


def computes_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (Linux only)."""
    return not _BFLOAT16_FLAGS.isdisjoint(_cpu_info().split())


def warn_if_emulated(precision: Precision) -> None:
    """Say so when the operator has set what this CPU can only emulate."""
    if precision == "bfloat16" and not computes_bfloat16():
        logger.warning(
            "PLUMBLINE_EMBEDDING_PRECISION=bfloat16 is slower than float32 on this "
            "CPU, which does not compute in it; auto chooses by measuring"
        )


def decide(
    load: Callable[[Precision], Encode], *, weights: str, threads: int
) -> Precision:
    """Return the precision for these weights on this machine.

    The first call on a machine takes some seconds, later ones read the verdict.

    Args:
        load: returns what encodes texts in a precision, L2-normalised.
        weights: digest of the weights.
    """
    if not computes_bfloat16():
        logger.info("embedding in float32: this CPU does not compute in bfloat16")
        return "float32"
    key = _key(weights, threads)
    verdict = _kept(key)
    if verdict is None:
        verdict = compare(load("float32"), load("bfloat16"))
        _keep(key, verdict)
    logger.info(
        "embedding in %s: bfloat16 is %.1f times as fast as float32 here, "
        "lowest cosine %.4f",
        verdict.precision,
        verdict.speedup,
        verdict.cosine,
    )
    return verdict.precision


def compare(reference: Encode, other: Encode) -> Verdict:
    """Judge ``other``, which is bfloat16, against ``reference``, which is float32.

    In turns, so that other work on the machine slows both alike.
    """
    sample = [text * _REPEATS for text in _SAMPLE]
    cosines = np.sum(reference(sample) * other(sample), axis=1)
    slow, fast = [], []
    for _ in range(_ROUNDS):
        slow.append(_seconds(lambda: reference(sample)))
        fast.append(_seconds(lambda: other(sample)))
    speedup, cosine = min(slow) / min(fast), float(cosines.min())
    is_better = speedup >= MIN_SPEEDUP and cosine >= MIN_COSINE
    return Verdict(
        precision="bfloat16" if is_better else "float32",
        speedup=round(speedup, 2),
        cosine=round(cosine, 5),
    )


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _key(weights: str, threads: int) -> str:
    """Return a digest of all that a verdict depends on."""
    lines = _cpu_info().splitlines()
    cpu = sorted({row for row in lines if row.startswith(("model name", "flags"))})
    facts = [*cpu, platform.machine(), version("torch"), weights, str(threads)]
    return hashlib.sha256(json.dumps([*facts, _SAMPLE]).encode()).hexdigest()


def _cpu_info() -> str:
    try:
        return _CPU_INFO.read_text()
    except OSError:
        return ""


def _file() -> Path:
    return settings.VAR_DIR / "precision.json"


def _kept(key: str) -> Verdict | None:
    """Return the verdict that was kept, or None if there is none to rely on."""
    try:
        found: dict[str, Any] = json.loads(_file().read_text())
        verdict = Verdict(**found["verdict"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return verdict if found["key"] == key else None


def _keep(key: str, verdict: Verdict) -> None:
    target = _file()
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps({"key": key, "verdict": asdict(verdict)}, indent=2))
        draft.replace(target)
    except OSError:
        # It is only measured again at the next start.
        logger.warning("the choice of precision could not be kept", exc_info=True)
