"""Third-party files: what must be found in good ones, and what bad ones may do.

The sets are not part of the repository; set PLUMBLINE_SHARED to their folder.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from ingestion.parsing.ocr_engines import installed
from ingestion.sandbox import parse_in_child
from ingestion.types import PAGE_BREAK, Parsed, ParseJob
from ingestion.uploads import inspect_upload
from rag_site.errors import RagError

_SHARED = Path(
    os.environ.get("PLUMBLINE_SHARED", Path(__file__).resolve().parents[3] / "shared")
)
_SET = _SHARED / "data" / "dev" / "parsing"
_HOSTILE = _SET / "hostile"
_LIMIT = 100_000_000
# Formats that are refused with advice.
_REFUSED = {"doc", "xls"}

pytestmark = pytest.mark.skipif(
    not _SET.is_dir(), reason=f"the parsing set is not at {_SET}"
)


def _rows(folder: Path) -> list[dict[str, Any]]:
    path = folder / "expected.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _parsed(original: Path, name: str, folder: Path) -> Parsed:
    # Stored files are named by their digest: no parser may lean on the name.
    path = folder / "stored"
    shutil.copyfile(original, path)
    found = inspect_upload(path, name, max_bytes=_LIMIT)
    return parse_in_child(
        ParseJob(path=str(path), media_type=found.media_type, name=found.name)
    )


_IGNORED = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u00ad]")


def _normal(text: str) -> str:
    """As the set's own scoring compares: NFKC, no Markdown signs, single spaces."""
    text = unicodedata.normalize("NFKC", _IGNORED.sub("", text))
    return " ".join(re.sub(r"[*_`|#\\]", " ", text).split())


def _good() -> list[Any]:
    """Text recognition takes seconds a page: not among the fast tests."""
    return [
        pytest.param(
            row, marks=[pytest.mark.models] if row["needs_ocr"] else [], id=row["file"]
        )
        for row in _rows(_SET)
    ]


@pytest.mark.parametrize("row", _good())
def test_good_files_give_their_phrases(row: dict[str, Any], tmp_path: Path) -> None:
    path = _SET / "files" / row["file"]
    if row["format"] in _REFUSED or (row["needs_ocr"] and installed() is None):
        with pytest.raises(RagError) as caught:
            _parsed(path, row["file"], tmp_path)
        expected = "no_text" if row["needs_ocr"] else "unsupported_type"
        assert caught.value.code == expected
        return
    parsed = _parsed(path, row["file"], tmp_path)
    text = PAGE_BREAK.join(page.text for page in parsed.pages)
    phrases = row["must_contain"] + row.get("ocr_must_contain", [])
    missing = [p for p in phrases if _normal(p) not in _normal(text)]

    assert missing == []
    assert [p for p in row["must_not_contain"] if p in text] == []
    assert row["pages"] in {None, len(parsed.pages)}


@pytest.mark.parametrize("row", _rows(_HOSTILE), ids=lambda row: row["file"][:40])
def test_hostile_files_are_refused_or_harmless(
    row: dict[str, Any], tmp_path: Path
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    text = error = None
    try:
        original = _HOSTILE / "files" / row["file"]
        parsed = _parsed(original, row["file"], tmp_path)
        text = "\n".join(page.text for page in parsed.pages)
    except RagError as exc:
        error = exc

    assert time.monotonic() - started < row["limits"]["seconds"]
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < 100
    if error is not None:
        assert error.code in _ACCEPTED_CODES[row["error_kind"]]
        assert "Traceback" not in error.message
        return
    assert row["expect"] == "safe"
    assert (row["text_if_accepted"] or "") in (text or "")
    assert "\x00" not in (text or "")
    assert not any(bad in (text or "") for bad in row["must_not_contain"])


_ANY = {
    "encrypted", "corrupt", "no_text", "limit_exceeded", "wrong_extension",
    "unsupported_type", "empty_file",
}  # fmt: skip
_ACCEPTED_CODES = {
    "any": _ANY,
    "password_protected": {"encrypted"},
    "password_protected_or_unsupported": {"encrypted", "unsupported_type"},
    "too_large": {"limit_exceeded"},
    "unsupported_or_too_large": {"unsupported_type", "limit_exceeded"},
    "unsupported_or_too_deep": {"unsupported_type", "limit_exceeded"},
    "unsupported_or_any": _ANY,
    "unsupported": {"unsupported_type"},
    "unsupported_type": {"unsupported_type"},
    "no_text": {"no_text"},
    "empty_file": {"empty_file"},
    "content_mismatch": {"wrong_extension"},
    "corrupt_file": {"corrupt"},
}
