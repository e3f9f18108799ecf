"""What every benchmark reports (a leaf): a figure, and beside it its baseline."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


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


def machine() -> dict[str, object]:
    """Describe this machine as far as it bears on figures."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages / 1e9, 1),
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
