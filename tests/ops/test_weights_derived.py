"""A model made here from another counts only with the digest that it got then."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from generation.server import deriving
from generation.server.deriving import derive
from rag_site import weights
from rag_site.gguf import read_header
from rag_site.weights_catalogue import CATALOGUE, Weights

ROOT = Path(__file__).resolve().parents[2]
SOURCE = CATALOGUE["smollm2-135m-instruct-q4_1"]
MADE = replace(
    SOURCE,
    name="smollm2-135m-instruct-q4_0",
    digest=None,
    quantization="Q4_0",
    derived_from=SOURCE.name,
    sources=(),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights that holds the source alone, and a catalogue of both."""
    try:
        found = weights.locate(SOURCE.name)
    except weights.WeightsMissing as missing:
        pytest.skip(missing.message)
    monkeypatch.setattr(weights, "CATALOGUE", {w.name: w for w in (SOURCE, MADE)})
    monkeypatch.setenv("PLUMBLINE_WEIGHTS", str(tmp_path))
    (tmp_path / found.name).symlink_to(found)
    return tmp_path


def test_until_it_is_made_it_is_missing_and_says_how(folder: Path) -> None:
    assert weights.state(MADE.name) == "missing"
    for ask in (weights.locate, weights.fetch):
        with pytest.raises(weights.NotDerived, match=f"models derive {MADE.name}"):
            ask(MADE.name)
    with pytest.raises(deriving.NotDerivable):
        derive(SOURCE.name)


@pytest.mark.models
def test_it_is_made_once_and_known_by_its_own_digest(folder: Path) -> None:
    path = derive(MADE.name)
    header = read_header(path)
    assert header.layers == read_header(weights.locate(SOURCE.name)).layers
    manifest = weights.manifest_of(MADE)
    assert path.name == f"{manifest.digest}.gguf"
    assert manifest.source_digest == SOURCE.digest
    assert (manifest.recipe, manifest.library) == ("Q4_0", deriving.LIBRARY)
    assert manifest.size_bytes == path.stat().st_size < SOURCE.size_bytes
    assert weights.state(MADE.name) == "ready"
    before = path.stat().st_mtime_ns
    assert derive(MADE.name) == path
    assert path.stat().st_mtime_ns == before
    assert not (folder / ".partial" / MADE.name).exists()


@pytest.mark.models
def test_the_set_up_makes_what_the_catalogue_makes_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "qwen2.5-coder-0.5b-instruct-q4_0"
    try:
        source = weights.locate(CATALOGUE[name].derived_from)
    except weights.WeightsMissing as missing:
        pytest.skip(missing.message)
    monkeypatch.setenv("PLUMBLINE_WEIGHTS", str(tmp_path))
    (tmp_path / source.name).symlink_to(source)
    command = [sys.executable, "-m", "rag_site.weights", name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert weights.state(name) == "ready"


@pytest.mark.models
def test_a_changed_file_is_refused_and_made_again(folder: Path) -> None:
    path = derive(MADE.name)
    with path.open("r+b") as file:
        file.seek(5000)
        file.write(b"changed")
    with pytest.raises(weights.WeightsDamaged):
        weights.locate(MADE.name)
    again = derive(MADE.name)
    assert weights.verify(MADE.name)
    assert again == path


def _manifest(folder: Path, entry: Weights, **changes: str) -> None:
    facts = {
        "source_digest": SOURCE.digest,
        "recipe": "Q4_0",
        "library": "x",
        "digest": "a" * 64,
        "size_bytes": 1,
    }
    path = folder / f"{entry.name}.derived.json"
    path.write_text(json.dumps(facts | changes))


@pytest.mark.parametrize(
    "changes",
    [{"source_digest": "b" * 64}, {"digest": "../../x"}, {"who": "else"}],
)
def test_a_manifest_that_does_not_fit_counts_as_none(
    folder: Path, changes: dict[str, str]
) -> None:
    _manifest(folder, MADE)
    assert weights.digest_of(MADE) == "a" * 64
    _manifest(folder, MADE, **changes)
    with pytest.raises(weights.NotDerived):
        weights.digest_of(MADE)


def test_a_manifest_without_its_file_is_not_enough(folder: Path) -> None:
    _manifest(folder, MADE)
    assert weights.state(MADE.name) == "missing"
    with pytest.raises(weights.NotDerived):
        weights.locate(MADE.name)
