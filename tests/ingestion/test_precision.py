"""Which precision is chosen, and that it is never chosen silently or for worse."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ingestion import precision
from ingestion.precision import MIN_COSINE, compare, decide
from tests.fakes import HashEmbedder

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


def encoder(*, pause_s: float = 0.0, noise: float = 0.0) -> Encode:
    """Return the fake embedder, slowed down or with its vectors turned a little."""

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        time.sleep(pause_s)
        rows = HashEmbedder().embed_passages(texts)
        rows = rows + noise * np.roll(rows, 1, axis=1)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    return encode


@pytest.fixture
def cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pretend a CPU that computes in bfloat16."""
    info = tmp_path / "cpuinfo"
    info.write_text("model name\t: Test\nflags\t\t: fpu avx512_bf16\n")
    monkeypatch.setattr(precision, "_CPU_INFO", info)
    return info


@pytest.fixture
def loads(settings, tmp_path: Path) -> list[str]:
    settings.VAR_DIR = tmp_path / "var"
    loaded: list[str] = []
    return loaded


def deciding(loads: list[str], weights: str = "a" * 64) -> str:
    def load(name: str) -> Encode:
        loads.append(name)
        return encoder(pause_s=0.05 if name == "float32" else 0.0)

    return decide(load, weights=weights, threads=1)


def test_a_faster_precision_of_the_same_meaning_is_taken():
    verdict = compare(encoder(pause_s=0.05), encoder(noise=0.01))
    assert verdict.precision == "bfloat16"
    assert verdict.speedup > 1.2
    assert verdict.cosine > MIN_COSINE


def test_another_meaning_is_refused_however_fast():
    verdict = compare(encoder(pause_s=0.05), encoder(noise=0.2))
    assert verdict.precision == "float32"
    assert verdict.cosine < MIN_COSINE


def test_a_slower_precision_is_refused():
    assert compare(encoder(), encoder(pause_s=0.05)).precision == "float32"


def test_the_verdict_is_measured_once_and_said_each_time(cpu, loads, caplog):
    caplog.set_level(logging.INFO, "ingestion.precision")
    assert deciding(loads) == deciding(loads) == "bfloat16"
    assert loads == ["float32", "bfloat16"]
    assert caplog.text.count("embedding in bfloat16") == 2


@pytest.mark.parametrize("change", ["cpu", "weights", "file"])
def test_a_change_is_measured_anew(cpu, loads, settings, change):
    deciding(loads)
    if change == "cpu":
        cpu.write_text(cpu.read_text().replace("Test", "Other"))
    if change == "file":
        (settings.VAR_DIR / "precision.json").write_text('{"key": 1')
    deciding(loads, "b" * 64 if change == "weights" else "a" * 64)
    assert len(loads) == 4


def test_what_was_kept_names_the_figures(cpu, loads, settings):
    deciding(loads)
    kept = json.loads((settings.VAR_DIR / "precision.json").read_text())
    assert kept["verdict"]["precision"] == "bfloat16"
    assert kept["verdict"]["speedup"] > 1.2


def test_a_cpu_without_bfloat16_is_not_measured(cpu, loads, caplog):
    caplog.set_level(logging.INFO, "ingestion.precision")
    cpu.write_text("flags\t\t: fpu avx2\n")
    assert deciding(loads) == "float32"
    assert loads == []
    assert "does not compute in bfloat16" in caplog.text


def test_a_folder_that_cannot_be_written_only_costs_time(cpu, loads, settings):
    settings.VAR_DIR.write_text("a file")
    assert deciding(loads) == deciding(loads) == "bfloat16"
    assert len(loads) == 4


def test_an_emulated_precision_is_not_taken_silently(cpu, caplog):
    precision.warn_if_emulated("bfloat16")
    assert caplog.text == ""
    cpu.write_text("flags\t\t: fpu avx2\n")
    precision.warn_if_emulated("bfloat16")
    assert "slower than float32" in caplog.text
