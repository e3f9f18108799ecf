"""What every benchmark reports (a leaf): a figure beside its baseline, and memory."""

from __future__ import annotations

import os
import platform
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings

from rag_site import weights
from rag_site.machine import total_memory, usable_cores

# Seconds between two looks at the children: the kernel keeps the peak of each,
# so only what one adds in its last moments is missed.
_LOOK_S = 0.1
# The goals of docs/evaluation.md are those of this one.
MODEL = "qwen2.5-coder-0.5b-instruct-q4_k_m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One figure.

    Attributes:
        name: what was measured, and against what.
        baseline: the same figure of the thing compared with, in ``unit``,
            measured in the same run; None where there is nothing to compare.
        ratio: ``value`` by ``baseline``.
        goal: in words, such as "ratio at least 0.7"; None for a figure that
            is only reported.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    goal: str | None = None


def measured_model(wanted: str | None) -> str:
    """Return the model to measure: ``wanted``, else ``MODEL``, else the site's."""
    if wanted:
        return wanted
    return MODEL if weights.state(MODEL) == "ready" else settings.MODEL


def line(result: Result) -> str:
    """Return a figure as a line of text."""
    text = f"{result.name}: {result.value:g} {result.unit}"
    if result.baseline is not None:
        text += f" against {result.baseline:g}, ratio {result.ratio:g}"
    return text + (f" ({result.goal})" if result.goal else "")


def machine() -> dict[str, object]:
    """Describe this machine as far as it bears on figures."""
    return {
        "cpu": _cpu(),
        "cores": usable_cores(),
        "memory_gb": round(total_memory() / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        # Figures taken beside other work are low: compare ratios then.
        "load": round(os.getloadavg()[0], 2),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    return next(names, platform.processor())


def reset_peak() -> None:
    """Begin a new peak for ``peak_mb``; Linux only, elsewhere it stays."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """Return the peak of this process's resident memory."""
    return _peak_mb_of("self") or round(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1
    )


@contextmanager
def peaks_of_children(word: str) -> Iterator[list[float]]:
    """Watch processes started from here with ``word`` in their command.

    Yields a list that holds their highest peak of resident memory in MB so far, or
    nothing where there is no /proc.
    """
    peaks: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_S):
            found = [_peak_mb_of(str(pid)) for pid in _children(word)]
            peaks[:] = [max([*peaks, *found])] if peaks or found else []

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _children(word: str) -> list[int]:
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if word in " ".join(child.cmdline()):
                found.append(child.pid)
    return found


def _peak_mb_of(pid: str) -> float:
    """Return the peak of a process's resident memory, or 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    sizes = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return round(int(next(sizes, "0")) / 1024, 1)
