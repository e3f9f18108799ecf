"""LoRA adapters: small GGUF files beside the weights, chosen by name for each request.

An adapter is asked for as a model of its own, ``lora:NAME``, as other servers have it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from rag_site.adapters import adapter_files

#: Of ``model`` in a request; what follows names the adapter.
PREFIX = "lora:"


class UnknownAdapter(Exception):
    """A request names an adapter that is not loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    name: str
    path: Path
    digest: str


def find_adapters(folder: Path) -> tuple[Adapter, ...]:
    """Return the adapters in ``folder``, NAME.gguf each; files of other names are left."""
    return tuple(
        Adapter(name=name, path=path, digest=_digest(path))
        for name, path in adapter_files(folder).items()
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def adapter_of(model: str, known: frozenset[str]) -> str:
    """Return the adapter that ``model`` of a request names, "" for the bare weights.

    Raises:
        UnknownAdapter: it names one that is not loaded.
    """
    if not model.startswith(PREFIX):
        return ""
    name = model.removeprefix(PREFIX)
    if name not in known:
        raise UnknownAdapter(name)
    return name
