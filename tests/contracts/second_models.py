"""What the contracts of rerankers and entailment models share: a server and weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fakes import word_tokenizer
from tests.fakes_http import replying

# From the body and the headers of a request to the reply's JSON.
Reply = Callable[[Mapping[str, Any], Mapping[str, str]], object]


@contextmanager
def serving(path: str, reply: Reply, **told: str) -> Iterator[str]:
    """Yield the address of a server that answers ``reply`` at ``path``, else 404.

    Args:
        told: headers of its replies.
    """

    def answer(at: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        status = 200 if at == path else 404
        return status, json.dumps(reply(json.loads(body), headers))

    with replying(answer, **told) as url:
        yield f"{url}/v1"


def write_cross_encoder(folder: Path, **config: Any) -> Path:
    """Write a cross-encoder of random weights: the real class, nothing learned."""
    import torch
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        PreTrainedTokenizerFast,
    )

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=word_tokenizer(),
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[UNK]",
        model_max_length=64,
    )
    torch.manual_seed(1)
    shape = BertConfig(
        vocab_size=16,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        **config,
    )
    BertForSequenceClassification(shape).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
