"""Read the header of a GGUF file without loading it: what it is, what it needs.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (version 2 and
3, little-endian). The `gguf` package needs 14 s for a 1 GB file, because it
builds the tokenizer's lists; here they are walked over.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag_site.errors import InvalidInput

_MAGIC = b"GGUF"
# Value type -> struct format of the fixed-size ones.
_FIXED = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING, _ARRAY = 8, 9
# Types of tensors in files that are seen in practice (ggml_type in ggml.h).
_TENSOR_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    6: "Q5_0",
    7: "Q5_1",
    8: "Q8_0",
    10: "Q2_K",
    11: "Q3_K",
    12: "Q4_K",
    13: "Q5_K",
    14: "Q6_K",
    30: "BF16",
}
# In the names of tensors that hold the experts of a mixture, one beside the other.
_EXPERTS = "_exps."
# Bytes of one number of the key-value cache: llama.cpp keeps it in f16.
_CACHE_BYTES = 2
# Compute buffers, logits and the library itself; measured with 0.5B and 1.5B
# models and a batch of 512 tokens.
BUFFER_BYTES = 400 << 20


class NotGguf(InvalidInput):
    """The file is not a GGUF model, or its header is damaged."""

    code = "not_gguf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a GGUF file says about itself.

    Attributes:
        kv_heads: heads of keys and values, fewer than ``heads`` when queries
            share them.
        quantization: type of most tensors, by parameters.
        context_tokens: longest sequence the model was trained for.
        experts, experts_used: of a mixture, else 0; a token passes through
            ``active_parameters`` of all ``parameters``.
    """

    architecture: str
    name: str
    parameters: int
    quantization: str
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    embedding_size: int
    context_tokens: int
    vocabulary: int
    experts: int = 0
    experts_used: int = 0
    active_parameters: int = 0

    def cache_bytes(self, context_tokens: int) -> int:
        """Return the size of the key-value cache: a key and a value a layer."""
        per_token = 2 * self.layers * self.kv_heads * self.head_size * _CACHE_BYTES
        return per_token * context_tokens


class _Reader:
    """Walks over the bytes of the header; numbers as the file wrote them."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = len(_MAGIC)

    def number(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return value

    def text(self) -> str:
        length = self.number("<Q")
        end = self._at + length
        if end > len(self._data):
            raise NotGguf
        raw = self._data[self._at : end]
        self._at = end
        return raw.decode(errors="replace")

    def value(self, kind: int) -> Any:
        """Return a value; of an array only its length, for it may be long."""
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            return self.number(_FIXED[kind])
        inner, count = self.number("<I"), self.number("<Q")
        if inner in _FIXED:
            self._at += count * struct.calcsize(_FIXED[inner])
        else:
            for _ in range(count):
                self.value(inner)
        return count

    def tensor(self) -> tuple[str, int, str]:
        """Return a tensor's name, its parameters and the type they are kept in."""
        name = self.text()
        shape = [self.number("<Q") for _ in range(self.number("<I"))]
        kind = self.number("<I")
        self.number("<Q")  # where its data lies
        return name, math.prod(shape), _TENSOR_TYPES.get(kind, f"type {kind}")


def read_header(path: Path) -> Header:
    """Raise NotGguf for anything but a whole header."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise NotGguf(f"{path.name} is not a GGUF file.")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _parse(_Reader(data))
            except (struct.error, KeyError) as exc:
                raise NotGguf(f"The header of {path.name} is damaged.") from exc


def _parse(reader: _Reader) -> Header:
    if reader.number("<I") not in {2, 3}:
        raise NotGguf("This version of GGUF is not supported: convert it to version 3.")
    tensors, pairs = reader.number("<Q"), reader.number("<Q")
    facts = {reader.text(): reader.value(reader.number("<I")) for _ in range(pairs)}
    by_type: Counter[str] = Counter()
    of_experts = 0
    for _ in range(tensors):
        name, count, kind = reader.tensor()
        by_type[kind] += count
        of_experts += count if _EXPERTS in name else 0
    architecture = str(facts["general.architecture"])

    def of(key: str, default: int = 0) -> int:
        return int(facts.get(f"{architecture}.{key}", default))

    experts, used = of("expert_count"), of("expert_used_count")
    idle = of_experts * (experts - used) // experts if experts else 0
    heads = of("attention.head_count")
    size = of("embedding_length")
    return Header(
        architecture=architecture,
        name=str(facts.get("general.name", "")),
        parameters=by_type.total(),
        quantization=by_type.most_common(1)[0][0] if by_type else "",
        layers=of("block_count"),
        heads=heads,
        kv_heads=of("attention.head_count_kv", heads),
        head_size=of("attention.key_length", size // heads if heads else 0),
        embedding_size=size,
        context_tokens=of("context_length"),
        vocabulary=int(facts.get("tokenizer.ggml.tokens", 0)),
        experts=experts,
        experts_used=used,
        active_parameters=by_type.total() - idle,
    )
