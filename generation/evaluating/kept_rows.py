"""Results of an evaluation as JSON lines, so that a run of hours can be taken up again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retrieval.corpora import read_lines


class KeptRows:
    """What a file holds already, by the value of ``key``, and what is added to it.

    Raises:
        CorpusInvalid: a line is not JSON.
    """

    def __init__(self, path: Path | None, *, key: str) -> None:
        self._path, self._key = path, key
        found = read_lines(path) if path and path.exists() else ()
        self._known = {row.pop(key): row for row in found}

    def get(self, name: str) -> dict[str, Any] | None:
        return self._known.get(name)

    def add(self, name: str, result: Mapping[str, Any]) -> None:
        if self._path is None:
            return
        row = {self._key: name, **result}
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row, default=sorted, ensure_ascii=False) + "\n")
