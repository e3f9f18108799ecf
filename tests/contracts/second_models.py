"""What the contracts of rerankers and entailment models share: a server and weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.fakes import word_tokenizer

# From the body and the headers of a request to the reply's JSON.
Reply = Callable[[Mapping[str, Any], Mapping[str, str]], object]


@contextmanager
def serving(path: str, reply: Reply, **told: str) -> Iterator[str]:
    """Yield the address of a server that answers ``reply`` at ``path``, else 404.

    Args:
        told: headers of its replies.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = json.dumps(reply(body, dict(self.headers))).encode()
            self.send_response(200 if self.path == path else 404)
            self.send_header("Content-Length", str(len(content)))
            for name, value in told.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


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
