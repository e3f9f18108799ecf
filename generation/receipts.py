"""What made an answer, so that it can be checked and made again.

Sources and citations have rows of their own; beside them an answer keeps this: the
digest of every byte that was sent, how tokens were chosen, what the decision to
answer rested on, and what was found and left out. It holds no text of documents, but
for what the model wrote of them, which is for ``replay`` alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from generation import prompting
from generation.llm import Message, ModelInfo, SamplingParams
from generation.types import SourceRef
from rag_site.errors import RagError
from rag_site.weights import weights_named
from retrieval.types import Hit


def digest_of(messages: Sequence[Message]) -> str:
    """Return the SHA-256 of roles and contents, in their order."""
    found = hashlib.sha256()
    for message in messages:
        found.update(f"{message.role}\x00{message.content}\x00".encode())
    return found.hexdigest()


def prompts_of(
    receipt: Mapping[str, Any],
    question: str,
    sources: Sequence[SourceRef],
    extra: prompting.Extra,
) -> list[tuple[Message, ...]]:
    """Return what was sent over ``sources``: one prompt, or one for each group of them."""
    if receipt["asked_for"] != "gather":
        sent = prompting.sent_for(receipt["asked_for"], question, sources, extra)
        return [sent]
    rest = iter(sources)
    groups = [list(islice(rest, size)) for size in receipt["groups"]]
    return [prompting.gather_of(question, group, extra) for group in groups]


def shown_of(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """Return what readers may see: not what was written and then refused or mended."""
    return {name: value for name, value in receipt.items() if name != "written"}


def text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sampling_of(params: SamplingParams) -> dict[str, Any]:
    """Return how tokens were chosen, as sent to the model server."""
    fields = asdict(params)
    return {**fields, "stop": list(params.stop)}


def model_of(model: ModelInfo) -> dict[str, Any]:
    return {
        "name": model.name,
        "digest": model.digest,
        "quantization": quantization_of(model.name),
        "context_tokens": model.context_tokens,
    }


def quantization_of(name: str) -> str:
    """Return the quantization of a model of the catalogue, "" for others."""
    try:
        return weights_named(name).quantization
    except RagError:
        return ""


def left_out_of(
    hits: Sequence[Hit], sources: Sequence[SourceRef]
) -> list[dict[str, Any]]:
    """Return the passages that were found and not read, and how much of others was.

    ``characters`` is how much of a passage was left out.
    """
    rows: list[dict[str, Any]] = []
    for hit in hits:
        inside = [
            source
            for source in sources
            if source.version_id == hit.version_id
            and hit.start <= source.start < hit.end
        ]
        kept = sum(s.end - s.start for s in inside)
        if kept < hit.end - hit.start:
            rows.append(
                {
                    "document_id": str(hit.document_id),
                    "version_id": str(hit.version_id),
                    "page": hit.page,
                    "start": hit.start,
                    "end": hit.end,
                    "score": round(hit.score, 4),
                    "source": inside[0].n if inside else None,
                    "characters": hit.end - hit.start - kept,
                }
            )
    return rows
