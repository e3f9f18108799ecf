"""A set-up runs again when something else is to be built, and only then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rag_site import bootstrap

ROOT = Path(bootstrap.__file__).resolve().parent.parent
INDEX = "https://wheels.example.org/cpu"


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLUMBLINE_CMAKE_ARGS", "PLUMBLINE_TORCH_INDEX"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLUMBLINE_CMAKE_ARGS", "-DGGML_NATIVE=OFF -DGGML_CUDA=ON"),
        ("PLUMBLINE_TORCH_INDEX", INDEX),
    ],
)
def test_another_choice_is_another_set_up(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bootstrap.stamp_of(dev=False)
    assert bootstrap.stamp_of(dev=False) == before
    monkeypatch.setenv(name, value)
    assert bootstrap.stamp_of(dev=False) != before


def test_a_gpu_that_came_is_another_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bootstrap.stamp_of(dev=False)
    for name in ("nvcc", "nvidia-smi"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert bootstrap.stamp_of(dev=False) != before


def test_what_is_built_elsewhere_is_no_other_set_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = bootstrap.stamp_of(dev=False)
    monkeypatch.setenv("PLUMBLINE_MODEL", "another")
    monkeypatch.setenv("PATH", "/nowhere", prepend=":")
    assert bootstrap.stamp_of(dev=False) == before


def test_torch_is_replaced_by_that_of_another_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = tmp_path / "done"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] || echo "$@" >> "{done}"\n')
    python.chmod(0o755)
    monkeypatch.setattr(bootstrap, "PYTHON", python)
    monkeypatch.setattr(bootstrap, "LOG", tmp_path / "setup.log")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(bootstrap, "TORCH_STAMP", tmp_path / "stamp-torch")
    bootstrap.install_torch()
    assert not done.exists(), "it is there, from pip's own index"
    monkeypatch.setenv("PLUMBLINE_TORCH_INDEX", INDEX)
    for _ in range(2):
        bootstrap.install_torch()
    (command,) = done.read_text().splitlines()
    assert f"--force-reinstall --index-url {INDEX} torch==" in command


def test_it_starts_before_anything_is_installed() -> None:
    command = [sys.executable, "-S", "-m", "rag_site.bootstrap", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
