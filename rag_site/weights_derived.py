"""What is known of a model file that was made on this machine from another (a leaf).

Its digest stands in no catalogue. Beside the weights lies a manifest that says what it
was made from, how and by what, and its digest; the file counts only with that digest,
and only while its source is the one that the catalogue names today.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """How one derived file came to be.

    Attributes:
        recipe: the format that the source was quantized to again.
        library: name and version of what did it.
    """

    source_digest: str
    recipe: str
    library: str
    digest: str
    size_bytes: int


def read_manifest(folder: Path, name: str, *, source_digest: str) -> Manifest | None:
    """Return the manifest of ``name``, None where none fits its source."""
    try:
        found = Manifest(**json.loads(_path(folder, name).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    is_whole = len(found.digest) == 64 and found.digest.isalnum()
    return found if is_whole and found.source_digest == source_digest else None


def write_manifest(folder: Path, name: str, manifest: Manifest) -> None:
    whole = _path(folder, name).with_suffix(".new")
    whole.write_text(json.dumps(asdict(manifest), indent=2))
    whole.replace(_path(folder, name))


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.derived.json"
