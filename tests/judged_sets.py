"""Where the judged sets lie, which are not part of the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("PLUMBLINE_SHARED") or ROOT.parent / "shared")


def judged_set(name: str) -> Path:
    """Return the folder of the development set ``name``, or skip the test."""
    folder = SHARED / "data" / "dev" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: set PLUMBLINE_SHARED")
    return folder
