"""What a process may use of its machine, read from made control groups."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from rag_site.machine import total_memory, usable_cores, usable_memory

MB = 1 << 20


def make(root: Path, group: str, files: dict[str, str]) -> None:
    folder = root / "sys/fs/cgroup" / group
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")


def belong(root: Path, *lines: str) -> None:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)))


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 8),
        ("150000 100000", 2),
        ("200000 100000", 2),
        ("20000 100000", 1),
        ("9900000 100000", 8),
    ],
)
def test_the_quota_of_version_2_bounds_the_cores(
    tmp_path: Path, quota: str, cores: int
) -> None:
    belong(tmp_path, "0::/site")
    make(tmp_path, "site", {"cpu.max": quota})
    assert usable_cores(tmp_path) == cores


def test_a_group_above_holds_too(tmp_path: Path) -> None:
    belong(tmp_path, "0::/team/site")
    make(tmp_path, "team/site", {"cpu.max": "max 100000", "memory.max": "max"})
    above = {"cpu.max": "300000 100000", "memory.max": str(90 * MB)}
    make(tmp_path, "team", {**above, "memory.current": str(30 * MB)})
    assert usable_cores(tmp_path) == 3
    assert usable_memory(tmp_path) == 60 * MB
    assert total_memory(tmp_path) == 90 * MB


def test_version_1_where_the_own_group_is_mounted_as_the_topmost(
    tmp_path: Path,
) -> None:
    belong(tmp_path, "4:memory:/docker/3f", "2:cpu,cpuacct:/docker/3f", "0::/")
    make(tmp_path, "cpu", {"cpu.cfs_quota_us": "250000", "cpu.cfs_period_us": "100000"})
    files = {
        "memory.limit_in_bytes": str(100 * MB),
        "memory.usage_in_bytes": str(70 * MB),
        "memory.stat": f"inactive_file 1\ntotal_inactive_file {50 * MB}",
    }
    make(tmp_path, "memory", files)
    assert usable_cores(tmp_path) == 3
    assert usable_memory(tmp_path) == 80 * MB


def test_version_1_without_limits(tmp_path: Path) -> None:
    belong(tmp_path, "4:memory:/", "1:cpu:/")
    make(tmp_path, "cpu", {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"})
    none = {"memory.limit_in_bytes": str(2**63 - 4096), "memory.usage_in_bytes": "7"}
    make(tmp_path, "memory", none)
    assert usable_cores(tmp_path) == 8
    assert total_memory(tmp_path) == psutil.virtual_memory().total


def test_pages_of_files_are_free_on_demand(tmp_path: Path) -> None:
    belong(tmp_path, "0::/")
    files = {
        "memory.max": str(100 * MB),
        "memory.current": str(95 * MB),
        "memory.stat": f"anon {15 * MB}\nactive_file {30 * MB}\ninactive_file {50 * MB}",
    }
    make(tmp_path, "", files)
    assert usable_memory(tmp_path) == 85 * MB


def test_what_is_over_its_limit_has_nothing_left(tmp_path: Path) -> None:
    belong(tmp_path, "0::/")
    make(tmp_path, "", {"memory.max": "1000", "memory.current": "2000"})
    assert usable_memory(tmp_path) == 0


def test_without_groups_or_affinity_the_machine_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores(tmp_path) == 6
    assert total_memory(tmp_path) == psutil.virtual_memory().total
    assert usable_memory(tmp_path) > 0
