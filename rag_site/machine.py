"""What this process may use of its machine: cores and memory, as its cgroup says (a leaf).

A container sees all cores and all memory of its machine, and is held to less of both:
https://docs.kernel.org/admin-guide/cgroup-v2.html, or cgroup-v1/ there. A group is held
to the limits of all groups above it too. Without any, as on macOS, only the machine counts.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

ROOT = Path("/")


def usable_cores(root: Path = ROOT) -> int:
    """Return how many cores this process may keep busy, at least 1.

    A quota is rounded up, as the runtimes of Go and Java do: a thread too many is held
    back at times, a thread too few leaves time unused.
    """
    if hasattr(os, "sched_getaffinity"):
        own = len(os.sched_getaffinity(0))
    else:  # macOS
        own = os.cpu_count() or 1
    return max(1, min([own, *map(math.ceil, _quotas(root))]))


def usable_memory(root: Path = ROOT) -> int:
    """Return the bytes that this process can have now and nobody has to give up."""
    free = int(psutil.virtual_memory().available)
    return max(0, min([free, *(limit - used for limit, used in _memory(root))]))


def total_memory(root: Path = ROOT) -> int:
    """Return the bytes that this process could have if nothing else were in memory."""
    whole = int(psutil.virtual_memory().total)
    return min([whole, *(limit for limit, _used in _memory(root))])


def _quotas(root: Path) -> Iterator[float]:
    """Yield the quotas of CPU time, in cores."""
    for group in _groups("cpu", root):
        if (words := _read(group / "cpu.max").split()) and words[0] != "max":
            yield int(words[0]) / int(words[1])
        quota = _number(group / "cpu.cfs_quota_us")
        period = _number(group / "cpu.cfs_period_us")
        if quota and period and quota > 0:
            yield quota / period


def _memory(root: Path) -> Iterator[tuple[int, int]]:
    """Yield the limits in bytes, each with what is used of it and not free on demand."""
    for group in _groups("memory", root):
        limit = _number(group / "memory.max")
        used = _number(group / "memory.current")
        prefix = ""
        if limit is None:
            limit = _number(group / "memory.limit_in_bytes")
            used = _number(group / "memory.usage_in_bytes")
            prefix = "total_"
        if limit is not None and used is not None:
            yield limit, max(0, used - _file_pages(group, prefix))


def _file_pages(group: Path, prefix: str) -> int:
    """Return the bytes of files kept in memory: the kernel gives them up when asked.

    MemAvailable leaves them out as well; the weights, once hashed, are among them.
    """
    rows = [line.split() for line in _read(group / "memory.stat").splitlines()]
    names = {f"{prefix}active_file", f"{prefix}inactive_file"}
    return sum(int(row[1]) for row in rows if row[0] in names)


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of this process's group and of all groups above it.

    In a container the own group may be mounted in the place of the topmost, under
    which its path does not exist: files that are not there set no limit.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _id, controllers, path = line.split(":", 2)
        mount = root / "sys/fs/cgroup"
        if controllers:
            mount /= controller
        if not controllers or controller in controllers.split(","):
            own = mount / path.lstrip("/")
            yield from (own, *(up for up in own.parents if up.is_relative_to(mount)))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    """Return the number in a file; None without one, or for "max"."""
    text = _read(path).strip()
    return int(text) if text.lstrip("-").isdigit() else None
