"""Where a file lay in what was sent: its folder and its name, for people. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingestion.uploads import clean_name

# Bytes of UTF-8 that a folder keeps; of longer ones the end says more.
_MAX_FOLDER_BYTES = 500
_MAX_DEPTH = 40
_SEPARATORS = re.compile(r"[/\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder, "" for none and else without slashes around it, and a name."""

    folder: str
    name: str

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.name}" if self.folder else self.name


def place_of(path: str) -> Place:
    """Return the place that a relative path names, safe to store and to show.

    Steps up, empty parts and what ``clean_name`` removes are left out, so no
    part of it can be mistaken for another folder of this machine.
    """
    *folders, name = _SEPARATORS.split(path) or [""]
    kept = [clean_name(part) for part in folders if part.strip(" .")]
    return Place(folder=_shortened(kept[-_MAX_DEPTH:]), name=clean_name(name))


def _shortened(parts: list[str]) -> str:
    while len("/".join(parts).encode()) > _MAX_FOLDER_BYTES and len(parts) > 1:
        parts = parts[1:]
    return "/".join(parts)
