"""The server description: no default secret, no open database, nobody is root."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
GPU = ROOT / "docker-compose.gpu.yml"
SECRETS = (
    "SECRET_KEY",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "PLUMBLINE_MODEL_SERVER_KEY",
)
OURS = ("setup", "web", "worker", "worker-large", "beat", "model")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def test_only_the_web_process_is_published_and_on_loopback(
    services: dict[str, Any],
) -> None:
    published = {name: s["ports"] for name, s in services.items() if "ports" in s}
    assert list(published) == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in published["web"])


def test_only_what_must_reaches_the_outside(services: dict[str, Any]) -> None:
    outside = {n for n, s in services.items() if "outside" in s.get("networks", [])}
    assert outside == {"web", "setup"}


def test_our_processes_run_without_privileges(services: dict[str, Any]) -> None:
    assert set(OURS) < set(services)
    for name in OURS:
        service = services[name]
        assert service["user"] == "10001:10001"
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True


def test_every_lasting_process_has_a_health_check(services: dict[str, Any]) -> None:
    assert {n for n, s in services.items() if "healthcheck" not in s} == {"setup"}


def test_no_secret_has_a_default() -> None:
    text = COMPOSE.read_text()
    for name in SECRETS:
        assert f"${{{name}:?" in text
        assert f"${{{name}:-" not in text
        assert f"\n{name}=\n" in (ROOT / ".env.example").read_text()


def _compose(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    files = [part for name in names for part in ("-f", name)]
    for command in (["docker", "compose"], ["docker-compose"]):
        if not shutil.which(command[0]):
            continue
        version = subprocess.run([*command, "version", "--short"], capture_output=True)
        # Version 1 ended in 2023 and does not know the current file format.
        if version.returncode == 0 and not version.stdout.startswith(b"1."):
            return subprocess.run(
                [*command, *files, "config", "--quiet"],
                cwd=folder,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)},
                capture_output=True,
                text=True,
            )
    pytest.skip("docker compose (version 2 or newer) is not installed here")


def test_compose_accepts_the_file_once_the_secrets_are_there(tmp_path: Path) -> None:
    shutil.copy(COMPOSE, tmp_path)
    example = (ROOT / ".env.example").read_text()
    (tmp_path / ".env").write_text(example)
    refused = _compose(tmp_path)
    assert refused.returncode != 0
    assert "SECRET_KEY" in refused.stderr
    filled = example
    for name in (*SECRETS, "PLUMBLINE_ALLOWED_HOSTS"):
        filled = filled.replace(f"\n{name}=\n", f"\n{name}={'x' * 40}\n")
    (tmp_path / ".env").write_text(filled)
    shutil.copy(GPU, tmp_path)
    for names in ((), (COMPOSE.name, GPU.name)):
        accepted = _compose(tmp_path, *names)
        assert accepted.returncode == 0, accepted.stderr


def test_a_gpu_changes_the_model_server_and_starts_no_second(
    services: dict[str, Any],
) -> None:
    over = yaml.safe_load(GPU.read_text())["services"]
    assert list(over) == ["model"]
    assert over["model"]["build"]["args"] == {"VARIANT": "gpu"}
    servers = [n for n, s in services.items() if "serve_model" in s.get("command", ())]
    assert servers == ["model"]
    assert not any("profiles" in service for service in services.values())


def test_the_web_process_may_end_its_answers_and_starts_without_the_model(
    services: dict[str, Any],
) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    found = re.search(r'"--timeout-graceful-shutdown", "(\d+)"', dockerfile)
    assert found
    grace = services["web"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > int(found[1])
    assert "model" not in services["web"]["depends_on"]
