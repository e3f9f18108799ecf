"""The files of LoRA adapters by name (a leaf): what the model server loads at its start."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def adapter_files(folder: Path) -> dict[str, Path]:
    """Return NAME.gguf of ``folder`` by name, in their order; other files are left."""
    files = sorted(folder.glob("*.gguf")) if folder.is_dir() else []
    return {path.stem: path for path in files if _NAME.fullmatch(path.stem)}
