"""Make a model file again in a format whose kernels suit processors: with llama.cpp."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

import llama_cpp

from generation.server.native import available_threads, log_quietly
from rag_site import weights
from rag_site.errors import InvalidInput, Unavailable
from rag_site.weights_derived import Manifest, write_manifest
from rag_site.weights_sources import sha256_of

# Of the catalogue's ``quantization`` -> llama.cpp's number of the file type. The
# matrix of the output keeps the precision that the library gives it.
_FORMATS = {"Q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0}
LIBRARY = f"llama-cpp-python {llama_cpp.__version__}"


class NotDerivable(InvalidInput):
    """This model is not made here. Fetch it with `manage.py models fetch NAME`."""


class DerivingFailed(Unavailable):
    """llama.cpp could not make the file. See the log."""

    code = "model_not_made"


def derive(name: str) -> Path:
    """Return the file of ``name``, made from its source if it is not here yet.

    Raises:
        UnknownWeights, WeightsMissing, WeightsDamaged, DiskFull, DerivingFailed.
    """
    entry = weights.weights_named(name)
    if not entry.derived_from:
        raise NotDerivable
    source = weights.locate(entry.derived_from)
    folder = weights.weights_dir()
    with weights.making(entry):
        is_here = weights.state(name) != "missing"
        if not is_here or not weights.verify(name):
            _make(entry, source, folder)
    return weights.locate(name)


def _make(entry: weights.Weights, source: Path, folder: Path) -> None:
    work = folder / ".partial" / entry.name
    work.mkdir(parents=True, exist_ok=True)
    weights.check_room(entry, work)
    made = work / "model.gguf"
    _quantize(source, made, entry.quantization)
    manifest = Manifest(
        source_digest=weights.digest_of(weights.weights_named(entry.derived_from)),
        recipe=entry.quantization,
        library=LIBRARY,
        digest=sha256_of(made),
        size_bytes=made.stat().st_size,
    )
    made.rename(folder / f"{manifest.digest}.gguf")
    write_manifest(folder, entry.name, manifest)
    shutil.rmtree(work)


def _quantize(source: Path, target: Path, recipe: str) -> None:
    llama_cpp.llama_log_set(log_quietly, None)
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = _FORMATS[recipe]
    params.nthread = available_threads(0)
    # The catalogue's files are quantized already: this adds to their error, which
    # is why docs/evaluation.md says what it costs.
    params.allow_requantize = True
    code = llama_cpp.llama_model_quantize(
        os.fsencode(source), os.fsencode(target), ctypes.byref(params)
    )
    if code != 0:
        raise DerivingFailed
